"""The inference runtimes, imported when they are needed, with their reporting to their makers switched off.

Both report from the import on. OpenVINO's Python package posts an event to an analytics service and keeps a
counter in the home folder; ONNX Runtime (1.29 and later, Linux too) keeps a device id and a queue of events
there and uploads them. Nothing may leave the machine, so this is the one place that imports either of them.
TensorRT, pycuda and onnx report nothing; they are here because what to install differs between machines.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import DeviceError, MissingDependencyError, install_command

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


def load_tensorrt() -> ModuleType:
    """Import TensorRT's Python bindings; takes about a second and needs no GPU.

    Raises:
        MissingDependencyError: they are not installed.
        DeviceError: they are, and do not load.
    """
    try:
        module = importlib.import_module("tensorrt")
    except ModuleNotFoundError as error:
        raise _missing("tensorrt", _TENSORRT_ON_JETSON) from error
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"TensorRT does not load: {_first_line(error)}\nInstall it again: {_command(_TENSORRT_ON_JETSON)}"
        ) from error
    if not hasattr(
        module, "Builder"
    ):  # an empty folder of that name counts as a module, and type stubs have one
        raise _missing("tensorrt", _TENSORRT_ON_JETSON)
    return module


def load_onnx() -> ModuleType:
    """Import the onnx package, which building a plan needs.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise _missing("onnx", "pip install 'onnx>=1.16'") from error


def load_pycuda() -> ModuleType:
    """Import pycuda's driver module; neither initialises CUDA nor makes a context.

    Raises:
        MissingDependencyError: pycuda is not installed.
        DeviceError: it is, but there is no NVIDIA driver, or one that is too old for it.
    """
    try:
        return importlib.import_module("pycuda.driver")
    except ModuleNotFoundError as error:
        raise _missing("pycuda", _PYCUDA_ON_JETSON) from error
    except ImportError as error:
        reason = _first_line(error)
        if "undefined symbol" in reason:
            raise DeviceError(
                f"the NVIDIA driver is too old for this pycuda: {reason}\n"
                "Update the driver, or build pycuda again with the CUDA that the driver knows."
            ) from error
        if "libcuda" in reason:
            raise DeviceError(
                f"there is no NVIDIA driver: {reason}\n"
                "Install it (in a container: --gpus all or --runtime nvidia), or take another --backend."
            ) from error
        raise DeviceError(
            f"pycuda does not load: {reason}\nBuild it again: {_command(_PYCUDA_ON_JETSON)}"
        ) from error


_TENSORRT_ON_JETSON = "sudo apt-get install python3-libnvinfer  (and python3 -m venv --system-site-packages)"
"""JetPack brings TensorRT; PyPI has none for a Jetson, and only such an environment sees the system's."""

_PYCUDA_ON_JETSON = "PATH=/usr/local/cuda/bin:$PATH pip install 'pycuda>=2026.1'"
"""It is compiled on the spot, and needs nvcc to find CUDA's headers."""


def _missing(library: str, command_on_jetson: str) -> MissingDependencyError:
    return MissingDependencyError(
        library, extra="tensorrt", command=command_on_jetson if _is_jetson() else None
    )


def _command(command_on_jetson: str) -> str:
    return command_on_jetson if _is_jetson() else install_command("tensorrt")


def _is_jetson() -> bool:
    return Path("/etc/nv_tegra_release").exists()


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


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
