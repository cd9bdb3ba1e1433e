"""A picture that tells when it was made: the strip of the synthetic drive, with marks at the corners."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.sources.drive import number_from_strip, render
from rtseg.sources.drive.strip import NUMBER_BITS, paint_strip

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

UNIT_NS = 100_000
"""The strip counts tenths of milliseconds of the monotonic clock, which all processes of a machine share."""
_RANGE = 1 << NUMBER_BITS

CARD_HW = (480, 640)
"""Size of the card for screens, which a camera sees larger or smaller, and at an angle."""
_MARK_PX = 96
_BORDER_PX = 16
_SCENE = 40


class Card:
    """Draws the picture: a street, the strip below, and at the corners marks that a camera is found by."""

    def __init__(self, width: int, height: int, fps: Fraction, *, marks: bool) -> None:
        """Draw all that stays.

        Args:
            width: pixels a row.
            height: rows.
            fps: of the drive.
            marks: whether there are marks at the corners; a stream needs none, and the street is more real.
        """
        self._image, self._labels = render(width, height, fps, 1, _SCENE)
        if marks:
            for mark, (x, y) in enumerate(mark_places(width, height)):
                self._image[y : y + _MARK_PX, x : x + _MARK_PX] = _mark(mark)[..., None]

    def at(self, now_ns: int) -> NDArray[np.uint8]:
        """The picture of that instant, uint8, (H, W, 3), RGB; valid until the next call."""
        paint_strip(self._image, self._labels, now_ns // UNIT_NS % _RANGE)
        return self._image


def age_ns(luma: NDArray[np.uint8], now_ns: int) -> int | None:
    """How long ago the card in a picture was made; None where there is none to be read.

    Args:
        luma: uint8, (H, W): the card itself, or a camera's view of a screen that shows it.
        now_ns: the monotonic clock.
    """
    number = number_from_strip(luma)
    if number is None:
        upright = _rectified(luma)
        number = None if upright is None else number_from_strip(upright)
    if number is None:
        return None
    return (now_ns // UNIT_NS - number) % _RANGE * UNIT_NS


def mark_places(width: int, height: int) -> list[tuple[int, int]]:
    """Left and top of the four marks: clockwise from the top left, above the strip."""
    strip = height // 15
    right, bottom = width - _MARK_PX - _BORDER_PX, height - _MARK_PX - _BORDER_PX - strip
    return [(_BORDER_PX, _BORDER_PX), (right, _BORDER_PX), (right, bottom), (_BORDER_PX, bottom)]


def _rectified(luma: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The card as it was drawn, from a view of it; None where the four marks are not seen."""
    corners, ids, _ = _detector().detectMarkers(np.ascontiguousarray(luma))
    if ids is None:
        return None
    found = {int(mark): corner.reshape(4, 2) for mark, corner in zip(ids.ravel(), corners, strict=True)}
    if not found.keys() >= {0, 1, 2, 3}:
        return None
    height, width = CARD_HW
    drawn = []
    quiet = _MARK_PX // 8
    for x, y in mark_places(width, height):
        near, far = quiet, _MARK_PX - quiet
        drawn += [(x + near, y + near), (x + far, y + near), (x + far, y + far), (x + near, y + far)]
    seen = np.concatenate([found[mark] for mark in range(4)]).astype(np.float32)
    view, _ = cv2.findHomography(seen, np.array(drawn, np.float32))
    return None if view is None else np.asarray(cv2.warpPerspective(luma, view, (width, height)), np.uint8)


@cache
def _mark(number: int) -> NDArray[np.uint8]:
    """Mark `number` with a white margin, which it needs to be found."""
    quiet = _MARK_PX // 8
    mark = cv2.aruco.generateImageMarker(_dictionary(), number, _MARK_PX - 2 * quiet)
    return np.pad(mark, quiet, constant_values=255)


@cache
def _dictionary() -> cv2.aruco.Dictionary:
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(_dictionary())
