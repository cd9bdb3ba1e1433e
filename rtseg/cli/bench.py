"""`rtseg bench`: what a model costs on this machine, as a person sees it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.options import model_option, report_option, threads_option, trust_plan_option
from rtseg.errors import InputError
from rtseg.metadata import PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from rtseg.bench.bench import Bench
    from rtseg.bench.request import Request
    from rtseg.tensorrt.cache import Terms


_LARGEST_SHOWN = 999


def _names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise click.BadParameter(f"{text!r} is not a list of names with commas between.")
    return names


def _precisions(context: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    names = _names(context, option, text)
    for name in names:
        if name not in ("auto", *PRECISIONS):
            raise click.BadParameter(f"{name} is none of auto, {', '.join(PRECISIONS)}.")
    return names


@click.command("bench")
@click.argument("source", required=False)
@model_option
@click.option(
    "--backend",
    "backends",
    default="auto",
    show_default=True,
    callback=_names,
    metavar="B,…",
    help="Backends to compare: tensorrt, openvino, onnxruntime, torch, simulated, simulated:MS.",
)
@click.option(
    "--precision",
    "precisions",
    default="auto",
    show_default=True,
    callback=_precisions,
    metavar="P,…",
    help="Precisions to compare: fp32, fp16, int8; auto takes the fastest for each backend.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=1_000_000),
    metavar="S",
    help="How long each backend and precision is measured, 60 if left out; from 180 on, sustained load too.",
)
@threads_option
@click.option("--scaling", is_flag=True, help="Other sizes, streams and threads, too; a minute or two more.")
@trust_plan_option
@report_option
@click.option(
    "--html", metavar="P", help="Write the report as one page with plots, which needs nothing else."
)
@click.option(
    "--compare",
    nargs=2,
    metavar="A.json B.json",
    help="Say what differs between two reports beyond chance; measures nothing.",
)
def bench_command(
    source: str | None,
    report: str | None,
    html: str | None,
    compare: tuple[str, str] | None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Measure the model alone and the whole of `rtseg run` on SOURCE; without SOURCE, on a synthetic drive.

    \b
    Examples:
      rtseg bench
      rtseg bench clip.mp4 --backend openvino,onnxruntime --precision fp32,int8 --report a.json
      rtseg bench --seconds 1800 --html sustained.html
      rtseg bench --compare a.json b.json

    Backends and precisions take turns, round after round, so that a machine that drifts drifts for all.
    docs/bench.md says what each figure means.
    """
    from rtseg.report import check_writable

    for target in (report, html):
        if target is not None:
            check_writable(target)
    if html == "-" or (html is not None and html == report):
        raise InputError("--html needs a file of its own, for instance --html bench.html.")
    if compare is not None:
        if source is not None or html is not None:
            raise InputError("--compare takes two reports and measures nothing: leave SOURCE and --html out.")
        _compare(*compare, report)
        return
    _measure(_request(source, given), report, html)


def _request(source: str | None, given: dict[str, Any]) -> Request:
    from rtseg.bench.request import Request

    found = {name: value for name, value in given.items() if value is not None}
    return Request(**found) if source is None else Request(source=source, **found)


def _measure(request: Request, target: str | None, html: str | None) -> None:
    from rtseg.bench.bench import Bench
    from rtseg.bench.machine import noise
    from rtseg.cli.screen import progress_bar, standard_error
    from rtseg.cli.signals import stopped_by_signals

    console = standard_error()
    with _terms(console, trust=request.trust_plan) as terms:
        bench = Bench(request, terms)
    for line in noise(bench.machine):
        console.print(f"warning: {line}", markup=False, soft_wrap=True)
    with stopped_by_signals(bench.stop):
        try:
            with progress_bar() as bar:
                task = bar.add_task("measuring", total=bench.steps())

                def on_step(name: str) -> None:
                    bar.update(task, description=name, advance=1)

                bench.run(on_step)
        finally:
            if bench.rounds:
                _conclude(bench, target, html)


