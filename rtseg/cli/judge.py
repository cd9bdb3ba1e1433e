"""`rtseg eval`: how well a model file labels a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtseg.cli.options import (
    backend_option,
    data_option,
    model_option,
    precision_option,
    report_option,
    threads_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.backends.base import Backend
    from rtseg.training.evaluate import Evaluation


@click.command("eval")
@data_option
@click.option("--split", required=True, metavar="NAME", help="Which split of it.")
@model_option
@precision_option
@backend_option
@threads_option
@report_option
def eval_command(
    data: Path,
    split: str,
    model: str | None,
    precision: str,
    backend: str,
    threads: int | None,
    report: str | None,
) -> None:
    """Score a model file on labelled images: IoU by class, of all pixels and along edges, and pixel accuracy.

    \b
    Example:
      rtseg eval --data camvid --split val --precision int8 --backend openvino

    All come from exact counts over all pixels of the split; void pixels are left out. Boundary IoU looks only
    at the strip inside each class's outline, 3 pixels wide at 480×360: it tells how well edges lie.
    """
    from rtseg.backends import backend_for
    from rtseg.cli.screen import progress_bar
    from rtseg.report import check_writable, write
    from rtseg.training.data import LabelledFolder
    from rtseg.training.evaluate import evaluate, report_of

    if report is not None:
        check_writable(report)
    prepared = backend_for(backend, model, precision, threads)
    folder = LabelledFolder(data, split, prepared.model.classes)
    with prepared, progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(folder))
        counted = evaluate(prepared, folder, on_image=lambda done: bar.update(task, completed=done))
    if report is not None:
        write(report_of(counted, folder, prepared), report)
    _print_scores(counted, prepared, split, report)


def _print_scores(counted: Evaluation, backend: Backend, split: str, report: str | None) -> None:
    from rtseg.cli.screen import console_for, table

    console = console_for(report)
    confusion, boundaries = counted.confusion, counted.boundaries
    of_edges = boundaries.iou()
    rows = [
        (name, f"{iou:.4f}", f"{of_edges[name]:.4f}" if name in of_edges else "–")
        for name, iou in confusion.iou().items()
    ]
    rows += [
        ("mean (mIoU)", f"{confusion.miou():.4f}", f"{boundaries.miou():.4f}"),
        ("pixel accuracy", f"{confusion.pixel_accuracy():.4f}", ""),
    ]
    model = backend.model
    title = f"{model.name} {model.precision} on {backend.name}, {split}"
    console.print(table(title, ("class", "IoU", "boundary IoU"), rows))
    if confusion.absent():
        console.print(
            f"in neither truth nor prediction, left out of the mean: {', '.join(confusion.absent())}"
        )
