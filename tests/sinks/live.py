"""Painted pictures that count themselves, and children that write them, for the tests of live sinks."""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from rtseg.frame import Frame, LabelMap, Painted
from rtseg.sinks.recording import RecordingSink
from rtseg.sources.drive import number_from_strip
from rtseg.sources.synthetic import SyntheticDrive

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (320, 240)
FPS = 30
UNIT = Fraction(1, 90_000)
LABELS = LabelMap(np.zeros((24, 32), np.uint8))


@cache
def drive(size: tuple[int, int] = SIZE) -> SyntheticDrive:
    return SyntheticDrive(*size, Fraction(FPS), seconds=Fraction(1000))


@cache
def rendered(index: int, size: tuple[int, int] = SIZE) -> av.VideoFrame:
    return drive(size).frame_from_rgb(drive(size).render(index)[0], index).picture


def painted(index: int, pts: int, size: tuple[int, int] = SIZE) -> Painted:
    """Picture `index`, its number in it, at `pts`, in 1/90000 s."""
    picture = rendered(index, size)
    return Painted(Frame(index, pts, UNIT, time.monotonic_ns(), picture), LABELS, picture)


def uneven_pts(count: int, begin: int = 0) -> list[int]:
    """Times between a sixtieth and a fifteenth of a second apart."""
    steps = np.random.default_rng(count).integers(1500, 6000, count - 1)
    return [begin, *(begin + np.cumsum(steps)).tolist()]


def read_back(path: Path) -> Iterator[tuple[Fraction, int | None, bool]]:
    """Time in seconds, number, and whether it is a key frame, for each picture of a film."""
    with av.open(str(path)) as film:
        for picture in film.decode(video=0):
            yield (
                picture.pts * picture.time_base,
                number_from_strip(picture.to_ndarray(format="rgb24")),
                picture.key_frame,
            )


def record_for_ever(path: Path, split_s: float | None) -> None:
    """Record in real time, until killed; tells each frame that was taken."""
    with RecordingSink(path, drive(), split_s=split_s) as sink:
        for index in range(10_000):
            sink.write(painted(index % 20, index * 3000))
            sys.stdout.write(f"{index}\n")
            sys.stdout.flush()
            time.sleep(0.005)


if __name__ == "__main__":
    record_for_ever(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else None)
