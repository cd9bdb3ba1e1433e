"""What it costs and what it saves to infer only every nth frame of a file: a Markdown table, and the curve.

python benchmarks/every.py ../shared/data/camvid CLIP [--curve docs/every.svg] [--frames 300] [--rounds 3]

Labels are compared with the truth label by label, through `rtseg run` itself: on CamVid's val split, which is
a labelled film at 15 Hz, and on a synthetic drive at 30 Hz, whose truth is exact. Speed is that of the whole
way from H.264 to H.264 at 1280×720: the clip is scaled and repeated first, and all n are run in turn, in
processes of their own; the medians are printed, of frames a second from the first to the last one written,
and of CPU milliseconds a frame. The shipped INT8 model on the default backend. The curve needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from throughput import OURS, write_clip

from rtseg.classes import CAMVID
from rtseg.options import RunOptions
from rtseg.picture import plane_view
from rtseg.report import cores, environment
from rtseg.session import Session
from rtseg.sources.synthetic import SyntheticDrive
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rtseg.stages.keys import Every

EVERY: tuple[Every, ...] = (1, 2, 3, 4, 5, 6, 8, 12, "auto")
DRIVE = SyntheticDrive(480, 360, Fraction(30), seconds=Fraction(5), seed=20_261)
DRIVE_URI = "synth://480x360@30?seconds=5&seed=20261"


@dataclass(frozen=True)
class Speed:
    """Frames a second, CPU milliseconds a frame, and the share of frames that were inferred."""

    fps: float
    cpu_ms: float
    inferred: float


@dataclass(frozen=True)
class Quality:
    """The mIoU of what is shown, and the share of frames that were inferred."""

    miou: float
    inferred: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("clip")
    parser.add_argument("--curve", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        camvid = [quality_on_camvid(arguments.data, every, Path(folder)) for every in EVERY]
        drive = [quality_on_the_drive(every, Path(folder)) for every in EVERY]
        speed = speeds(arguments.clip, arguments.frames, arguments.rounds, Path(folder))
    facts = environment("openvino")
    print(
        f"{cores()} cores of {facts['cpu']}, rtseg {facts['rtseg']}, PyAV {av.__version__}, OpenCV "
        f"{cv2.__version__}; {arguments.frames} frames, median of {arguments.rounds} rounds\n"
    )
    print(table(camvid, drive, speed))
    if arguments.curve is not None:
        draw(arguments.curve, camvid, drive, speed)


def quality_on_camvid(data: Path, every: Every, folder: Path) -> Quality:
    """Run over the labelled film at 15 Hz."""
    labelled = LabelledFolder(data, "val", CAMVID)
    truths = (labelled.read(index)[1] for index in range(len(labelled)))
    return quality(str(data / "val"), every, truths, folder)


def quality_on_the_drive(every: Every, folder: Path) -> Quality:
    """Run over the synthetic drive at 30 Hz."""
    truths = (DRIVE.render(index)[1] for index in range(DRIVE.frame_count))
    return quality(DRIVE_URI, every, truths, folder)


def quality(source: str, every: Every, truths: Iterator[NDArray[np.uint8]], folder: Path) -> Quality:
    """Compare the label maps that are written with the true ones."""
    maps = folder / "labels.mkv"
    with Session(RunOptions(source, labels=maps, precision="int8", every=every, overwrite=True)) as session:
        session.run()
        frames = session.report()["frames"]
    confusion = ConfusionMatrix(CAMVID)
    with av.open(str(maps)) as film:
        for truth, shown in zip(truths, film.decode(video=0), strict=True):
            confusion.add(truth, np.array(plane_view(shown, 0)))
    score = Quality(confusion.miou(), frames["fresh"] / frames["captured"])
    print(f"{source}, {every}: {score}", file=sys.stderr)
    return score


def speeds(clip: str, frames: int, rounds: int, folder: Path) -> list[Speed]:
    """Time all n in turn."""
    film, out = folder / "in.mp4", folder / "out.mp4"
    write_clip(clip, film, 1280, 720, frames)
    measured: list[list[list[float]]] = [[] for _ in EVERY]
    for _ in range(rounds):
        for every, figures in zip(EVERY, measured, strict=True):
            command = [sys.executable, "-c", OURS, str(film), str(out), str(every)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            told = json.loads(done.stdout)
            frames_shown, cpu_ms = told["frames"], told["cpu_seconds"] * 1e3
            figures.append([frames_shown / told["seconds"], cpu_ms / frames_shown, told["inferred"]])
            print(f"1280×720, {every}: {figures[-1]}", file=sys.stderr)
    return [Speed(*map(statistics.median, zip(*figures, strict=True))) for figures in measured]


def table(camvid: Sequence[Quality], drive: Sequence[Quality], speed: Sequence[Speed]) -> str:
    """A row for each n; the losses are against the first row."""
    lines = [
        "| `--every` | CamVid, 15 Hz: mIoU | lost, points | drive, 30 Hz: mIoU | lost, points "
        "| 1280×720: fps | times plain | CPU ms a frame | times less | inferred: CamVid, drive, clip |",
        "|---" * 10 + "|",
    ]
    for every, one, two, fast in zip(EVERY, camvid, drive, speed, strict=True):
        shares = ", ".join(f"{share * 100:.0f} %" for share in (one.inferred, two.inferred, fast.inferred))
        cells = [
            f"{every}",
            *(
                cell
                for now, plain in ((one, camvid[0]), (two, drive[0]))
                for cell in (f"{now.miou:.4f}", f"{(plain.miou - now.miou) * 100:.2f}")
            ),
            f"{fast.fps:.1f}",
            f"{fast.fps / speed[0].fps:.2f}",
            f"{fast.cpu_ms:.1f}",
            f"{speed[0].cpu_ms / fast.cpu_ms:.2f}",
            shares,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(path: Path, camvid: Sequence[Quality], drive: Sequence[Quality], speed: Sequence[Speed]) -> None:
    """The curve of speed against mIoU lost; `auto` stands apart."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    times = [one.fps / speed[0].fps for one in speed]
    for name, scores, colour in (("CamVid, 15 Hz", camvid, "C0"), ("drive, 30 Hz", drive, "C1")):
        lost = [(scores[0].miou - one.miou) * 100 for one in scores]
        axes.plot(times[:-1], lost[:-1], "o-", color=colour, label=name)
        axes.plot(times[-1:], lost[-1:], "*", color=colour, markersize=14, label=f"{name}, auto")
        for every, x, y in zip(EVERY[:-1], times, lost, strict=False):
            axes.annotate(str(every), (x, y), textcoords="offset points", xytext=(4, -11), fontsize=8)
    axes.axhline(1, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("speed at 1280×720, times that of every frame")
    axes.set_ylabel("mIoU lost, points")
    axes.invert_yaxis()
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
