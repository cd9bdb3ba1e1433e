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
    from rtseg.training.confusion import ConfusionMatrix


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
    """Score a model file on labelled images: mIoU, IoU by class, pixel accuracy.

    \b
    Example:
      rtseg eval --data camvid --split val --precision int8 --backend openvino

    All three come from one exact confusion matrix over all pixels of the split; void pixels are left out.
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
        confusion = evaluate(prepared, folder, on_image=lambda done: bar.update(task, completed=done))
    if report is not None:
        write(report_of(confusion, folder, prepared), report)
    _print_scores(confusion, prepared, split, report)


def _print_scores(confusion: ConfusionMatrix, backend: Backend, split: str, report: str | None) -> None:
    from rtseg.cli.screen import console_for, table

    console = console_for(report)
    rows = [(name, f"{iou:.4f}") for name, iou in confusion.iou().items()]
    rows += [
        ("mean (mIoU)", f"{confusion.miou():.4f}"),
        ("pixel accuracy", f"{confusion.pixel_accuracy():.4f}"),
    ]
    model = backend.model
    console.print(table(f"{model.name} {model.precision} on {backend.name}, {split}", ("class", "IoU"), rows))
    if confusion.absent():
        console.print(
            f"in neither truth nor prediction, left out of the mean: {', '.join(confusion.absent())}"
        )
