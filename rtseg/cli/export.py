"""`rtseg export` and `rtseg quantize`: how a checkpoint becomes model files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import click

from rtseg.cli.options import data_option, existing_or_not, hw_from_text, need_training_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import TaskID

    from rtseg.training.export import FloatPrecision
    from rtseg.training.judge import OnStep


@click.command("export")
@click.argument("checkpoint", type=existing_or_not)
@click.option("--out", type=existing_or_not, required=True, metavar="M.onnx", help="The file to write.")
@click.option("--precision", type=click.Choice(("fp32", "fp16")), default="fp32", show_default=True)
@data_option
@click.option(
    "--split", default="val", show_default=True, metavar="NAME", help="Frames to check and score it on."
)
@click.option("--size", metavar="WxH", help="Input size, pixels; that of the training if left out.")
@click.option("--name", metavar="NAME", help="What the model is called; the default is NET-ENCODER.")
@click.option(
    "--model-version", default="1", show_default=True, metavar="V", help="Counts up when weights change."
)
def export_command(
    checkpoint: Path,
    out: Path,
    precision: str,
    data: Path,
    split: str,
    size: str | None,
    name: str | None,
    model_version: str,
) -> None:
    """Make an ONNX model of CHECKPOINT, checked against torch on real frames before it is written.

    \b
    Example:
      rtseg export runs/unet/model.safetensors --data camvid --out models/unet/fp32.onnx
    """
    need_training_libraries()
    from rtseg.classes import CAMVID
    from rtseg.training.data import LabelledFolder
    from rtseg.training.export import export_model

    with _steps() as on_step:
        exported = export_model(
            checkpoint,
            out,
            precision=cast("FloatPrecision", precision),
            data=LabelledFolder(data, split, CAMVID),
            name=name,
            version=model_version,
            size=hw_from_text(size) if size else None,
            on_step=on_step,
        )
    click.echo(
        f"{exported.path}: {exported.precision}, {exported.size_bytes / 1e6:.2f} MB, "
        f"mIoU {exported.scores['miou']:.4f} on {split}, "
        f"{exported.agreement:.3%} of pixels as in torch ({exported.checked_frames} frames)"
    )


@click.command("quantize")
@click.argument("model", type=existing_or_not)
@data_option
@click.option("--out", type=existing_or_not, required=True, metavar="M-int8.onnx", help="The file to write.")
@click.option("--split", default="train", show_default=True, metavar="NAME", help="Frames to calibrate on.")
@click.option(
    "--holdout", default="val", show_default=True, metavar="NAME", help="Frames that decide between ranges."
)
@click.option("--frames", type=click.IntRange(min=1), default=128, show_default=True, help="To calibrate on.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Decides which frames."
)
@click.option(
    "--calib",
    type=existing_or_not,
    metavar="DIR",
    help="Where frame list, ranges and report go; the default is calib beside the file.",
)
def quantize_command(
    model: Path, data: Path, out: Path, split: str, holdout: str, frames: int, seed: int, calib: Path | None
) -> None:
    """Make an INT8 model of MODEL, an FP32 ONNX model, with ranges from real frames.

    \b
    Example:
      rtseg quantize models/unet/fp32.onnx --data camvid --out models/unet/int8.onnx

    Min-max, percentile and entropy ranges are compared on the held-out frames; the best one is kept.
    """
    need_training_libraries()
    from rtseg.classes import CAMVID
    from rtseg.cli.screen import console_for, table
    from rtseg.training.data import LabelledFolder
    from rtseg.training.quantize import quantize_model

    with _steps() as on_step:
        made = quantize_model(
            model,
            out,
            data=LabelledFolder(data, split, CAMVID),
            holdout=LabelledFolder(data, holdout, CAMVID),
            calib_dir=calib if calib is not None else out.parent / "calib",
            frames=frames,
            seed=seed,
            on_step=on_step,
        )
    judged = {
        "fp32": made.fp32,
        **made.methods,
        **{f"as run by {name}": one for name, one in made.runtimes.items()},
    }
    rows = [
        (name + (" (kept)" if name == made.chosen else ""), f"{one.miou:.4f}", f"{one.agreement:.2%}")
        for name, one in judged.items()
    ]
    title = f"{made.holdout_frames} frames of {holdout}"
    console_for(None).print(table(title, ("ranges", "mIoU", "labels as fp32"), rows))
    click.echo(
        f"{made.path}: int8, {made.size_bytes / 1e6:.2f} MB, calibrated on {made.calibration_frames} frames"
    )


@contextmanager
def _steps() -> Iterator[OnStep]:
    """A progress bar that starts anew whenever the work that it is told of changes."""
    from rtseg.cli.screen import progress_bar

    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def on_step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield on_step
