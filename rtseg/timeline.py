"""Timestamps that rise, from timestamps that should."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_JUMP_S = 1
_REGULAR = 0.9
"""Share of the steps that have to be of nominal length before longer ones are called holes."""


class Timeline:
    """Repairs missing and backward timestamps, one frame at a time, and touches no others.

    A missing one becomes one nominal frame after the one before. One that steps back a little becomes the
    least step after the one before. One that jumps back by more than a second begins a new run of timestamps
    (joined recordings, a counter that wrapped): that run is moved to follow the one before.

    Attributes:
        repaired: how many timestamps had to be changed, a moved run counting once.
    """

    def __init__(self, time_base: Fraction, fps: Fraction, least: int = 1) -> None:
        """Begin.

        Args:
            time_base: seconds a unit.
            fps: the usual number of timestamps a second.
            least: units by which timestamps have to rise.
        """
        self.repaired = 0
        self._least = least
        self._step = max(1, round(1 / (fps * time_base)))
        self._jump = round(_JUMP_S / time_base)
        self._offset = 0
        self._last: int | None = None

    def repair(self, pts: int | None) -> int:
        """Choose the timestamp of the next frame, in units; always at least `least` above the one before."""
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
        if moved >= self._last + self._least:
            return moved
        self.repaired += 1
        if moved >= self._last - self._jump:
            return self._last + self._least
        self._offset = self._last + self._step - pts
        return self._last + self._step


class Holes:
    """Counts the frames that are missing between others, judging by the times of those that are there.

    Some demuxers pass over damage without a word; this shows it all the same. Films whose frames are spaced
    freely have no holes, however far apart two frames are.

    Attributes:
        nominal: the usual time between two frames, in `time_base` units.
    """

    def __init__(self, time_base: Fraction, fps: Fraction) -> None:
        self.nominal = max(1, round(1 / (fps * time_base)))
        self._last: int | None = None
        self._steps = 0
        self._regular = 0
        self._missing = 0

    @property
    def missing(self) -> int:
        """How many frames are missing; 0 where frames do not come at a constant rate."""
        return self._missing if self._regular >= _REGULAR * self._steps else 0

    def see(self, pts: int) -> None:
        """Take the time of the next frame, in `time_base` units, as repaired."""
        if self._last is not None:
            step = pts - self._last
            self._steps += 1
            self._regular += abs(step - self.nominal) <= max(1, self.nominal // 10)
            self._missing += max(0, round(step / self.nominal) - 1)
        self._last = pts
