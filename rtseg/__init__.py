"""rtseg labels every pixel of a driving video in real time.

A frame's way through the package, and where each part of it lives:

    sources/     files, cameras, streams, a synthetic drive      ─► Frame
    stages/      capture, preprocess, infer, propagate, colorize, present: what happens to the pixels
    backends/    OpenVINO, ONNX Runtime, torch, simulated: a model file in a runtime
    tensorrt/    ONNX files built into plans for a GPU, and where those are kept
    cuda/        the GPU
    sinks/       videos, images, label maps, tables, recordings, streams, figures
    window/      a window over a run
    pipeline/    threads, mailboxes, slots, books and the meter: time, no pixels
    session.py   puts these together for one run over a file, and reports on it
    live.py      the same for a camera or a stream
    latency/     how old pictures are when they are shown
    batch/       the same run over many films
    bench/       what a model costs on this machine, in the path that ships
    cli/         arguments and printing
    training/    where models come from; never imported by a run

In five lines:

    from rtseg import RunOptions, Session

    with Session(RunOptions("clip.mp4", out=Path("overlay.mp4"))) as session:
        session.run()
        print(session.report()["frames"])

Importing rtseg loads none of the libraries that it works with; they come with the first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rtseg.classes import CAMVID, ClassSet
from rtseg.errors import (
    BuildFault,
    DataError,
    DeviceError,
    DeviceFault,
    InputError,
    Interrupted,
    MissingDependencyError,
    ModelError,
    OutputError,
    PlanError,
    RtsegError,
    SinkFault,
    SourceError,
    SourceFault,
    SourceNotFoundError,
    StageError,
)
from rtseg.frame import Frame, LabelMap

if TYPE_CHECKING:
    from rtseg.live import LiveSession
    from rtseg.model import Model, find_model, shipped_models
    from rtseg.options import LiveRun, RunOptions
    from rtseg.session import Session
    from rtseg.sources.live import LiveOptions

_LATE = {
    "Model": "rtseg.model",
    "find_model": "rtseg.model",
    "shipped_models": "rtseg.model",
    "LiveOptions": "rtseg.sources.live",
    "LiveRun": "rtseg.options",
    "LiveSession": "rtseg.live",
    "RunOptions": "rtseg.options",
    "Session": "rtseg.session",
}
"""Public names that need libraries, and the modules they are fetched from when first asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module 'rtseg' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)


__all__ = [
    "CAMVID",
    "BuildFault",
    "ClassSet",
    "DataError",
    "DeviceError",
    "DeviceFault",
    "Frame",
    "InputError",
    "Interrupted",
    "LabelMap",
    "LiveOptions",
    "LiveRun",
    "LiveSession",
    "MissingDependencyError",
    "Model",
    "ModelError",
    "OutputError",
    "PlanError",
    "RtsegError",
    "RunOptions",
    "Session",
    "SinkFault",
    "SourceError",
    "SourceFault",
    "SourceNotFoundError",
    "StageError",
    "find_model",
    "shipped_models",
]
