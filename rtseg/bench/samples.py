"""A meter that keeps every duration, not only how many there were of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.pipeline.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence


class SampleMeter(Meter):
    """As `Meter`, but its memory grows with the run; for runs of minutes.

    Attributes:
        stage_ns: how long each stage was busy with each frame, by stage, nanoseconds.
        end_to_end_ns: from each shown frame's capture to its being shown, nanoseconds.
        shown_ns: when each was shown, monotonic clock, nanoseconds.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__(stages)
        self.stage_ns: dict[str, list[int]] = {name: [] for name in stages}
        self.end_to_end_ns: list[int] = []
        self.shown_ns: list[int] = []

    def record(self, stage: str, duration_ns: int) -> None:
        """Count and keep how long the stage was busy with one frame."""
        super().record(stage, duration_ns)
        self.stage_ns[stage].append(duration_ns)

    def record_shown(self, captured_ns: int, shown_ns: int) -> None:
        """Count and keep a frame, captured at one instant and shown at the other."""
        super().record_shown(captured_ns, shown_ns)
        self.end_to_end_ns.append(shown_ns - captured_ns)
        self.shown_ns.append(shown_ns)
