"""Who lays colours over pictures: the CPU here, the GPU in rtseg/cuda/painter.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from rtseg.errors import InputError
from rtseg.picture import plane_view
from rtseg.stages.enlarge import REFINED_FROM, Rounder

if TYPE_CHECKING:
    from types import TracebackType

    import av
    from numpy.typing import NDArray

    from rtseg.stages.tint import Coat


class Painter(Protocol):
    """Lays coats over pictures. It is used by one thread at a time, and may be entered again."""

    def __enter__(self) -> object:
        """Get ready."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Let go of everything."""

    def paint(
        self, picture: av.VideoFrame, ids: NDArray[np.uint8], coat: Coat, painted: av.VideoFrame
    ) -> None:
        """Write the picture with the coat over it to `painted`.

        Colours, not ids, are interpolated to the planes' sizes, so edges are smooth.

        Args:
            picture: yuv420p or yuvj420p, only read.
            ids: class ids, uint8, (H, W), of any size; they are stretched over the picture.
            coat: colours by id, in the picture's matrix and range.
            painted: yuv420p of the picture's size; all of its Y, U and V are written.
        """


_SHAPES_KEPT = 16
"""Scratch buffers kept; a film needs six."""


class CpuPainter:
    """Paints with OpenCV, plane by plane. Owns scratch memory, so it serves one thread. See `Painter`."""

    def __init__(self) -> None:
        self._rounder = Rounder()
        self._scratch: dict[tuple[str, tuple[int, ...]], NDArray[np.uint8]] = {}

    def __enter__(self) -> object:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def paint(
        self, picture: av.VideoFrame, ids: NDArray[np.uint8], coat: Coat, painted: av.VideoFrame
    ) -> None:
        """Write the picture with the coat over it to `painted`; may be called without entering."""
        rounded = self._rounder.round(ids)
        for index, levels in enumerate(coat.levels):
            self._paint_plane(plane_view(picture, index), rounded, coat, levels, plane_view(painted, index))

    def _paint_plane(
        self,
        plane: NDArray[np.uint8],
        ids: NDArray[np.uint8],
        coat: Coat,
        levels: NDArray[np.uint8],
        out: NDArray[np.uint8],
    ) -> None:
        colour = self._stretched("colour", ids, levels, plane.shape)
        if coat.is_uniform:
            cv2.addWeighted(plane, 1 - coat.opacity, colour, coat.opacity, 0, dst=out)
            return
        keep = self._stretched("keep", ids, coat.keep, plane.shape)
        cv2.multiply(plane, keep, dst=out, scale=1 / 255)
        cv2.add(out, colour, dst=out)

    def _stretched(
        self, name: str, ids: NDArray[np.uint8], table: NDArray[np.uint8], shape: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        levels = self._buffer("looked up", ids.shape)
        cv2.LUT(ids, table, dst=levels)
        if shape[0] * shape[1] >= REFINED_FROM * ids.size:
            levels = self._rounder.refine(levels)
        stretched = self._buffer(name, shape)
        cv2.resize(levels, shape[::-1], dst=stretched, interpolation=cv2.INTER_LINEAR)
        return stretched

    def _buffer(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        buffer = self._scratch.get((name, shape))
        if buffer is None:
            if len(self._scratch) >= _SHAPES_KEPT:  # images of ever new sizes
                self._scratch.clear()
            buffer = self._scratch[name, shape] = np.empty(shape, np.uint8)
        return buffer


def check_overlay(overlay_on: str, backend: str) -> None:
    """Refuse what no backend of this run can do.

    Raises:
        InputError: there is no such place, or the GPU is not in use.
    """
    if overlay_on not in ("cpu", "gpu"):
        raise InputError(f"overlay on {overlay_on}: there is no such place. Choose cpu or gpu.")
    if overlay_on == "gpu" and backend != "tensorrt":
        raise InputError(
            f"--overlay-on gpu goes with --backend tensorrt, and this run takes {backend}. Leave it out."
        )


def painter_on(overlay_on: str) -> Painter | None:
    """Who lays the colours over pictures; None for the CPU."""
    if overlay_on == "cpu":
        return None
    from rtseg.cuda.painter import GpuPainter

    return GpuPainter()
