"""The machine: GPU, driver, versions, CPU."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.gpu_report import tools
from rtseg.runtimes import load_pycuda, load_tensorrt

if TYPE_CHECKING:
    from rtseg.cuda.device import Gpu

_LIBRARIES = ("pycuda", "numpy", "onnxruntime", "openvino", "av", "opencv-python")


def machine_facts(gpu: Gpu) -> dict[str, Any]:
    """What is to be known of the machine, ready for JSON; what cannot be found out is None."""
    driver = load_pycuda()
    return {
        "gpu": {**asdict(gpu), "compute_capability": ".".join(map(str, gpu.compute_capability))},
        "driver": tools.driver(),
        "cuda_of_the_driver": gpu.driver_version,
        "cuda_of_pycuda": ".".join(map(str, driver.get_version())),
        "tensorrt": load_tensorrt().__version__,
        "libraries": libraries(),
        "jetson": tools.jetson(),
        "cpu": report.cpu_name(),
        "cores": report.cores(),
        "memory_bytes": memory_bytes(),
        "system": system(),
    }


def libraries() -> dict[str, str | None]:
    """Versions of what the figures depend on; None for what is not installed."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def memory_bytes() -> int | None:
    """The machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def system() -> str | None:
    """The distribution's own name."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return None
    return next(
        (line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), None
    )
