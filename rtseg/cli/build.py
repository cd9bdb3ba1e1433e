"""`rtseg build`: a TensorRT plan from a model file."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.options import existing_or_not, precision_option, report_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from rtseg.tensorrt.cache import Order, Terms
    from rtseg.tensorrt.plan import Plan

_NONE = "none"
_SUFFIXES = (".plan", ".engine")


@click.command("build")
@click.argument("model", metavar="M.onnx|NAME")
@precision_option
@click.option(
    "--out", type=existing_or_not, metavar="PLAN", help="Where the plan goes; beside the model if left out."
)
@click.option(
    "--workspace", type=int, metavar="MIB", help="Scratch memory that a layer may have; all if left out."
)
@click.option(
    "--optimization-level",
    type=int,
    metavar="N",
    help="0 … 5, how long kernels are searched for; TensorRT's own is 3.",
)
@click.option(
    "--timing-cache",
    metavar="PATH",
    help="Kernel times from earlier builds; none for no such file, this user's cache if left out.",
)
@click.option(
    "--version-compatible", is_flag=True, help="A plan that later versions of TensorRT load, too; larger."
)
@click.option(
    "--hardware-compatible", is_flag=True, help="A plan for all GPUs from Ampere on; may be slower."
)
@click.option("--dla", type=int, metavar="N", help="Run on this DLA core what can, the rest on the GPU.")
@click.option("--force", is_flag=True, help="Build even if there is a plan that fits.")
@report_option
def build_command(model: str, precision: str, report: str | None, **given: Any) -> None:  # noqa: ANN401
    """Build the TensorRT plan of a model for the GPU of this machine.

    \b
    Examples:
      rtseg build rtseg-m
      rtseg build rtseg-m --precision int8 --report build.json
      rtseg build m.onnx --out m.plan --workspace 1024 --optimization-level 5

    A plan runs on the TensorRT and the GPU that it was built for. It is kept, and taken as long as it fits;
    `rtseg run --backend tensorrt` builds it itself on first use.
    """
    from rtseg.cli.screen import standard_error
    from rtseg.report import check_writable
    from rtseg.storage.trust import stranger_to_folder
    from rtseg.tensorrt.cache import fetch

    if report is not None:
        check_writable(report)
    order = _order(model, precision, given)
    with _terms(standard_error(), force=given["force"]) as terms:
        stranger = stranger_to_folder(order.path.parent)
        if stranger is not None:
            terms.notice(f"warning: {stranger}, so a plan there is only taken with --trust-plan")
        plan = fetch(order, terms)
    _conclude(order, plan, report)


def _order(model: str, precision: str, given: dict[str, Any]) -> Order:
    from rtseg.cuda.device import gpu_at
    from rtseg.errors import OutputError
    from rtseg.model import find_model
    from rtseg.tensorrt.cache import order_for
    from rtseg.tensorrt.options import PREFERRED_PRECISIONS, BuildOptions

    out: Path | None = given["out"]
    if out is not None and not out.absolute().parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder for the plan. Make it first.")
    if out is not None and (out.is_dir() or out.suffix not in _SUFFIXES):
        raise OutputError(f"{out}: name a file for the plan that ends in {' or '.join(_SUFFIXES)}.")
    options = BuildOptions(
        workspace_mib=given["workspace"],
        optimization_level=given["optimization_level"],
        version_compatible=given["version_compatible"],
        hardware_compatible=given["hardware_compatible"],
        dla_core=given["dla"],
    )
    cache = given["timing_cache"]
    return order_for(
        find_model(model, precision, PREFERRED_PRECISIONS),
        gpu_at(),
        options,
        path=out,
        timing_cache=None if cache in (None, _NONE) else Path(cache),
        has_timing_cache=cache != _NONE,
    )


@contextmanager
def _terms(console: Console, *, force: bool) -> Iterator[Terms]:
    """How the plan is got: seen on the screen, and ended by Ctrl-C and SIGTERM."""
    from rtseg.cli.plans import terms_on_screen
    from rtseg.cli.signals import stopped_by_signals

    is_stopped = threading.Event()
    with stopped_by_signals(is_stopped.set), terms_on_screen(console) as terms:
        yield replace(terms, force=force, watcher=replace(terms.watcher, is_stopped=is_stopped.is_set))


def _conclude(order: Order, plan: Plan, target: str | None) -> None:
    """Write the report and say what was built, and where it is."""
    from rtseg import report
    from rtseg.cli.screen import console_for, standard_error

    assert plan.record is not None
    record, model = plan.record, order.model
    if target is not None:
        report.write(_report(order, plan), target)
    when = f"built in {record.seconds:.1f} s" if plan.is_new else "built before, and it fits"
    console_for(target).print(
        f"{plan.path}: {model.name} {model.precision} for {order.gpu.name}, TensorRT {record.key.tensorrt}; "
        f"{len(plan.content) / 1e6:.2f} MB, {when}",
        markup=False,
        soft_wrap=True,
    )
    for warning in record.warnings if plan.is_new else ():
        standard_error().print(f"warning: {warning}", markup=False, soft_wrap=True)


def _report(order: Order, plan: Plan) -> dict[str, Any]:
    from rtseg import report

    assert plan.record is not None
    record, gpu = plan.record, order.gpu
    return {
        "schema": report.SCHEMA,
        "command": "build",
        "environment": report.environment("tensorrt", record.key.tensorrt) | {"gpu": gpu.name},
        "model": report.model_facts(order.model),
        "gpu": {
            "name": gpu.name,
            "compute_capability": record.key.compute_capability,
            "memory_bytes": gpu.memory_bytes,
            "is_integrated": gpu.is_integrated,
            "driver_version": gpu.driver_version,
        },
        "plan": {
            "path": str(plan.path),
            "bytes": len(plan.content),
            "sha256": record.plan_sha256,
            "is_new": plan.is_new,
            "seconds": record.seconds,
        },
        "options": record.key.options.to_json(),
        "timing_cache": None if order.timing_cache is None else str(order.timing_cache),
        "warnings": list(record.warnings),
    }
