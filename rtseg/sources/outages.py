"""When a live source was lost, why, for how long, and when to try again."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtseg.pipeline.clock import s_from_ns

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0


class Outages:
    """Keeps count of one source's outages. Written by the source's thread, may be read by others.

    Attributes:
        count: how often pictures stopped coming.
        attempts: how often a connection was lost or could not be made.
    """

    def __init__(self) -> None:
        self.count = 0
        self.attempts = 0
        self._past_ns = 0
        self._longest_ns = 0
        self._since_ns: int | None = None
        self._pause_s = FIRST_PAUSE_S
        self._reasons: Counter[str] = Counter()

    def lose(self, what: str, last_picture_ns: int) -> float:
        """A connection was lost, or could not be made; returns the seconds to pause before the next."""
        self.attempts += 1
        if self._since_ns is None:
            self.count += 1
            self._since_ns = last_picture_ns
            self._reasons[what] += 1
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s

    def end(self, now_ns: int) -> None:
        """A picture is there; most of the time one was before."""
        if self._since_ns is not None:
            without_ns = now_ns - self._since_ns
            self._past_ns += without_ns
            self._longest_ns = max(self._longest_ns, without_ns)
            self._since_ns = None
            self._pause_s = FIRST_PAUSE_S

    def facts(self, now_ns: int) -> dict[str, Any]:
        """The figures up to now, ready for JSON."""
        since_ns = self._since_ns
        present_ns = now_ns - since_ns if since_ns is not None else 0
        return {
            "outages": self.count,
            "reconnect_attempts": self.attempts,
            "seconds_without_picture": round(s_from_ns(self._past_ns + present_ns), 3),
            "longest_outage_s": round(s_from_ns(max(self._longest_ns, present_ns)), 3),
            "outage_reasons": dict(self._reasons),
            "connected": since_ns is None,
        }

    def lines(self) -> list[str]:
        """What to warn of; call it after `end`."""
        if not self.count:
            return []
        reasons = ", ".join(f"{what} ({times}×)" for what, times in self._reasons.most_common())
        return [
            f"lost {self.count}×: {reasons}; {s_from_ns(self._past_ns):.1f} s without picture, "
            f"at most {s_from_ns(self._longest_ns):.1f} s at once"
        ]
