"""The source as films of other lengths, rates and sizes."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from rtseg.bench import film
from rtseg.bench.film import Films, repeat_packets
from rtseg.bench.runs import PipelineRun
from rtseg.errors import SourceError
from rtseg.sources import open_source


def write_film(path, frames: int, *, b_frames: int = 0, fps: int = 25) -> list[int]:
    """A film whose frames are told apart by their grey; returns the greys."""
    greys = [20 + 10 * (index % 20) for index in range(frames)]
    with av.open(str(path), "w") as out:
        options = {"bf": str(b_frames), "x264-params": "scenecut=0:b-adapt=0", "crf": "1"}
        video = out.add_stream("libx264", rate=fps, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for index, grey in enumerate(greys):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), grey, np.uint8), "yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, fps)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
    return greys


def read(path) -> tuple[list[int], list[Fraction], Fraction]:
    with open_source(str(path)) as source:
        frames = list(source)
        greys = [round(float(frame.picture.to_ndarray()[:48].mean())) for frame in frames]
        return greys, [frame.pts * frame.time_base for frame in frames], source.fps


@pytest.mark.parametrize("b_frames", [0, 3])
def test_packets_are_repeated_in_the_order_of_showing_at_even_times(tmp_path, b_frames):
    greys = write_film(tmp_path / "in.mp4", 12, b_frames=b_frames)
    repeat_packets(
        str(tmp_path / "in.mp4"), tmp_path / "out.mp4", fps=15, frames=30, check_stopped=lambda: None
    )
    shown, times, fps = read(tmp_path / "out.mp4")
    assert [b - a for a, b in pairwise(times)] == [Fraction(1, 15)] * (len(times) - 1)
    assert fps == 15
    expected = (greys * 3)[:24]
    assert np.abs(np.array(shown[:24]) - expected).max() <= 3


def test_a_long_film_is_taken_as_it_is_and_a_short_one_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "LEAST_FRAMES", 20)
    write_film(tmp_path / "long.mp4", 20)
    write_film(tmp_path / "short.mp4", 8)
    folder = tmp_path / "made"
    folder.mkdir()
    assert Films(str(tmp_path / "long.mp4"), folder, lambda: None).long() == str(tmp_path / "long.mp4")
    films = Films(str(tmp_path / "short.mp4"), folder, lambda: None)
    assert len(read(films.long())[0]) == 20
    assert len(films.notes) == 1
    assert films.long() == films.long()


def test_other_sizes_are_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "LEAST_FRAMES", 10)
    films = Films("synth://160x120@30?seconds=0.1", tmp_path, lambda: None)
    with open_source(films.sized(96, 64)) as source:
        assert (source.width, source.height, len(list(source))) == (96, 64, 10)


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "x.mp4").write_text("no film")
    with pytest.raises(SourceError):
        Films(str(tmp_path / "x.mp4"), tmp_path, lambda: None).long()


def test_a_frame_that_is_late_or_never_shown_misses_its_budget():
    run = PipelineRun(
        0, 1, {}, 10, 4, {"superseded before infer": 6}, 4.0, {}, {}, [20.0, 33.0, 34.0, 99.0], []
    )
    assert [run.missed(budget) for budget in (33, 50, 100)] == [8, 7, 6]
