"""What differs between two reports beyond chance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg import report
from rtseg.bench import figures
from rtseg.errors import InputError, SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVEL = 0.99
"""A difference counts where its interval at this level does not hold 0."""

_ENVIRONMENT = (
    "cpu", "gpu", "cores", "power_mode", "governor", "platform", "python", "rtseg", "commit", "libraries",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure in two reports.

    Attributes:
        what: backend and precision.
        figure: which one, with its unit.
        a: in the first report.
        b: in the second.
        percent: from a to b.
        interval: where that lies, at `LEVEL`, per cent.
        more_is_better: whether a rise is for the better.
    """

    what: str
    figure: str
    a: float
    b: float
    percent: float
    interval: tuple[float, float]
    more_is_better: bool

    @property
    def is_real(self) -> bool:
        """Whether it is more than chance."""
        return self.interval[0] > 0 or self.interval[1] < 0

    @property
    def verdict(self) -> str:
        """For people: "better", "worse", or "no difference" that could be seen."""
        if not self.is_real:
            return "no difference"
        return "better" if (self.percent > 0) == self.more_is_better else "worse"

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "what": self.what,
            "figure": self.figure,
            "a": self.a,
            "b": self.b,
            "percent": self.percent,
            "interval_percent": list(self.interval),
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports, side by side.

    Attributes:
        differences: every figure that both have.
        elsewhere: how the environments, sources and models differ, a line each.
        only_in_one: results that the other report lacks, a line each.
    """

    differences: list[Difference]
    elsewhere: list[str]
    only_in_one: list[str]

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "schema": report.SCHEMA,
            "command": "bench --compare",
            "level": LEVEL,
            "differences": [difference.facts() for difference in self.differences],
            "elsewhere": self.elsewhere,
            "only_in_one": self.only_in_one,
        }


def compare(a: dict[str, Any], b: dict[str, Any]) -> Comparison:
    """Compare two `bench` reports, the second against the first.

    Raises:
        InputError: they have no backend and precision in common.
    """
    ours, theirs = _by_name(a), _by_name(b)
    common = [name for name in ours if name in theirs]
    if not common:
        raise InputError(
            f"The reports have no backend and precision in common: {', '.join(ours)}; {', '.join(theirs)}."
        )
    differences = [one for name in common for one in _differences(name, ours[name], theirs[name])]
    lonely = [f"{name}: only in the first" for name in ours if name not in theirs]
    lonely += [f"{name}: only in the second" for name in theirs if name not in ours]
    return Comparison(differences, [*_elsewhere(a, b), *_models(ours, theirs, common)], lonely)


def read_report(path: str) -> dict[str, Any]:
    """Read what `rtseg bench --report` wrote.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    try:
        made = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceNotFoundError(f"{path}: no such report. Make one with rtseg bench --report.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise InputError(f"{path}: cannot be read: {reason}. Name a report of rtseg bench.") from None
    if not isinstance(made, dict) or made.get("command") != "bench":
        raise InputError(f"{path}: is no report of rtseg bench. Make one with rtseg bench --report.")
    if made.get("schema") != report.SCHEMA:
        raise InputError(f"{path}: has schema {made.get('schema')}; this version reads {report.SCHEMA}.")
    try:
        for result in made["results"]:
            list(_kinds(result["samples"]))
            _ = result["backend"], result["precision"], result["model"]["sha256"]
        _ = made["environment"]["cores"], made["source"]["uri"], made["settings"]["threads"]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: lacks a part of what rtseg bench writes. Make it again.") from None
    return made


def _by_name(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{result['backend']} {result['precision']}": result for result in made["results"]}


def _kinds(samples: dict[str, Any]) -> Iterator[tuple[str, figures.Rounds, figures.Statistic, bool]]:
    """Each figure's name, the samples by round that it is made of, how, and whether it is a rate.

    A rate is made of the times between frames, whose mean is its inverse.
    """
    p50, p99 = figures.percentile_of(50), figures.percentile_of(99)
    yield "engine p50, ms", samples["engine_ms"], p50, False
    yield "engine p99, ms", samples["engine_ms"], p99, False
    yield (
        "engine, fps",
        [[1000 / fps for fps in fps_of if fps] for fps_of in samples["engine_fps"]],
        figures.mean,
        True,
    )
    yield "film, fps", samples["pipeline_interval_ms"], figures.mean, True
    yield "film, CPU ms a frame", samples["cpu_ms"], figures.mean, False
    for stage, rounds in samples["stage_ms"].items():
        yield f"{stage} p50, ms", rounds, p50, False
    for rate, rounds in samples["live_ms"].items():
        yield f"live {rate} p50, ms", rounds, p50, False
        yield f"live {rate} p99, ms", rounds, p99, False


def _differences(what: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[Difference]:
    theirs = {name: rounds for name, rounds, _, _ in _kinds(b["samples"])}
    for number, (name, rounds, statistic, is_rate) in enumerate(_kinds(a["samples"])):
        other = theirs.get(name, [])
        if not figures.flat(rounds) or not figures.flat(other):
            continue
        one, two = figures.figure(rounds, statistic), figures.figure(other, statistic)
        if one <= 0 or two <= 0:
            continue
        drawn_a = figures.drawn(rounds, statistic, level=LEVEL, seed=2 * number)
        drawn_b = figures.drawn(other, statistic, level=LEVEL, seed=2 * number + 1)
        low, high = np.quantile(drawn_b / drawn_a, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        ratio = two / one
        if is_rate:
            one, two, ratio, low, high = 1000 / one, 1000 / two, 1 / ratio, 1 / high, 1 / low
        interval = (100 * (float(low) - 1), 100 * (float(high) - 1))
        yield Difference(what, name, one, two, 100 * (ratio - 1), interval, more_is_better=is_rate)


def _elsewhere(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {_shown(a['environment'].get(name))} / {_shown(b['environment'].get(name))}"
        for name in _ENVIRONMENT
        if a["environment"].get(name) != b["environment"].get(name)
    ]
    if a["source"]["uri"] != b["source"]["uri"]:
        lines.append(f"source: {a['source']['uri']} / {b['source']['uri']}")
    if a["settings"]["threads"] != b["settings"]["threads"]:
        lines.append(f"threads: {a['settings']['threads']} / {b['settings']['threads']}")
    return lines


def _models(a: dict[str, Any], b: dict[str, Any], common: list[str]) -> list[str]:
    return [
        f"{name}: another model file, {a[name]['model']['sha256'][:12]} / {b[name]['model']['sha256'][:12]}"
        for name in common
        if a[name]["model"]["sha256"] != b[name]["model"]["sha256"]
    ]


def _shown(value: Any) -> str:  # noqa: ANN401  # whatever JSON holds
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items() if version)
    return "unknown" if value is None else str(value)
