"""Colour laid over one plane of a picture, as class ids say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.stages.colours import yuv_from_rgb

if TYPE_CHECKING:
    from av.video.reformatter import ColorRange
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet
    from rtseg.stages.colours import Matrix

_BLACK_RGB = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Tint:
    """How strongly each class is painted, and in which colours.

    Attributes:
        classes: the classes; ids beyond them count as black.
        opacity: 0 leaves the picture, 1 hides it.
        painted: names of the classes that are painted; pixels of others keep the picture.
    """

    classes: ClassSet
    opacity: float
    painted: frozenset[str]

    @property
    def is_uniform(self) -> bool:
        """Whether all classes are painted, so that every pixel is blended alike."""
        return self.painted.issuperset(self.classes.names)

    def tables(self, matrix: Matrix, colour_range: ColorRange) -> NDArray[np.uint8]:
        """Look-up tables from id to level.

        Returns:
            (3, 256): what ids add to Y, U and V. For a uniform tint the full colour, else already multiplied
            by the opacity, and 0 for classes that are not painted.
        """
        palette = [*self.classes.palette_rgb, *[_BLACK_RGB] * (256 - len(self.classes))]
        levels = yuv_from_rgb(palette, matrix, colour_range)
        if not self.is_uniform:
            levels *= self._opacities()[:, None]
        rounded: NDArray[np.uint8] = np.rint(levels.T).clip(0, 255).astype(np.uint8)
        return rounded

    def keep_table(self) -> NDArray[np.uint8]:
        """Look-up table from id to what is kept of the picture, (256,), 255 for all of it."""
        return np.rint(255 * (1 - self._opacities())).astype(np.uint8)

    def _opacities(self) -> NDArray[np.float64]:
        opacities = np.zeros(256)
        for class_id, name in enumerate(self.classes.names):
            opacities[class_id] = self.opacity if name in self.painted else 0
        return opacities


_SHAPES_KEPT = 16
"""Scratch buffers kept; a film needs six."""


class PlanePainter:
    """Blends tints over planes. Owns scratch memory, so it serves one thread."""

    def __init__(self, tint: Tint) -> None:
        self._tint = tint
        self._keep_table = tint.keep_table()
        self._scratch: dict[tuple[str, tuple[int, ...]], NDArray[np.uint8]] = {}

    def paint(
        self,
        plane: NDArray[np.uint8],
        ids: NDArray[np.uint8],
        table: NDArray[np.uint8],
        out: NDArray[np.uint8],
    ) -> None:
        """Write the plane with the colours of `ids` over it to `out`.

        Colours, not ids, are interpolated to the plane's size, so edges are smooth.

        Args:
            plane: levels, (h, w). Only read.
            ids: class ids of any size; they are stretched over the plane.
            table: this plane's row of `Tint.tables`.
            out: levels, (h, w).
        """
        colour = self._stretched("colour", ids, table, plane.shape)
        if self._tint.is_uniform:
            opacity = self._tint.opacity
            cv2.addWeighted(plane, 1 - opacity, colour, opacity, 0, dst=out)
            return
        keep = self._stretched("keep", ids, self._keep_table, plane.shape)
        cv2.multiply(plane, keep, dst=out, scale=1 / 255)
        cv2.add(out, colour, dst=out)

    def _stretched(
        self, name: str, ids: NDArray[np.uint8], table: NDArray[np.uint8], shape: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        looked_up = self._buffer("looked up", ids.shape)
        cv2.LUT(ids, table, dst=looked_up)
        stretched = self._buffer(name, shape)
        cv2.resize(looked_up, shape[::-1], dst=stretched, interpolation=cv2.INTER_LINEAR)
        return stretched

    def _buffer(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        buffer = self._scratch.get((name, shape))
        if buffer is None:
            if len(self._scratch) >= _SHAPES_KEPT:  # images of ever new sizes
                self._scratch.clear()
            buffer = self._scratch[name, shape] = np.empty(shape, np.uint8)
        return buffer
