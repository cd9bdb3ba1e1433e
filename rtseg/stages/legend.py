"""A legend burnt into the picture: the painted classes with their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.stages.patch import Patch

if TYPE_CHECKING:
    import av
    from av.video.reformatter import ColorRange
    from numpy.typing import NDArray

    from rtseg.classes import ClassSet
    from rtseg.stages.colours import Matrix

_PANEL_RGB = (16, 16, 16)
_TEXT_RGB = (255, 255, 255)
_PANEL_OPACITY = 0.65
_ROWS_A_PICTURE = 32
_SMALLEST_ROW_PX = 13
_LARGEST_SHARE = 0.5
_SUPERSAMPLING = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Legend:
    """Draws the legend once for each size and colour matrix, then lays it over picture after picture.

    Its size follows the picture's shorter side. Where it would not fit, or would cover more than half of the
    picture, there is none.
    """

    def __init__(self, classes: ClassSet, painted: frozenset[str]) -> None:
        self._entries = [
            (name, colour)
            for name, colour in zip(classes.names, classes.palette_rgb, strict=True)
            if name in painted
        ]
        self._drawn_for: tuple[int, int, Matrix, ColorRange] | None = None
        self._patch: Patch | None = None

    def paint(self, picture: av.VideoFrame, matrix: Matrix, colour_range: ColorRange) -> None:
        """Lay the legend over the top left corner of a yuv420p picture, in place."""
        key = (picture.width, picture.height, matrix, colour_range)
        if key != self._drawn_for:
            self._patch = self._draw(*key)
            self._drawn_for = key
        if self._patch is not None:
            self._patch.paint(picture)

    def _draw(self, width: int, height: int, matrix: Matrix, colour_range: ColorRange) -> Patch | None:
        row_px = max(_SMALLEST_ROW_PX, round(min(width, height) / _ROWS_A_PICTURE))
        image_rgb, opacity = _panel(self._entries, row_px)
        margin = 2 * (row_px // 4)
        fits = opacity.shape[0] + 2 * margin <= height and opacity.shape[1] + 2 * margin <= width
        if not self._entries or not fits or opacity.size > _LARGEST_SHARE * width * height:
            return None
        return Patch(image_rgb, opacity, (margin, margin), matrix, colour_range)


def _panel(
    entries: list[tuple[str, tuple[int, int, int]]], row_px: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the legend: colours, (h, w, 3), levels, and opacities, (h, w), 0…1; h and w even."""
    row = row_px * _SUPERSAMPLING
    scale, thickness = _font_size(row)
    text_width = max((cv2.getTextSize(name, _FONT, scale, thickness)[0][0] for name, _ in entries), default=0)
    pad, swatch = row // 3, round(row * 1.2)
    step = 2 * _SUPERSAMPLING
    width = -(-(3 * pad + swatch + text_width) // step) * step
    height = -(-(2 * pad + row * len(entries)) // step) * step
    image = np.full((height, width, 3), _PANEL_RGB, np.uint8)
    opaque = np.full((height, width), round(255 * _PANEL_OPACITY), np.uint8)
    for index, (name, colour) in enumerate(entries):
        top = pad + index * row
        box = (slice(top + row // 8, top + row - row // 8), slice(pad, pad + swatch))
        image[box], opaque[box] = colour, 255
        baseline = (2 * pad + swatch, top + round(row * 0.72))
        cv2.putText(image, name, baseline, _FONT, scale, _TEXT_RGB, thickness, cv2.LINE_AA)
        cv2.putText(opaque, name, baseline, _FONT, scale, 255, thickness)
    size = (width // _SUPERSAMPLING, height // _SUPERSAMPLING)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return small, cv2.resize(opaque, size, interpolation=cv2.INTER_AREA).astype(np.float64) / 255


def _font_size(row: int) -> tuple[float, int]:
    """Find the font scale and stroke for capitals a good half of a row high; at scale 1 they are 22 high."""
    scale = 0.52 * row / 22
    return scale, max(1, round(1.8 * scale))
