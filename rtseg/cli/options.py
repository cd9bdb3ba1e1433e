"""Options that several commands share, and what they ask for before they begin."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click

from rtseg.errors import InputError, MissingDependencyError
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
    help="tensorrt, openvino, onnxruntime, torch, simulated, or simulated:MS; auto: the first one usable.",
)
trust_plan_option = click.option(
    "--trust-plan",
    is_flag=True,
    help="Take a TensorRT plan that another user may have made. It can run any code.",
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
codec_option = click.option(
    "--codec",
    default="h264",
    show_default=True,
    metavar="NAME",
    help="Of the overlay video: h264, hevc, av1, ffv1, or an FFmpeg encoder such as h264_nvenc.",
)
crf_option = click.option(
    "--crf", type=click.FloatRange(0), metavar="X", help="Quality of the overlay video; lower is better."
)
opacity_option = click.option(
    "--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the colours."
)
only_option = click.option(
    "--only",
    metavar="CLASS,…",
    callback=lambda _context, _option, text: text and frozenset(name.strip() for name in text.split(",")),
    help="Colour only these classes.",
)
view_option = click.option(
    "--view",
    type=click.Choice(("overlay", "mask", "side-by-side")),
    default="overlay",
    show_default=True,
    help="The picture with colours over it, the colours alone, or the picture and beside it the overlay.",
)
legend_option = click.option(
    "--legend", is_flag=True, help="Burn the classes' names and colours into the picture."
)
overlay_on_option = click.option(
    "--overlay-on",
    type=click.Choice(("cpu", "gpu")),
    default="cpu",
    show_default=True,
    help="Where colours are laid over the picture; gpu goes with --backend tensorrt.",
)


def _every(_context: click.Context, _option: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise click.BadParameter(f"{text} is neither a whole number from 1 to 1000 nor auto.")
    return int(text)


every_option = click.option(
    "--every",
    callback=_every,
    metavar="N|auto",
    help="Infer every Nth frame and move labels to the others. auto: over a file, as few as an estimate of "
    "the error allows; with --latency, as many as can be.",
)
smooth_option = click.option(
    "--smooth",
    is_flag=True,
    help="Less flicker: labels that were shown have a say in the next ones; at most 2 frames late.",
)
max_frames_option = click.option(
    "--max-frames", type=click.IntRange(min=1), metavar="N", help="End after N frames."
)
seconds_option = click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="End after S seconds."
)


def need_training_libraries() -> None:
    """Say what to install where a library is missing, before anything is imported that needs it.

    Raises:
        MissingDependencyError: one is missing.
    """
    for library in ("torch", "onnx", "safetensors", "matplotlib"):
        if importlib.util.find_spec(library) is None:
            raise MissingDependencyError(library, extra="train")


def hw_from_text(text: str) -> tuple[int, int]:
    """Height and width from "WIDTHxHEIGHT".

    Raises:
        InputError: it is not two whole numbers of at least 32.
    """
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match or min(int(match[1]), int(match[2])) < 32:
        raise InputError(f"{text}: a size is WIDTHxHEIGHT in pixels, each at least 32, for instance 480x360.")
    return int(match[2]), int(match[1])
