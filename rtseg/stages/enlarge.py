"""Labels at the model's size, made fit for being drawn larger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW = 3

REFINED_FROM = 9
"""How many pixels of a plane an id covers from which on the second pass shows."""


class Rounder:
    """Takes the stair steps from the edges of label maps, in two passes, the second at twice the size.

    A label map has hard steps of one or two of its pixels, which show as blocks in a larger picture. Each
    pixel becomes the median of the 3×3 around it. Where two classes meet that is the majority: corners round
    off, straight edges stay, and so does anything at least two pixels wide, a pole for instance. A median is
    always something that is there: no class comes from nowhere.

    What is returned holds until the next call, which writes into the same memory.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()

    def round(self, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Round class ids, (H, W)."""
        if ids.shape != self._shape:
            self._make_room(ids.shape)
        cv2.medianBlur(ids, _WINDOW, dst=self._rounded)
        return self._rounded

    def refine(self, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Double and round again: levels that rounded ids stand for, (H, W), to (2H, 2W)."""
        np.multiply(levels, 0x0101, out=self._pairs, dtype=np.uint16)  # each twice, side by side
        rows = self._doubled.view(np.uint16)
        rows[0::2] = rows[1::2] = self._pairs
        cv2.medianBlur(self._doubled, _WINDOW, dst=self._refined)
        return self._refined

    def _make_room(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        height, width = shape
        self._rounded = np.empty((height, width), np.uint8)
        self._pairs = np.empty((height, width), np.uint16)
        self._doubled = np.empty((2 * height, 2 * width), np.uint8)
        self._refined = np.empty_like(self._doubled)
