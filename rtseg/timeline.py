"""Timestamps that rise, from timestamps that should."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_JUMP_S = 1


class Timeline:
    """Repairs missing and backward timestamps, one frame at a time, and touches no others.

    A missing one becomes one nominal frame after the one before. One that steps back a little becomes one
    unit after the one before. One that jumps back by more than a second begins a new run of timestamps
    (joined recordings, a counter that wrapped): that run is moved to follow the one before.

    Attributes:
        repaired: how many timestamps had to be changed, a moved run counting once.
    """

    def __init__(self, time_base: Fraction, fps: Fraction) -> None:
        self.repaired = 0
        self._step = max(1, round(1 / (fps * time_base)))
        self._jump = round(_JUMP_S / time_base)
        self._offset = 0
        self._last: int | None = None

    def repair(self, pts: int | None) -> int:
        """Choose the timestamp of the next frame, in `time_base` units; always above the one before."""
        self._last = self._next(pts)
        return self._last

    def _next(self, pts: int | None) -> int:
        if self._last is None:
            self.repaired += pts is None
            return 0 if pts is None else pts
        if pts is None:
            self.repaired += 1
            return self._last + self._step
        moved = pts + self._offset
        if moved > self._last:
            return moved
        self.repaired += 1
        if moved >= self._last - self._jump:
            return self._last + 1
        self._offset = self._last + self._step - pts
        return self._last + self._step
