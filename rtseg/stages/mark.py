"""A mark in a corner of pictures whose labels are not their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.stages.patch import Patch

if TYPE_CHECKING:
    import av
    from av.video.reformatter import ColorRange
    from numpy.typing import NDArray

    from rtseg.frame import Fate
    from rtseg.stages.colours import Matrix

_DISC_RGB = (16, 16, 16)
_SIGN_RGB = (255, 176, 0)
_DISC_OPACITY = 0.7
_MARKS_A_PICTURE = 16
_SMALLEST_PX = 18
_LARGEST_SHARE = 0.3
_SUPERSAMPLING = 8


class StaleMark:
    """Marks pictures in the top right corner: two arrowheads where labels were moved, two bars where held.

    Its size follows the picture's shorter side; a picture too small for it gets none.
    """

    def __init__(self) -> None:
        self._drawn_for: tuple[int, int, Matrix, ColorRange] | None = None
        self._patches: dict[Fate, Patch] = {}

    def paint(self, picture: av.VideoFrame, fate: Fate, matrix: Matrix, colour_range: ColorRange) -> None:
        """Mark a yuv420p picture, in place; one with fresh labels stays as it is."""
        key = (picture.width, picture.height, matrix, colour_range)
        if key != self._drawn_for:
            self._patches = _draw(*key)
            self._drawn_for = key
        patch = self._patches.get(fate)
        if patch is not None:
            patch.paint(picture)


def _draw(width: int, height: int, matrix: Matrix, colour_range: ColorRange) -> dict[Fate, Patch]:
    shorter = min(width, height)
    side = 2 * (max(_SMALLEST_PX, round(shorter / _MARKS_A_PICTURE)) // 2)
    margin = 2 * (side // 4)
    if side + margin > _LARGEST_SHARE * shorter:
        return {}
    place = (margin, 2 * ((width - side - margin) // 2))
    shapes: dict[Fate, list[list[tuple[float, float]]]] = {
        "propagated": [_arrowhead(0.27), _arrowhead(0.52)],
        "held": [_bar(0.29), _bar(0.55)],
    }
    return {fate: Patch(*_disc(side, sign), place, matrix, colour_range) for fate, sign in shapes.items()}


def _arrowhead(left: float) -> list[tuple[float, float]]:
    return [(left, 0.28), (left + 0.24, 0.5), (left, 0.72)]


def _bar(left: float) -> list[tuple[float, float]]:
    return [(left, 0.28), (left + 0.16, 0.28), (left + 0.16, 0.72), (left, 0.72)]


def _disc(
    side: int, polygons: list[list[tuple[float, float]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw polygons, in shares of the side, on a dark disc: colours, (h, w, 3), and opacities, (h, w)."""
    large = side * _SUPERSAMPLING
    image = np.full((large, large, 3), _DISC_RGB, np.uint8)
    opaque = np.zeros((large, large), np.uint8)
    cv2.circle(opaque, (large // 2, large // 2), large // 2, round(255 * _DISC_OPACITY), cv2.FILLED)
    for polygon in polygons:
        corners = np.rint(np.array(polygon) * large).astype(np.int32)
        cv2.fillConvexPoly(image, corners, _SIGN_RGB)
        cv2.fillConvexPoly(opaque, corners, 255)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(np.float64)
    return small, cv2.resize(opaque, (side, side), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
