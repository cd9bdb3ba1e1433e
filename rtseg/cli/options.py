"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from rtseg.metadata import PRECISIONS

existing_or_not = click.Path(path_type=Path)
"""A path that the command itself checks, so that each error is in its own words."""

model_option = click.option(
    "--model",
    metavar="M",
    help="A shipped model's name, a folder of {fp32,fp16,int8}.onnx, or an ONNX file.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(("auto", *PRECISIONS)),
    default="auto",
    show_default=True,
    help="Arithmetic of the model file; auto takes the fastest for the backend.",
)
backend_option = click.option(
    "--backend",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="openvino, onnxruntime, torch, simulated, or simulated:MS; auto takes the first one installed.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads that the backend may compute with."
)
data_option = click.option(
    "--data",
    type=existing_or_not,
    required=True,
    metavar="DIR",
    help="Data folder: DIR/NAME/*.png with DIR/NAMEannot/*.png.",
)
report_option = click.option(
    "--report",
    metavar="P",
    help="Write a JSON report to P; - is standard output, and then nothing else is printed there.",
)
