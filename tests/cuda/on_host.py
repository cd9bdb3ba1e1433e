"""The kernels on the emulator: g++ in the place of nvcc, everything else as it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from rtseg.picture import plane_view
from rtseg.sources.file import VideoFile
from tests.cuda.emulator import compile_kernels

if TYPE_CHECKING:
    from pathlib import Path


class HostCompiler:
    """Makes code for the emulator. See `rtseg.cuda.compiler.Compiler`."""

    name = "g++"
    cuda = (13, 0)

    def compile(self, source: Path, _: tuple[int, int]) -> bytes:
        return compile_kernels(source).read_bytes()


def first_picture(film: Path) -> av.VideoFrame:
    with VideoFile(film) as source:
        return next(iter(source)).picture


def corner_of(
    picture: av.VideoFrame, size: tuple[int, int], *, colorspace: int = 1, color_range: int = 1
) -> av.VideoFrame:
    """The top left (width, height) of a yuv420p picture, as if it had been tagged like this."""
    corner = av.VideoFrame(*size, "yuv420p")
    corner.colorspace, corner.color_range = colorspace, color_range
    for index in range(3):
        plane = plane_view(corner, index)
        plane[:] = plane_view(picture, index)[: plane.shape[0], : plane.shape[1]]
    return corner


def levels_of(picture: av.VideoFrame) -> list[np.ndarray]:
    """Copies of Y, U and V."""
    return [plane_view(picture, index).copy() for index in range(3)]


def farthest(one: list[np.ndarray], other: list[np.ndarray]) -> tuple[int, float]:
    """The largest difference in levels, and the share of levels that differ."""
    differences = [np.abs(a.astype(int) - b) for a, b in zip(one, other, strict=True)]
    count = sum(difference.size for difference in differences)
    return max(int(d.max()) for d in differences), sum(int((d > 0).sum()) for d in differences) / count
