"""What each peer tells of its run: when frames were finished. Needs nothing but Python."""

from __future__ import annotations

import json
import os
import time


class Marks:
    """Notes when each frame was handed to the encoder, and prints it once the file is closed."""

    def __init__(self) -> None:
        self._at: list[float] = []
        self._cpu_s = 0.0

    def note(self) -> None:
        """A frame is done."""
        if not self._at:
            self._cpu_s = _cpu_s()
        self._at.append(time.perf_counter())

    def tell(self) -> None:
        """Print frames, seconds from the first one to the closed file, CPU seconds, times between frames."""
        end = time.perf_counter()
        gaps = sorted((after - before) * 1000 for before, after in zip(self._at, self._at[1:], strict=False))
        print(
            json.dumps(
                {
                    "frames": len(self._at),
                    "seconds": end - self._at[0],
                    "cpu_seconds": _cpu_s() - self._cpu_s,
                    "gap_ms": {"p50": _percentile(gaps, 50), "p99": _percentile(gaps, 99), "max": gaps[-1]},
                }
            )
        )


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _cpu_s() -> float:
    """Of this process and of children that have ended, such as an encoder's."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
