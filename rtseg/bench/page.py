"""The report as one page, with plots: it loads nothing, from nowhere."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg.bench import figures, plots
from rtseg.errors import SinkFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtseg.bench.plots import Series

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #66707f; --line: #dde2e9; --paper: #fff;
  --warn: #b3541e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #98a2b1; --line: #333b47; --paper: #14181e;
    --warn: #e8935a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 24px 60px; max-width: 1210px;
  background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 36px 0 8px; }
p { margin: 6px 0; color: var(--soft); max-width: 85ch; }
table { border-collapse: collapse; margin: 10px 0; }
table { font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 500; }
td small { color: var(--soft); } .scroll { overflow-x: auto; }
.plots { display: flex; flex-wrap: wrap; gap: 14px 24px; }
svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .title { font-size: 13px; font-weight: 600; }
svg .tick, svg .small { font-size: 11px; fill: var(--soft); }
svg .grid { stroke: var(--line); } svg .axis, svg .whisker { stroke: var(--soft); fill: none; }
svg .mark { stroke: var(--soft); stroke-dasharray: 3 4; }
.warning { color: var(--warn); }
dl { display: grid; grid-template-columns: max-content auto; gap: 2px 18px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""

_TAIL = 1.15
"""Plots end so far behind the 99th percentile: one outlier must not press all else into a corner."""


def write_page(made: dict[str, Any], target: str) -> None:
    """Write a `bench` report as a page, whole or not at all.

    Raises:
        SinkFault: the file cannot be written.
    """
    path = Path(target)
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(page_of(made), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SinkFault(f"{path}: the page cannot be written: {error.strerror}.") from error


def page_of(made: dict[str, Any]) -> str:
    """The page, HTML."""
    body = "\n".join(_body(made))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>rtseg bench</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _body(made: dict[str, Any]) -> Iterator[str]:
    results, environment = made["results"], made["environment"]
    yield "<h1>rtseg bench</h1>"
    machine = f"{environment['cpu']}, {environment['cores']} cores; {environment['gpu'] or 'no GPU'}"
    yield f"<p>{escape(machine)} · {escape(made['source']['uri'])} · {made['settings']['rounds']} rounds</p>"
    if made["interrupted"]:
        yield '<p class="warning">Interrupted; this is what was whole by then.</p>'
    for warning in made["warnings"]:
        yield f'<p class="warning">{escape(warning)}</p>'
    yield _summary(results)
    yield from _engine(results)
    yield from _film(results)
    yield from _live(results)
    for result in results:
        yield from _sustained(result)
        yield from _scaling(result)
    yield from _environment(made)


def _summary(results: Sequence[dict[str, Any]]) -> str:
    columns = ("", "engine p50, ms", "engine p99", "engine fps", "film fps", "bound", "efficiency", "CPU ms")
    rows = []
    for result in results:
        intervals, ms = result["intervals"], result["engine_ms"]
        rows.append(
            (
                _name(result),
                _with(f"{ms['p50']:.2f}", intervals["engine_ms"]["p50"], 2),
                _with(f"{ms['p99']:.2f}", intervals["engine_ms"]["p99"], 2),
                _with(f"{result['engine_fps']:.1f}", intervals["engine_fps"], 1),
                _with(_or_dash(result["pipeline_fps"], 1), intervals.get("pipeline_fps"), 1),
                _or_dash(result["bound_fps"], 1),
                _or_dash(result["efficiency"], 2),
                f"{sum(result['cpu_ms_per_frame'].values()):.1f}",
            )
        )
    return _table(columns, rows)


def _engine(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "<h2>The model alone</h2>"
    yield (
        "<p>One image at a time, warm, copies included. In grey: where 95 of 100 such measurements would "
        "lie.</p>"
    )
    columns = ("ms an image", "mean", "p50", "p90", "p95", "p99", "max", "images", "streams", "threads")
    rows = []
    for result in results:
        for hint, facts in result["engine"].items():
            settings, ms = facts["settings"], facts["ms"]
            rows.append(
                (
                    f"{_name(result)}, {hint}",
                    *(f"{ms[column]:.2f}" for column in ("mean", "p50", "p90", "p95", "p99", "max")),
                    str(facts["images"]),
                    str(settings["streams"]),
                    str(settings["threads"]),
                )
            )
    yield _table(columns, rows)
    rows = [
        (
            f"{_name(result)}, {kind}",
            *(f"{parts[f'{kind}_ms'][column]:.3f}" for column in ("median", "p99", "max")),
        )
        for result in results
        if (parts := result["engine"]["latency"].get("trtexec"))
        for kind in ("h2d", "compute", "d2h", "enqueue", "latency")
    ]
    if rows:
        yield _table(("trtexec's terms, ms", "median", "p99", "max"), rows)
    samples = [figures.flat(result["samples"]["engine_ms"]) for result in results]
    yield _plots(*_histogram_and_distribution("engine", [_name(result) for result in results], samples))


def _film(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    over_film = [result for result in results if result["pipeline"] is not None]
    if not over_film:
        return
    yield "<h2>The whole of rtseg run, over the film</h2>"
    yield (
        "<p>Bars are medians, one stage after the other; whiskers go to the 99th percentile. The stages "
        "work at the same time, on different frames, so the rate follows from the CPU, not from the sum.</p>"
    )
    charts = []
    for result in over_film:
        latency = {name: ms for name, ms in result["pipeline"]["latency_ms"].items() if name != "end_to_end"}
        charts.append(_waterfall(f"stages of a frame, {_name(result)}", latency))
    stages = list(dict.fromkeys(stage for result in over_film for stage in result["cpu_ms_per_frame"]))
    rows = []
    for result in over_film:
        begin, parts = 0.0, []
        for stage in stages:
            length = result["cpu_ms_per_frame"].get(stage, 0.0)
            parts.append((stage, begin, length))
            begin += length
        rows.append(plots.Bar(_name(result), parts, label=f"{begin:.1f} ms"))
    charts.append(plots.bars("CPU time a frame", "ms", rows, legend=stages))
    yield _plots(*charts)


def _live(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    rates = list(dict.fromkeys(rate for result in results for rate in result["live"]))
    if not rates:
        return
    yield "<h2>The whole of rtseg run, live</h2>"
    yield (
        "<p>From a frame's capture to the sink's having it. A frame that was overtaken and not shown is a "
        "miss.</p>"
    )
    rows: list[tuple[str, ...]] = []
    budgets: tuple[str, ...] = ()
    for result in results:
        for rate, live in result["live"].items():
            ms, budgets = live["latency_ms"]["end_to_end"], tuple(live["missed_percent"])
            shown = live["frames"]
            rows.append(
                (
                    f"{_name(result)}, {_rate(rate)}",
                    *(f"{ms[column]:.1f}" for column in ("p50", "p95", "p99", "max")),
                    f"{shown['shown']} of {shown['captured']}",
                    *(f"{percent:.1f} %" for percent in live["missed_percent"].values()),
                )
            )
    heads = tuple(f"over {budget} ms" for budget in budgets)
    yield _table(("ms", "p50", "p95", "p99", "max", "shown", *heads), rows)
    for rate in rates:
        having = [result for result in results if figures.flat(result["samples"]["live_ms"].get(rate, []))]
        samples = [figures.flat(result["samples"]["live_ms"][rate]) for result in having]
        marks = [(float(budget), f"{budget} ms") for budget in budgets]
        names = [_name(result) for result in having]
        yield _plots(*_histogram_and_distribution(f"end to end, {_rate(rate)}", names, samples, marks))
    stages = [
        _waterfall(
            f"live stages, {_name(result)}, {_rate(rate)}",
            {
                name: ms
                for name, ms in live["latency_ms"].items()
                if name not in ("end_to_end", "capture")  # capture waits for the next frame
            },
        )
        for result in results
        for rate, live in result["live"].items()
    ]
    yield _plots(*stages)


def _sustained(result: dict[str, Any]) -> Iterator[str]:
    sustained = result.get("sustained")
    if sustained is None:
        return
    yield f"<h2>Sustained: {escape(_name(result))}</h2>"
    slices = sustained["slices"]
    minutes = [one["at_s"] / 60 for one in slices]
    first, last = sustained["first"], sustained["last"]
    rows = [
        ("fps", f"{first['fps']:.1f}", f"{last['fps']:.1f}"),
        ("end to end p99, ms", f"{first['end_to_end_ms']['p99']:.1f}", f"{last['end_to_end_ms']['p99']:.1f}"),
        ("CPU ms a frame", f"{first['cpu_ms_per_frame']:.1f}", f"{last['cpu_ms_per_frame']:.1f}"),
        *(
            (name, f"{value:.1f}", f"{last['machine'][name]:.1f}")
            for name, value in first["machine"].items()
            if name in last["machine"]
        ),
    ]
    yield _table(("", "first minute", "last minute"), rows)
    charts = [
        plots.plot(
            "frames a second over time",
            "minutes",
            "fps",
            [plots.Series("", minutes, [one["fps"] for one in slices])],
        )
    ]
    names = list(dict.fromkeys(name for one in slices for name in one["machine"]))
    for suffix, unit in (("_c", "°C"), ("_mhz", "MHz"), ("_percent", "%"), ("_w", "W")):
        curves = [
            plots.Series(
                name.removesuffix(suffix),
                [minute for minute, one in zip(minutes, slices, strict=True) if name in one["machine"]],
                [one["machine"][name] for one in slices if name in one["machine"]],
                colour=number,
            )
            for number, name in enumerate(name for name in names if name.endswith(suffix))
        ]
        if curves:
            charts.append(plots.plot(f"{unit} over time", "minutes", unit, curves[:4]))
    yield _plots(*charts)


def _scaling(result: dict[str, Any]) -> Iterator[str]:
    scaling = result.get("scaling")
    if not scaling:
        return
    yield f"<h2>How cost grows: {escape(_name(result))}</h2>"
    charts = []
    for name, x, y, inverse, x_label, title in (
        ("sizes", "megapixels", "cpu_ms", False, "megapixels", "CPU ms a frame by the picture's size"),
        ("streams", "streams", "fps", True, "films at once", "frames a second of all films"),
        ("threads", "threads", "ms", True, "threads", "engine, ms an image by threads"),
    ):
        if name not in scaling:
            continue
        points, fit = scaling[name]["points"], scaling[name]["fit"]
        xs = [point[x] for point in points]
        series = [plots.Series("measured", xs, [point[y] for point in points], "dots")]
        if fit is not None:
            fine = [min(xs) + (max(xs) - min(xs)) * step / 60 for step in range(61)]
            costs = [fit["base"] + fit["slope"] * (1 / at if inverse else at) for at in fine]
            ys = [1000 / cost if y == "fps" else cost for cost in costs if cost > 0]
            if len(ys) == len(fine):
                series.append(plots.Series("fitted", fine, ys, "line", 1))
        charts.append(plots.plot(title, x_label, "fps" if y == "fps" else "ms", series))
        fitted = fit["r_squared"] if fit else None
        known = f" (R² {fitted:.3f})" if fitted is not None else ""
        yield f"<p>{escape(name)}: {escape(scaling[name]['law'])}{known}</p>"
    yield _plots(*charts)


def _environment(made: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Where it was measured</h2><dl>"
    for name, value in made["environment"].items():
        if isinstance(value, dict):
            value = ", ".join(f"{library} {version}" for library, version in value.items() if version)
        if value is not None:
            yield f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
    for result in made["results"]:
        model = result["model"]
        words = (
            f"{result['backend_version']} on {result['device']}; {model['name']} {model['precision']}, "
            f"{model['input'][1]}×{model['input'][0]}, sha256 {model['sha256']}"
        )
        yield f"<dt>{escape(_name(result))}</dt><dd>{escape(words)}</dd>"
    for note in made["source"]["notes"]:
        yield f"<dt>source</dt><dd>{escape(note)}</dd>"
    yield "</dl>"


def _histogram_and_distribution(
    what: str,
    names: Sequence[str],
    samples: Sequence[Sequence[float]],
    marks: Sequence[tuple[float, str]] = (),
) -> Iterator[str]:
    held = [each for each in samples if each]
    if not held:
        return
    tails = [figures.summary_ms(each)["p99"] for each in held]
    end = max(tails) * _TAIL or 1.0
    labels = names if len(names) > 1 else [""] * len(names)
    shares: list[Series] = [
        plots.histogram(name, each, end, number)
        for number, (name, each) in enumerate(zip(labels, samples, strict=True))
        if each
    ]
    curves = [
        plots.distribution(name, each, number)
        for number, (name, each) in enumerate(zip(labels, samples, strict=True))
        if each
    ]
    note = f"{what}: how often, ms"
    yield plots.plot(note, "ms; longer ones in the last step", "%", shares, marks=marks, most_x=end)
    yield plots.plot(f"{what}: how many are no longer", "ms", "%", curves, marks=marks, most_x=end)


def _waterfall(title: str, latency: dict[str, dict[str, float]]) -> str:
    begin, rows = 0.0, []
    for stage, ms in latency.items():
        rows.append(
            plots.Bar(
                stage,
                [(stage, begin, ms["p50"])],
                whisker=begin + ms["p99"],
                label=f"{ms['p50']:.1f} ({ms['p99']:.1f})",
            )
        )
        begin += ms["p50"]
    return plots.bars(title, "ms: p50 (p99)", rows) if rows else ""


def _plots(*charts: str) -> str:
    return f'<div class="plots">{"".join(chart for chart in charts if chart)}</div>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells may bear `<small>`, as `_with` gives them; their words are escaped there or are figures."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = "".join(
        f"<tr><td>{escape(row[0])}</td>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{lines}</table></div>'


def _with(figure: str, interval: Sequence[float] | None, digits: int) -> str:
    if interval is None:
        return figure
    return f"{figure} <small>{interval[0]:.{digits}f} … {interval[1]:.{digits}f}</small>"


def _or_dash(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _name(result: dict[str, Any]) -> str:
    return f"{result['backend']} {result['precision']}"


def _rate(rate: str) -> str:
    return "at its own rate" if rate == "own" else f"{rate} fps"