@contextmanager
def _terms(console: Console, *, trust: bool) -> Iterator[Terms]:
    """How TensorRT plans are got: seen on the screen, and ended by Ctrl-C and SIGTERM."""
    from rtseg.cli.plans import terms_on_screen
    from rtseg.cli.signals import stopped_by_signals

    is_stopped = threading.Event()
    with stopped_by_signals(is_stopped.set), terms_on_screen(console, trust=trust) as terms:
        yield replace(terms, watcher=replace(terms.watcher, is_stopped=is_stopped.is_set))


def _conclude(bench: Bench, target: str | None, html: str | None) -> None:
    """Write the report and the page, and print the tables."""
    from rtseg import report
    from rtseg.bench.page import write_page
    from rtseg.bench.results import report_of
    from rtseg.cli.screen import console_for, standard_error

    made = report_of(bench)
    if target is not None:
        report.write(made, target)
    if html is not None:
        write_page(made, html)
    console = console_for(target)
    for part in _tables(made):
        console.print(part)
    for warning in made["warnings"]:
        standard_error().print(f"warning: {warning}", markup=False, soft_wrap=True)


def _tables(made: dict[str, Any]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import facts

    results = made["results"]
    yield from _engine_tables(results)
    yield from _pipeline_tables(results)
    for result in results:
        yield from _sustained_tables(result)
        laws = {
            f"{_name(result)}, {name}": curve["law"]
            for name, curve in result.get("scaling", {}).items()
            if curve["law"]
        }
        if laws:
            yield facts(laws)
    where = made["environment"]
    yield facts(
        {
            "machine": f"{where['cpu']}, {where['cores']} cores, {where['gpu'] or 'no GPU'}",
            "source": made["source"]["uri"],
            "rounds": f"{made['settings']['rounds']}; in brackets: where 95 of 100 would lie",
        }
    )


def _engine_tables(results: list[dict[str, Any]]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import facts, table

    columns = ("engine, ms an image", "p50", "", "p90", "p95", "p99", "max", "fps at once")
    rows: list[tuple[str, ...]] = []
    for result in results:
        ms, streams = result["engine_ms"], result["engine"].get("throughput", result["engine"]["latency"])
        rows.append(
            (
                _name(result),
                f"{ms['p50']:.2f}",
                _between(result["intervals"]["engine_ms"]["p50"], 2),
                *(f"{ms[column]:.2f}" for column in ("p90", "p95", "p99", "max")),
                f"{result['engine_fps']:.1f} ({streams['settings']['streams']})",
            )
        )
    yield table("the model alone", columns, rows)
    for result in results:
        parts = result["engine"]["latency"].get("trtexec")
        if parts:
            kinds = ("h2d", "compute", "d2h", "enqueue", "latency")
            settings = result["engine"]["latency"]["settings"]
            said = ", ".join(f"{kind} {parts[f'{kind}_ms']['median']:.3f}" for kind in kinds)
            yield facts(
                {
                    f"{_name(result)}, as trtexec": f"{said} ms; transfers {settings['transfers']}; "
                    f"CUDA graph {settings['cuda_graph']}"
                }
            )


def _pipeline_tables(results: list[dict[str, Any]]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import table

    rows: list[tuple[str, ...]] = [
        (
            _name(result),
            f"{result['pipeline_fps']:.1f}",
            _between(result["intervals"].get("pipeline_fps"), 1),
            f"{sum(result['cpu_ms_per_frame'].values()):.1f}",
            f"{result['bound_fps']:.1f}",
            f"{result['efficiency']:.2f}",
        )
        for result in results
        if result["pipeline"] is not None and result["bound_fps"]
    ]
    if rows:
        columns = ("over the film", "fps", "", "CPU ms a frame", "bound, fps", "efficiency")
        yield table("the whole of rtseg run", columns, rows)
    rows = [
        (
            f"{_name(result)}, {rate} fps",
            f"{live['latency_ms']['end_to_end']['p50']:.1f}",
            f"{live['latency_ms']['end_to_end']['p99']:.1f}",
            *(f"{percent:.1f}" for percent in live["missed_percent"].values()),
        )
        for result in results
        for rate, live in result["live"].items()
    ]
    if rows:
        budgets = tuple(
            f"> {budget} ms, %" for budget in results[0]["live"][next(iter(results[0]["live"]))]["missed"]
        )
        yield table("live, capture to sink, ms", ("", "p50", "p99", *budgets), rows)
    for result in results:
        run = result["pipeline"] or next(iter(result["live"].values()), None)
        if run is not None:
            cpu = result["cpu_ms_per_frame"]
            stages = {**run["latency_ms"], **{name: None for name in cpu if name not in run["latency_ms"]}}
            yield table(
                f"stages, {_name(result)}",
                ("ms a frame", "p50", "p99", "max", "CPU"),
                [
                    (
                        "end to end; all CPU" if stage == "end_to_end" else stage,
                        *(f"{ms[column]:.2f}" if ms else "" for column in ("p50", "p99", "max")),
                        f"{cpu.get(stage, sum(cpu.values())):.2f}",
                    )
                    for stage, ms in stages.items()
                ],
            )


def _sustained_tables(result: dict[str, Any]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import table

    sustained = result.get("sustained")
    if sustained is None:
        return
    first, last = sustained["first"], sustained["last"]
    pairs = [
        ("fps", first["fps"], last["fps"]),
        *(
            (f"end to end {name}, ms", first["end_to_end_ms"][name], last["end_to_end_ms"][name])
            for name in ("p50", "p99")
        ),
        *(
            (f"{stage} p50, ms", ms, last["stage_p50_ms"][stage])
            for stage, ms in first["stage_p50_ms"].items()
        ),
        ("CPU ms a frame", first["cpu_ms_per_frame"], last["cpu_ms_per_frame"]),
        *((name, value, last["machine"].get(name)) for name, value in first["machine"].items()),
    ]
    yield table(
        f"sustained, {_name(result)}: {first['from_s']:.0f} s … {last['to_s']:.0f} s",
        ("", "first", "last", "change, %"),
        [
            (name, f"{a:.2f}", f"{b:.2f}", f"{100 * (b / a - 1):+.1f}" if a else "")
            for name, a, b in pairs
            if b is not None
        ],
    )


def _name(result: dict[str, Any]) -> str:
    return f"{result['backend']} {result['precision']}"


def _between(interval: tuple[float, float] | None, digits: int) -> str:
    return "" if interval is None else f"[{interval[0]:.{digits}f} {interval[1]:.{digits}f}]"


def _compare(a: str, b: str, target: str | None) -> None:
    from rtseg import report
    from rtseg.bench.compare import LEVEL, compare, read_report
    from rtseg.cli.screen import console_for, table

    comparison = compare(read_report(a), read_report(b))
    if target is not None:
        report.write(comparison.facts(), target)
    console = console_for(target)
    for line in comparison.elsewhere:
        console.print(f"differs: {line}", markup=False, soft_wrap=True)
    for what in dict.fromkeys(one.what for one in comparison.differences):
        rows = [
            (
                one.figure,
                f"{one.a:.2f}",
                f"{one.b:.2f}",
                f"{one.percent:+.1f} [{_percent(one.interval[0])} {_percent(one.interval[1])}]",
                one.verdict,
            )
            for one in comparison.differences
            if one.what == what
        ]
        columns = ("", "A", "B", f"change, % ({100 * LEVEL:g} %)", "")
        console.print(table(what, columns, rows))
    for line in comparison.only_in_one:
        console.print(line, markup=False, soft_wrap=True)
    real = [one for one in comparison.differences if one.is_real]
    count = len(comparison.differences)
    chance = count * (1 - LEVEL)
    console.print(
        f"{len(real)} of {count} figures differ beyond noise; chance alone gives about {chance:.1f}.",
        markup=False,
        soft_wrap=True,
    )


def _percent(change: float) -> str:
    return f"{change:+.1f}" if change < _LARGEST_SHOWN else f"+{_LARGEST_SHOWN:.0f}…"
