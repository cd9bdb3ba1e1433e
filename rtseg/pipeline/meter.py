"""How long each stage takes and how long a frame is under way, in bounded memory however long the run.

Durations are counted in buckets whose bounds grow by 1 %, so a percentile is within 0.5 % of the recorded
duration of that rank; mean and max are exact.

CPU time is taken from the threads' own clocks, so that it does not count waiting, nor what others computed.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from rtseg.pipeline.clock import NS_PER_S, ms_from_ns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

END_TO_END = "end_to_end"
"""The key of the time from a frame's capture to the return of the last stage; no stage may have this name."""

RUNTIME_THREADS = "runtime threads"
"""The key of the CPU time that no stage's thread spent: of encoder, decoder and backend, mostly."""

PERCENTILES = (50, 90, 95, 99)

_GROWTH = 1.01
_LOG_GROWTH = math.log(_GROWTH)
_LONGEST_NS = 24 * 3600 * NS_PER_S
_BUCKETS = math.ceil(math.log(_LONGEST_NS) / _LOG_GROWTH) + 1


class Histogram:
    """Durations of one kind. One thread records; others may read, and miss the latest record at most."""

    def __init__(self) -> None:
        self.count = 0
        self.max_ns = 0
        self._total_ns = 0
        self._counts = [0] * _BUCKETS

    def record(self, duration_ns: int) -> None:
        """Count one duration; for percentiles, less than 1 ns is 1 ns and more than a day is a day."""
        bucket = int(math.log(max(duration_ns, 1)) / _LOG_GROWTH)
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self._total_ns += duration_ns
        self.max_ns = max(self.max_ns, duration_ns)
        self.count += 1

    @property
    def mean_ns(self) -> float:
        """The mean, exact; 0 when nothing was recorded."""
        return self._total_ns / self.count if self.count else 0.0

    def percentile_ns(self, percent: float) -> float:
        """Find the smallest recorded duration that at least `percent` % do not exceed (nearest rank).

        Within 0.5 %, never more than `max_ns`; 0 when nothing was recorded.
        """
        return min(self.since(None).percentile_ns(percent), self.max_ns)

    @property
    def total_ns(self) -> int:
        """The sum, exact."""
        return self._total_ns

    def counts_until_ns(self, bounds_ns: Sequence[float]) -> list[int]:
        """How many durations do not exceed each bound, within 1 % of it; at last, how many there are.

        All are of one instant, also while another thread records. Bounds rise.
        """
        counts = list(self._counts)
        reached, at, until = 0, 0, []
        for bound_ns in bounds_ns:
            while at < _BUCKETS and math.exp((at + 0.5) * _LOG_GROWTH) <= bound_ns:
                reached += counts[at]
                at += 1
            until.append(reached)
        return [*until, reached + sum(counts[at:])]

    def since(self, earlier: NDArray[np.int64] | None) -> Recent:
        """What was recorded after `earlier`, the `counts` of another such look; None for the beginning."""
        counts = np.array(self._counts, np.int64)
        return Recent(counts, counts if earlier is None else counts - earlier)

    def summary_ms(self) -> dict[str, float]:
        """Return mean, p50, p90, p95, p99 and max in milliseconds, under these names."""
        percentiles = {f"p{percent}": ms_from_ns(self.percentile_ns(percent)) for percent in PERCENTILES}
        return {"mean": ms_from_ns(self.mean_ns), **percentiles, "max": ms_from_ns(self.max_ns)}


@dataclass(frozen=True, slots=True)
class Recent:
    """Durations of a while.

    Attributes:
        counts: of all durations up to now, by bucket, for the next look.
        recent: of those of the while.
    """

    counts: NDArray[np.int64]
    recent: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many."""
        return int(self.recent.sum())

    def percentile_ns(self, percent: float) -> float:
        """As `Histogram.percentile_ns`, but that it may be 0.5 % above the greatest."""
        if not self.count:
            return 0.0
        rank = max(math.ceil(percent / 100 * self.count), 1)
        bucket = int(np.searchsorted(np.cumsum(self.recent), rank))
        return math.exp((bucket + 0.5) * _LOG_GROWTH)


class Meter:
    """One histogram a stage, each written by that stage's thread alone, so the hot path takes no lock.

    `record_shown` belongs to the last stage's thread. CPU clocks are read when a thread begins and when it
    ends: asking the system with each frame gives it the occasion to stop a thread that holds Python's lock.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        self._histograms = {name: Histogram() for name in (*stages, END_TO_END)}
        self._first_shown_ns = 0
        self._last_shown_ns = 0
        self._cpu_ns = dict.fromkeys(stages, 0)
        self._cpu_lock = Lock()
        self._process_cpu_ns = (0, 0)

    def start_cpu(self) -> None:
        """Count CPU time from now on: once all stages are open, as loading a model is no frame's cost."""
        now_ns = time.process_time_ns()
        self._process_cpu_ns = (now_ns, now_ns)

    def end_cpu(self) -> None:
        """Count CPU time up to now: once the last stage has had its last frame, before outputs are closed."""
        self._process_cpu_ns = (self._process_cpu_ns[0], time.process_time_ns())

    def record_cpu(self, stage: str, cpu_ns: int) -> None:
        """Count CPU time of a thread of the stage, from any thread."""
        with self._cpu_lock:
            self._cpu_ns[stage] += cpu_ns

    def record(self, stage: str, duration_ns: int) -> None:
        """Count how long the stage was busy with one frame."""
        self._histograms[stage].record(duration_ns)

    def record_shown(self, captured_ns: int, shown_ns: int) -> None:
        """Count a frame, captured at one instant and shown at the other (monotonic clock)."""
        shown = self._histograms[END_TO_END]
        if shown.count == 0:
            self._first_shown_ns = shown_ns
        self._last_shown_ns = shown_ns
        shown.record(shown_ns - captured_ns)

    @property
    def histograms(self) -> Mapping[str, Histogram]:
        """The histograms, by stage, then `end_to_end`; to be read only."""
        return self._histograms

    @property
    def fps(self) -> float:
        """(n − 1) / t for n frames shown, t seconds from the first to the last; 0 where n < 2 or t = 0."""
        intervals = self._histograms[END_TO_END].count - 1
        elapsed_ns = self._last_shown_ns - self._first_shown_ns
        return intervals * NS_PER_S / elapsed_ns if intervals > 0 and elapsed_ns > 0 else 0.0

    def summary_ms(self) -> dict[str, dict[str, float]]:
        """Return `Histogram.summary_ms` by stage, then `end_to_end`; what was never recorded is left out."""
        return {
            name: histogram.summary_ms() for name, histogram in self._histograms.items() if histogram.count
        }

    def cpu_ms_per_frame(self) -> dict[str, float]:
        """Return the CPU milliseconds that a shown frame has cost: by stage, then `RUNTIME_THREADS`.

        They add up to what the whole process has spent from `start_cpu` to `end_cpu`. A stage has
        those of its own threads; those of its runtime are elsewhere. Empty where nothing was shown.
        """
        shown = self._histograms[END_TO_END].count
        if not shown:
            return {}
        begun_ns, ended_ns = self._process_cpu_ns
        elsewhere_ns = max(ended_ns - begun_ns - sum(self._cpu_ns.values()), 0)
        spent_ns = {**self._cpu_ns, RUNTIME_THREADS: elsewhere_ns}
        return {name: ms_from_ns(cpu_ns / shown) for name, cpu_ns in spent_ns.items()}
