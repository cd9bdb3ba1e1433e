"""Units of time. Inside rtseg an instant is `time.monotonic_ns()` and a duration is a difference of two."""

from __future__ import annotations

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def ms_from_ns(duration_ns: float) -> float:
    """Milliseconds of a duration in nanoseconds."""
    return duration_ns / NS_PER_MS


def s_from_ns(duration_ns: float) -> float:
    """Seconds of a duration in nanoseconds."""
    return duration_ns / NS_PER_S


def ns_from_s(duration_s: float) -> int:
    """Nanoseconds, rounded, of a duration in seconds."""
    return round(duration_s * NS_PER_S)
