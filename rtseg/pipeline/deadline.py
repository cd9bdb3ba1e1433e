"""How punctual a run with a fixed latency is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.pipeline.clock import ms_from_ns
from rtseg.pipeline.meter import Histogram

if TYPE_CHECKING:
    from rtseg.frame import Fate, Slot


class Deadline:
    """Counts for the thread that shows; others may read.

    Attributes:
        budget_ns: the latency, from capture to slot.
        missed: frames that were to be shown with labels of their own in their slot, and were not: the labels
            came too late, or the frame did.
        jitter: how far from their slot frames were shown.
    """

    def __init__(self, budget_ns: int) -> None:
        self.budget_ns = budget_ns
        self.missed = 0
        self.jitter = Histogram()

    def shown(self, slot: Slot, fate: Fate) -> None:
        """Count a frame that was shown."""
        self.jitter.record(abs(slot.shown_ns - slot.due_ns))
        self.missed += slot.wanted and fate != "fresh"

    def late(self, frames: int) -> None:
        """Count frames that came too late to be shown."""
        self.missed += frames

    def summary(self) -> dict[str, Any]:
        """What a report says, JSON-ready."""
        jitter = self.jitter.summary_ms()
        return {
            "budget_ms": ms_from_ns(self.budget_ns),
            "missed": self.missed,
            "jitter_ms": {name: jitter[name] for name in ("p50", "p99", "max")},
        }
