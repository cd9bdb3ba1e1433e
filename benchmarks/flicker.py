"""How much labels flicker, with `--smooth` and without, and what it costs: a Markdown table.

python benchmarks/flicker.py ../shared/data/camvid [CLIP ...] [--frames 150]

A flip is a pixel whose label differs from the one in the frame before: at its own place, and where that place
was in the frame before, by optical flow on pictures of the model's size (dense inverse search, OpenCV's
MEDIUM preset: not the flow that --smooth goes by). The first counts motion as well; the second is flicker.
Films: CamVid's val split, which is labelled, at 15 Hz; the synthetic drive at 30 Hz, likewise; the clips,
without truth. The shipped INT8 model; CPU milliseconds a frame are those of the stage in a whole run.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from every import DRIVE, DRIVE_URI

from rtseg.classes import CAMVID
from rtseg.options import RunOptions
from rtseg.picture import plane_view
from rtseg.report import cores, environment
from rtseg.session import Session
from rtseg.sources import open_source
from rtseg.stages.flow import Mover
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Map = NDArray[np.uint8]


@dataclass(frozen=True)
class Flicker:
    """Shares of pixels that flip, plain and along the motion; mIoU where there is truth; the stage's cost."""

    flips: float
    along_motion: float
    miou: float | None
    cpu_ms: float


def main() -> None:
    """Run over each film twice, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--frames", type=int, default=150)
    arguments = parser.parse_args()
    labelled = LabelledFolder(arguments.data, "val", CAMVID)
    films: list[tuple[str, str, list[Map]]] = [
        (
            "CamVid val, 15 Hz",
            str(arguments.data / "val"),
            [labelled.read(index)[1] for index in range(len(labelled))],
        ),
        ("synthetic drive, 30 Hz", DRIVE_URI, [DRIVE.render(i)[1] for i in range(DRIVE.frame_count)]),
        *((Path(clip).name, clip, []) for clip in arguments.clips),
    ]
    facts = environment("openvino")
    print(f"{cores()} cores of {facts['cpu']}, rtseg {facts['rtseg']}, OpenCV {cv2.__version__}\n")
    print("| film | smooth | flips | along the motion | mIoU | CPU ms a frame |\n|---|---|---|---|---|---|")
    for name, source, truths in films:
        for smooth in (False, True):
            found = flicker_of(source, truths, smooth, arguments.frames)
            miou = f"{found.miou:.4f}" if found.miou is not None else "–"
            cost = f"{found.cpu_ms:.1f}" if smooth else "–"
            shares = f"{found.flips:.2%} | {found.along_motion:.2%}"
            print(f"| {name} | {'yes' if smooth else 'no'} | {shares} | {miou} | {cost} |", flush=True)


def flicker_of(source: str, truths: Sequence[Map], smooth: bool, frames: int) -> Flicker:
    """Run over a film, and count."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.mkv"
        options = RunOptions(source, labels=labels, precision="int8", smooth=smooth, max_frames=frames)
        with Session(options) as session:
            session.run()
            cpu_ms = session.report()["cpu_ms_per_frame"].get("smooth", 0.0)
        maps = maps_in(labels)
    height, width = maps[0].shape
    motions = motions_in(source, width, height, len(maps))
    pairs, mover = list(itertools.pairwise(maps)), Mover()
    flips = [np.mean(before != after) for before, after in pairs]
    along = [
        np.mean(mover.moved(before, motion) != after)
        for (before, after), motion in zip(pairs, motions, strict=True)
    ]
    confusion = ConfusionMatrix(CAMVID)
    for truth, shown in zip(truths, maps, strict=False):
        confusion.add(truth, shown)
    miou = confusion.miou() if truths else None
    return Flicker(float(np.mean(flips)), float(np.mean(along)), miou, cpu_ms)


def maps_in(path: Path) -> list[Map]:
    """The label maps of a lossless film of them."""
    with av.open(str(path)) as film:
        return [np.array(plane_view(picture, 0)) for picture in film.decode(video=0)]


def motions_in(source: str, width: int, height: int, frames: int) -> list[NDArray[np.float32]]:
    """Where each pixel was in the frame before, for all frames but the first, at the labels' size."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    with open_source(source) as film:
        greys = [
            frame.picture.reformat(width, height, "gray").to_ndarray()
            for frame in itertools.islice(film, frames)
        ]
    return [
        np.asarray(search.calc(after, before, None), np.float32)
        for before, after in itertools.pairwise(greys)
    ]


if __name__ == "__main__":
    main()
