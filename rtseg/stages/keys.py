"""When a key frame is due, by what was not explained since the last one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LARGEST = 30
"""Frames from one key frame to the next, at most: so many pictures have to be kept."""


class KeyRule:
    """Every nth frame, or earlier where the estimate calls for it; or as late as the estimate allows.

    Attributes:
        every: the n; None for the estimate alone.
        gaps: how many gaps there were, by the number of frames from key frame to key frame.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every
        self.gaps: Counter[int] = Counter()

    @property
    def largest(self) -> int:
        return self.every or LARGEST

    def is_due(self, age: int, residual: NDArray[np.uint8], small: NDArray[np.uint8]) -> bool:
        return age >= (self.every or LARGEST)

    def begin(self, small: NDArray[np.uint8]) -> None:
        pass

    def summary(self) -> Mapping[str, object]:
        return {}
