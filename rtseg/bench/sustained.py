"""The same for long: how the first minute differs from the last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtseg.bench import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.bench.readings import Reading
    from rtseg.bench.runs import PipelineRun

SUSTAINED_FROM_S = 180.0
"""Seconds a candidate from which on there are a first and a last minute."""

SLICE_S = 15.0
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Slice:
    """One of many runs over the film.

    Attributes:
        at_s: its middle, seconds since the load began.
        run: how it went.
        reading: what the machine told meanwhile.
    """

    at_s: float
    run: PipelineRun
    reading: Reading = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """A line of the report."""
        return {
            "at_s": round(self.at_s, 1),
            "fps": self.run.fps,
            "end_to_end_p50_ms": figures.summary_ms(self.run.end_to_end_ms)["p50"],
            "cpu_ms_per_frame": sum(self.run.cpu_ms.values()),
            "machine": {name: round(value, 2) for name, value in self.reading.items()},
        }


def sustained_facts(slices: Sequence[Slice], turns: int) -> dict[str, Any] | None:
    """The first and the last window, and every slice; None for less than two slices.

    Args:
        slices: in the order of time.
        turns: how many candidates took turns. A window is a minute, or as long as all need for a turn, but
            never more than half of the whole.
    """
    if len(slices) < 2:
        return None
    begin, end = slices[0].at_s, slices[-1].at_s
    window_s = min(max(WINDOW_S, SLICE_S * turns), (end - begin) / 2)
    first = [one for one in slices if one.at_s - begin < window_s]
    last = [one for one in slices if end - one.at_s < window_s]
    return {
        "window_s": window_s,
        "first": _window(first),
        "last": _window(last),
        "slices": [one.facts() for one in slices],
    }


def _window(slices: Sequence[Slice]) -> dict[str, Any]:
    runs = [one.run for one in slices]
    names = dict.fromkeys(name for one in slices for name in one.reading)
    return {
        "from_s": round(slices[0].at_s, 1),
        "to_s": round(slices[-1].at_s, 1),
        "fps": fps_of(runs),
        "end_to_end_ms": figures.summary_ms([ms for run in runs for ms in run.end_to_end_ms]),
        "stage_p50_ms": {
            stage: figures.summary_ms([ms for run in runs for ms in run.stage_ms[stage]])["p50"]
            for stage in runs[0].stage_ms
        },
        "cpu_ms_per_frame": sum(cpu_of(runs).values()),
        "machine": {name: _of_window(name, slices) for name in names},
    }


def _of_window(name: str, slices: Sequence[Slice]) -> float:
    values = [one.reading[name] for one in slices if name in one.reading]
    return round(sum(values) if name.endswith("_count") else sum(values) / len(values), 2)


def fps_of(runs: Sequence[PipelineRun]) -> float:
    """Frames a second of several runs, each weighing as long as it took; 0 where no run shows two frames."""
    intervals = [interval for run in runs for interval in run.interval_ms]
    return 1000 * len(intervals) / sum(intervals) if sum(intervals) else 0.0


def cpu_of(runs: Sequence[PipelineRun]) -> dict[str, float]:
    """CPU milliseconds a shown frame of several runs, each weighing as many frames as it showed, by stage."""
    shown = sum(run.shown for run in runs)
    names = dict.fromkeys(name for run in runs for name in run.cpu_ms)
    return {name: sum(run.cpu_ms.get(name, 0.0) * run.shown for run in runs) / shown for name in names}
