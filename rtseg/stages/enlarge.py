"""Labels at the model's size, made fit for being drawn larger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW = 5


class Rounder:
    """Doubles label maps and rounds the stair steps of their edges.

    A label map has hard steps of one or two of its pixels, which show as blocks in a larger picture. The map
    is doubled and each pixel becomes the median id of the 5×5 around it. Where two classes meet that is the
    majority: corners round off, straight edges stay, and so does anything at least three pixels wide, a pole
    of two label pixels for instance. A median is always an id that is there: no class comes from nowhere.
    """

    def __init__(self) -> None:
        self._doubled = np.empty((0, 0), np.uint8)
        self._rounded = np.empty((0, 0), np.uint8)

    def round(self, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Double and round.

        Args:
            ids: class ids, (H, W).

        Returns:
            Class ids, (2H, 2W). Valid until the next call, which writes into the same memory.
        """
        height, width = ids.shape
        if self._doubled.shape != (2 * height, 2 * width):
            self._doubled = np.empty((2 * height, 2 * width), np.uint8)
            self._rounded = np.empty_like(self._doubled)
        cv2.resize(ids, (2 * width, 2 * height), dst=self._doubled, interpolation=cv2.INTER_NEAREST)
        cv2.medianBlur(self._doubled, _WINDOW, dst=self._rounded)
        return self._rounded
