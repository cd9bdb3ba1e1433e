"""What became of every frame that was captured: shown, and with which labels, or dropped, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.frame import Fate


@dataclass(frozen=True, slots=True)
class Books:
    """The count of frames at one instant.

    Attributes:
        captured: frames that the source delivered.
        fresh: shown with their own labels.
        propagated: shown with labels of other frames, moved along the optical flow.
        held: shown with older labels as they were.
        dropped: not shown, by cause; a cause that never occurred is absent.
    """

    captured: int
    fresh: int
    propagated: int
    held: int
    dropped: Mapping[str, int]

    @property
    def shown(self) -> int:
        """Frames that the last stage was done with."""
        return self.fresh + self.propagated + self.held

    @property
    def in_flight(self) -> int:
        """Frames whose fate is still open; 0 once a run has ended."""
        return self.captured - self.shown - sum(self.dropped.values())

    def sentence(self) -> str:
        """All of it in a line, for people."""
        older = [
            f"{count} {fate}"
            for fate, count in (("propagated", self.propagated), ("held", self.held))
            if count
        ]
        dropped = ", ".join(f"{count} {cause}" for cause, count in self.dropped.items())
        ended = f"dropped: {dropped}" if dropped else "none dropped"
        return ", ".join([f"{self.captured} captured", f"{self.fresh} segmented", *older, ended])

    @property
    def balanced(self) -> bool:
        """Whether every captured frame is accounted for, exactly once."""
        return self.in_flight == 0


class Bookkeeper:
    """Counts for all threads of a pipeline; they report each frame once when captured and once at its end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._captured = 0
        self._shown: Counter[Fate] = Counter()
        self._dropped: Counter[str] = Counter()

    def capture(self) -> None:
        """Count one more frame from the source."""
        with self._lock:
            self._captured += 1

    def lose(self, cause: str, frames: int) -> None:
        """Count frames that the source lost: captured, and dropped at once."""
        if frames:
            with self._lock:
                self._captured += frames
                self._dropped[cause] += frames

    def show(self, fate: Fate) -> None:
        """Count one more frame as shown."""
        with self._lock:
            self._shown[fate] += 1

    def drop(self, cause: str, frames: int = 1) -> None:
        """Count frames that will never be shown, and why; 0 frames leave no trace."""
        if frames:
            with self._lock:
                self._dropped[cause] += frames

    def books(self) -> Books:
        """Read the books as they stand now, consistent in themselves."""
        with self._lock:
            return Books(
                captured=self._captured,
                fresh=self._shown["fresh"],
                propagated=self._shown["propagated"],
                held=self._shown["held"],
                dropped=dict(self._dropped),
            )
