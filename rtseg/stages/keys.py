"""When a key frame is due, by how much of the picture what came before does not explain."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import cv2

from rtseg.errors import InputError
from rtseg.stages.flow import coarser, composed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.stages.flow import Displacement

Every = int | Literal["auto"]
"""What may be asked for: a number of frames, or "auto"."""

LARGEST = 30
"""Frames from one key frame to the next, at most: so many pictures have to be kept."""
_LARGEST_OF_AUTO = 16

# Chosen on four films (benchmarks/every.py prints what they come to): DECISIONS.md, "Fewer frames".
_LIMIT_OF_AUTO = 0.16
"""Share of the picture that may be in doubt where the estimate alone decides."""
_LIMIT = 0.35
"""The same where n is fixed: only what is far worse than usual calls for a key frame early."""

_UNEXPLAINED = 0.2
"""Of a picture's contrast: by so much a pixel may differ from the one of the key frame that it was."""
_LEAST_CONTRAST = 4.0
"""Levels; see `rtseg.stages.flow`."""
_ASTRAY_SQUARED = 0.25
"""Coarser pixels, squared, by which the way to the key frame and back may miss its beginning."""


class KeyRule:
    """Every nth frame, or earlier where the estimate calls for it; or as late as the estimate allows.

    Used by one thread; others may read.

    Attributes:
        every: the n; None for the estimate alone.
        largest: frames from one key frame to the next, at most.
        frames_by_n: how many frames came after a key frame and up to the next, by the distance of the two.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every
        self.largest = every or _LARGEST_OF_AUTO
        self.frames_by_n: Counter[int] = Counter()
        self._limit = _LIMIT if every is not None else _LIMIT_OF_AUTO

    def is_due(self, age: int, doubt: float) -> bool:
        """Whether a frame is to be inferred that comes `age` frames after a key frame, given the estimate."""
        return age >= self.largest or doubt > self._limit

    def begin(self, age: int) -> None:
        """Learn that there is a key frame, `age` frames after the one before; 0 where there is none."""
        if age:
            self.frames_by_n[age] += age

    def summary(self) -> Mapping[str, object]:
        """What came of it, JSON-ready."""
        return {
            "rule": "auto" if self.every is None else "fixed",
            "frames_by_n": {str(n): frames for n, frames in sorted(self.frames_by_n.items())},
        }


def key_rule_for(every: int | str | None) -> KeyRule | None:
    """Choose by what was asked for: a number of frames, "auto", or nothing; None where all are inferred.

    Raises:
        InputError: it is neither, or more pictures than can be kept.
    """
    if every is None or every == 1:
        return None
    if every == "auto":
        return KeyRule()
    if not isinstance(every, int) or not 1 < every <= LARGEST:
        raise InputError(
            f"--every {every}: over a file a whole number from 1 to {LARGEST}, or auto. What lies between "
            "two inferred frames waits in memory."
        )
    return KeyRule(every)


def doubt(
    small: NDArray[np.uint8], residual: NDArray[np.uint8], from_key: Displacement, to_here: Displacement
) -> float:
    """Estimate how much of a frame labels from its key frame are wrong for.

    Args:
        small: the frame, uint8, (h, w).
        residual: by how much each pixel differs from the one of the key frame that it was, uint8, (h, w).
        from_key: where each pixel was in the key frame.
        to_here: where each pixel of the key frame is now, `coarser`.

    Returns:
        The share of pixels, 0…1, that the key frame does not explain, or from which the way there and back
        leads elsewhere: what was covered, or has come into the picture.
    """
    _, contrast = cv2.meanStdDev(small)
    tolerated = _UNEXPLAINED * max(contrast.item(), _LEAST_CONTRAST)
    is_unexplained = cv2.compare(cv2.blur(residual, (3, 3)), tolerated, cv2.CMP_GT)
    missed_x, missed_y = cv2.split(composed(coarser(from_key), to_here))
    is_astray = cv2.compare(missed_x * missed_x + missed_y * missed_y, _ASTRAY_SQUARED, cv2.CMP_GT)
    is_doubted = cv2.bitwise_or(is_unexplained[::2, ::2], is_astray)
    return float(cv2.countNonZero(is_doubted) / is_doubted.size)
