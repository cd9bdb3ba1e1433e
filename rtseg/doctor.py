"""What of rtseg works here, and what to install for the rest."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

from rtseg import backends, report
from rtseg.errors import DeviceError, MissingDependencyError, RtsegError, install_command
from rtseg.pipeline.priority import may_be_punctual
from rtseg.sources.csi import has_gstreamer

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: "ok", "missing" (optional, not there) or "broken" (there or required, and does not work).
        detail: a version, or what is wrong.
        remedy: the command that mends it; empty where nothing is to be done.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at the machine, the required and optional libraries, the backends and the models; takes seconds.

    Each backend really opens the default model and labels a picture.
    """
    return [
        *_machine(),
        *(_library(name, required=True) for name in ("numpy", _opencv(), "av")),
        *(_backend(name) for name in backends.BACKENDS),
        *(_library(name, extra=extra) for name, extra in (("torch", "train"), ("onnx", "train"))),
        *(
            _library(name, extra=extra)
            for name, extra in (("pyarrow", "table"), ("prometheus-client", "metrics"))
        ),
        _encoder(),
        *_live(),
    ]


def _machine() -> list[Finding]:
    gpu = report.gpu_name()
    return [
        Finding("python", OK, platform.python_version()),
        Finding("processor", OK, report.cpu_name() or "unknown"),
        Finding("NVIDIA GPU", OK if gpu else MISSING, gpu or "none seen; the CPU backends are used"),
    ]


def _live() -> list[Finding]:
    """What live runs need."""
    cameras = sorted(str(path) for path in Path("/dev").glob("video*"))
    has_csi = has_gstreamer()
    return [
        Finding("cameras", OK if cameras else MISSING, ", ".join(cameras) or "no /dev/video*"),
        Finding(
            "CSI cameras", OK if has_csi else MISSING, f"OpenCV with{'' if has_csi else 'out'} GStreamer"
        ),
        Finding("real-time priority", OK, "allowed")
        if may_be_punctual()
        else Finding(
            "real-time priority", MISSING, "not allowed; slots are kept less exactly", "ulimit -r 10"
        ),
    ]


def _library(name: str, *, required: bool = False, extra: str = "") -> Finding:
    try:
        return Finding(name, OK, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        command = f"pip install {name}" if required else install_command(extra)
        return Finding(name, BROKEN if required else MISSING, "not installed", command)


def _opencv() -> str:
    """Which of its packages is installed; all have the same module, servers the one without windows."""
    kinds = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
    installed = {entry.name for entry in importlib.metadata.distributions()}
    return next((kind for kind in kinds if kind in installed), kinds[0])


def _backend(name: str) -> Finding:
    """Open the default model in the backend and label one grey picture, which is what opening does."""
    from rtseg.backends import backend_for

    what = f"backend {name}"
    try:
        if name == "tensorrt" and (waiting := _unbuilt()):
            return Finding(what, *waiting)
        with backend_for(name, None) as backend:
            version = backend.version()
            return Finding(what, OK, f"{version}, {backend.model.precision} on {backend.device}")
    except MissingDependencyError as error:
        return Finding(what, MISSING, "not installed", error.command)
    except (RtsegError, RuntimeError) as error:
        return Finding(what, BROKEN, str(error))


def _unbuilt() -> tuple[str, str] | None:
    """State and detail of the TensorRT backend if there is no GPU, or no plan yet: none is built here.

    Raises:
        RtsegError: something of it is missing or broken.
    """
    from rtseg.cuda.device import gpu_at
    from rtseg.model import find_model
    from rtseg.runtimes import load_tensorrt
    from rtseg.tensorrt.cache import kept_plan, order_for
    from rtseg.tensorrt.options import PREFERRED_PRECISIONS, BuildOptions

    version: str = load_tensorrt().__version__
    try:
        gpu = gpu_at()
    except DeviceError as error:
        if report.gpu_name() is not None:
            raise
        return MISSING, f"{version}; {str(error).splitlines()[0]}"
    order = order_for(find_model(None, "auto", PREFERRED_PRECISIONS), gpu, BuildOptions())
    if kept_plan(order) is None:
        return OK, f"{version} on {gpu.name}; no plan yet, `rtseg build {order.model.name}` makes one"
    return None


def _encoder() -> Finding:
    import av

    names = [name for name in ("libx264", "libx265", "libsvtav1") if name in av.codecs_available]
    if "libx264" in names:
        return Finding("video encoders", OK, ", ".join(names))
    return Finding("video encoders", BROKEN, "this PyAV has no libx264", "pip install --force-reinstall av")
