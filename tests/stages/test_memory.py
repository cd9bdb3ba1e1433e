"""What a frame needs on its way is the memory of the frames before it, once they are gone."""

from __future__ import annotations

import tracemalloc
from itertools import islice

from rtseg.backends.simulated import SimulatedBackend
from rtseg.classes import CAMVID
from rtseg.model import find_model
from rtseg.sources.file import VideoFile
from rtseg.stages.colorize import Colorize
from rtseg.stages.infer import Infer
from rtseg.stages.preprocess import Preprocess

WARM_UP, COUNTED = 30, 90


def test_once_warm_nothing_more_is_taken(videos):
    model = find_model(None, "int8", ())
    stages = [Preprocess(model.input_hw), Infer(SimulatedBackend(model)), Colorize(CAMVID, legend=True)]
    grown, images, pictures = [], [], []
    with VideoFile(videos / "highway.mp4") as film, stages[0], stages[1], stages[2]:
        for number, frame in enumerate(islice(film, WARM_UP + COUNTED)):
            if number == WARM_UP:
                tracemalloc.start()
            prepared = stages[0].process(frame)
            painted = stages[2].process(stages[1].process(prepared))
            if number > WARM_UP:
                images.append(prepared.image_rgb.ctypes.data)
                pictures.append(painted.picture.planes[0].buffer_ptr)
                grown.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    picture_bytes = film.width * film.height * 3 // 2
    assert max(grown) - min(grown) < picture_bytes / 4
    assert (
        grown[-1] - grown[COUNTED // 2] < 10_000
    )  # what is counted, not what is painted: a few numbers a frame
    assert len(set(images)) <= COUNTED // 8  # four or five
    assert len(set(pictures)) <= COUNTED // 8
