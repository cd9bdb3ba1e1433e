"""`rtseg doctor --gpu`: what is found out about a GPU, as a person sees it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rtseg.errors import DeviceFault, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console, RenderableType

    from rtseg.gpu_report.request import Request

_WIDTH = 110
"""Of summary.txt."""
_SLOWEST = 5


def report_gpu(request: Request) -> None:
    """Find everything out, show it, and pack it.

    Raises:
        InputError: there is no GPU, no TensorRT, or what is asked for cannot be done; nothing was written.
        SinkFault: the report cannot be written.
        DeviceFault: something failed on the way; the archive is there all the same.
        Interrupted: Ctrl-C; likewise.
    """
    from rtseg.cli.plans import terms_on_screen
    from rtseg.cli.screen import console_for, standard_error
    from rtseg.cli.signals import stopped_by_signals
    from rtseg.cuda.device import gpu_at
    from rtseg.gpu_report.survey import Survey
    from rtseg.runtimes import load_tensorrt

    load_tensorrt()
    gpu = gpu_at()
    request.check()
    console = standard_error()

    def on_step(name: str) -> None:
        console.print(f"{name} …", markup=False, soft_wrap=True)

    survey = Survey(request, gpu, terms=lambda: terms_on_screen(console), on_step=on_step)
    with stopped_by_signals(survey.stop):
        archive = survey.run(_as_text)
    _print(console_for(None), survey.facts)
    console_for(None).print(f"To attach to a report: {archive}", markup=False, soft_wrap=True)
    _conclude(survey.failures, archive, interrupted=survey.interrupted, stuck=survey.stuck)


def _conclude(failures: list[dict[str, str]], archive: Path, *, interrupted: bool, stuck: bool) -> None:
    if interrupted:
        raise Interrupted(f"interrupted; what was found by then is in {archive}")
    if failures:
        steps = ", ".join(failure["step"] for failure in failures)
        fault = DeviceFault(f"failed: {steps}. Why, and all the rest, is in {archive}.")
        fault.stuck = stuck
        raise fault


def _as_text(facts: dict[str, Any]) -> str:
    from rich.console import Console

    text = io.StringIO()
    _print(Console(file=text, width=_WIDTH, highlight=False), facts)
    return text.getvalue()


def _print(console: Console, facts: dict[str, Any]) -> None:
    for part in _summary(facts):
        console.print(part)
    for failure in facts["failures"]:
        console.print(f"failed: {failure['step']}: {failure['error']}", markup=False, soft_wrap=True)
    for warning in facts["warnings"]:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)


def _summary(facts: dict[str, Any]) -> Iterator[RenderableType]:
    """Tables of what is there."""
    from rtseg.cli.screen import facts as pairs

    if facts["machine"]:
        yield pairs(_machine(facts["machine"]))
    yield from _precisions(facts)
    yield from _timing(facts["timing"])
    yield from _layers(facts["layers"])
    if facts["live"]:
        yield pairs({"live": _live(facts["live"])})


def _machine(machine: dict[str, Any]) -> dict[str, str]:
    gpu, jetson = machine["gpu"], machine["jetson"] or {}
    found = {
        "GPU": f"{gpu['name']}, compute capability {gpu['compute_capability']}, "
        f"{gpu['memory_bytes'] / 2**30:.1f} GiB{', integrated' if gpu['is_integrated'] else ''}",
        "driver": machine["driver"] or f"for CUDA {machine['cuda_of_the_driver']}",
        "TensorRT": f"{machine['tensorrt']}, pycuda {machine['libraries']['pycuda']}",
        "board": jetson.get("board", ""),
        "L4T": jetson.get("l4t_release", ""),
        "power mode": jetson.get("power_mode", "").replace("\n", " "),
    }
    return {name: text for name, text in found.items() if text}


def _precisions(facts: dict[str, Any]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import table

    rows = []
    for precision, build in facts["builds"].items():
        agreed, scored = facts["agreement"].get(precision), facts["scores"].get(precision)
        rows.append(
            (
                precision,
                f"{build['seconds']:.1f}",
                f"{build['bytes'] / 1e6:.2f}",
                f"{agreed['percent']:.3f}" if agreed else "–",
                f"{agreed['worst']['percent']:.3f}" if agreed else "–",
                f"{scored['tensorrt']['miou']:.4f}" if scored else "–",
                f"{scored['onnxruntime']['miou']:.4f}" if scored else "–",
            )
        )
    columns = ("plan", "built in s", "MB", "equal to ONNX Runtime, %", "worst frame, %", "mIoU", "its mIoU")
    if rows:
        yield table("plans and their labels", columns, rows)


def _timing(timing: dict[str, Any]) -> Iterator[RenderableType]:
    """Medians, as trtexec prints them, and what it would warn of but unstable times, which have a column."""
    from rich.text import Text

    from rtseg.cli.screen import table
    from rtseg.gpu_report.figures import UNSTABLE_PERCENT

    runs = [(precision, name, run) for precision, modes in timing.items() for name, run in modes.items()]
    columns = ("plan, lanes", "h2d", "compute", "±%", "d2h", "enqueue", "latency", "p99", "qps")
    if runs:
        title = "trtexec's figures: medians, ms; transfers on, spin wait off"
        yield table(title, columns, [_timing_row(precision, run) for precision, _, run in runs])
    if any(run["compute_variation_percent"] > UNSTABLE_PERCENT for *_, run in runs):
        yield Text(f"± above {UNSTABLE_PERCENT:g} %: unstable; lock the clocks and end other programs")
    for precision, name, run in runs:
        for warning in run["warnings"]:
            if "unstable" not in warning:
                yield Text(f"{precision}, {name}: {warning}")


def _timing_row(precision: str, run: dict[str, Any]) -> tuple[str, ...]:
    mode = run["mode"]
    graph = {"on": ", graph", "off": "", "refused": ", graph refused"}[mode["cuda_graph"]]
    medians = {kind: f"{run[f'{kind}_ms']['median']:.3f}" for kind in ("h2d", "compute", "d2h", "enqueue")}
    return (
        f"{precision}, {mode['lanes']}{graph}",
        medians["h2d"],
        medians["compute"],
        f"{run['compute_variation_percent']:.1f}",
        medians["d2h"],
        medians["enqueue"],
        f"{run['latency_ms']['median']:.3f}",
        f"{run['latency_ms']['p99']:.3f}",
        f"{run['throughput_qps']:.0f}",
    )


def _layers(layers: dict[str, Any]) -> Iterator[RenderableType]:
    from rtseg.cli.screen import facts as pairs
    from rtseg.cli.screen import table
    from rtseg.gpu_report.layers import slowest

    columns = ("plan", "layers", "convolutions", "alone", "reformats", "Q/DQ left", "casts left")
    rows = []
    for precision, found in layers.items():
        convolutions = found["convolutions"]
        counts = (
            found["layers"],
            convolutions["count"],
            len(convolutions["alone"]),
            *(len(found[name]) for name in ("reformats", "qdq_left", "casts_left")),
        )
        rows.append((precision, *map(str, counts)))
    if rows:
        yield table("what became of the layers", columns, rows)
    for precision, found in layers.items():
        types = ", ".join(f"{count} {kind}" for kind, count in found["convolutions"]["input_types"].items())
        if types:
            yield pairs({precision: f"convolutions read {types}; {found['weights']}"})
        ranked = slowest(found, _SLOWEST)
        yield table(
            f"slowest layers, {precision}",
            ("layer", "ms", "%"),
            [(name, f"{ms:.4f}", f"{100 * share:.1f}") for name, ms, share in ranked],
        )


def _live(live: dict[str, Any]) -> str:
    frames, deadline = live["frames"], live.get("deadline") or {}
    latency = f"; latency {deadline['budget_ms']:g} ms, {deadline['missed']} missed" if deadline else ""
    return (
        f"{live['model']['precision']}, {live['seconds']:.1f} s, {live['fps']:.1f} fps: "
        f"{frames['captured']} captured, {frames['fresh']} fresh, {frames['propagated']} propagated, "
        f"{frames['held']} held, {sum(frames['dropped'].values())} dropped{latency}"
    )
