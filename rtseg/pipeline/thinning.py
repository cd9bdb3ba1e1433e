"""Which frames are inferred, where a machine cannot infer them all."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUSY_SHARE = 0.8
"""Of the time, inference may work; the rest is for painting, encoding and whatever else the machine does."""
_LOWER_SHARE = 0.65
"""A smaller step is tried again only where inference would then be busy no more than this."""
_SMOOTHING = 0.1
_LARGEST = 30


class Thinning:
    """Every nth captured frame is inferred; the labels of those between are moved along the flow.

    With `every` None the rule chooses n: the smallest with which inference is busy for at most 80 % of the
    time, judging by how long it has lately taken and how often frames have come. It goes down again only
    where 65 % would do, so that it does not swing.

    `wants` belongs to the thread that captures, `inferred` to the one that infers.

    Attributes:
        every: the present n.
        counts: captured frames by the n that held for them.
    """

    def __init__(self, every: int | None = None) -> None:
        self.automatic = every is None
        self.every = every or 1
        self.counts: Counter[int] = Counter()
        self._since = 0
        self._last_ns: int | None = None
        self._interval_ns = 0.0
        self._cost_ns = 0.0

    def wants(self, captured_ns: int) -> bool:
        """Tell whether the frame captured at that instant is to be inferred; asked once for each, in order."""
        if self._last_ns is not None:
            self._interval_ns = _smoothed(self._interval_ns, captured_ns - self._last_ns)
        self._last_ns = captured_ns
        if self.automatic:
            self._choose()
        self.counts[self.every] += 1
        self._since += 1
        if self._since >= self.every or sum(self.counts.values()) == 1:
            self._since = 0
            return True
        return False

    def inferred(self, duration_ns: int) -> None:
        """Learn how long a frame took."""
        self._cost_ns = _smoothed(self._cost_ns, duration_ns)

    def summary(self) -> Mapping[str, object]:
        """What held for how many frames, JSON-ready."""
        return {
            "rule": "auto" if self.automatic else "fixed",
            "frames_by_n": {str(every): frames for every, frames in sorted(self.counts.items())},
        }

    def _choose(self) -> None:
        if not self._interval_ns or not self._cost_ns:
            return
        busy = self._cost_ns / self._interval_ns
        needed = min(max(1, math.ceil(busy / _BUSY_SHARE)), _LARGEST)
        if needed > self.every or math.ceil(busy / _LOWER_SHARE) < self.every:
            self.every = needed


def _smoothed(mean: float, value: float) -> float:
    return value if mean == 0 else mean + _SMOOTHING * (value - mean)
