"""The inference runtimes, imported when they are needed, with their reporting to their makers switched off.

Both report from the import on. OpenVINO's Python package posts an event to an analytics service and keeps a
counter in the home folder; ONNX Runtime (1.29 and later, Linux too) keeps a device id and a queue of events
there and uploads them. Nothing may leave the machine, so this is the one place that imports either of them.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtseg.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def load_onnxruntime() -> ModuleType:
    """Import ONNX Runtime, silenced.

    Raises:
        MissingDependencyError: it is not installed.
    """
    with _environment("ORT_DISABLE_TELEMETRY", "1"):  # read once, at the import, and kept for the process
        return _imported("onnxruntime")


def load_openvino() -> ModuleType:
    """Import OpenVINO, silenced.

    Raises:
        MissingDependencyError: it is not installed.
    """
    with _without_module("openvino_telemetry"):  # openvino then takes its own empty stand-in for it
        return _imported("openvino")


def _imported(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingDependencyError(library) from error


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _without_module(name: str) -> Iterator[None]:
    """Make importing `name` fail inside the block, unless somebody has imported it before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # None is how the import system spells "not here"
    try:
        yield
    finally:
        del sys.modules[name]
