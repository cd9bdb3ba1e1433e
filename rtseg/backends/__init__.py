"""The backends: the same model file in different runtimes, behind one contract.

    base.py         Backend: open / infer / close, and the checks of shape and type
    openvino.py     the CPU default
    onnxruntime.py  the CPU without OpenVINO
    tensorrt.py     NVIDIA GPUs
    torch.py        the reference; torch_graph.py and torch_ops.py execute an ONNX graph in it
    simulated.py    fixed cost, known answer, no model

A runtime is imported when its backend is opened.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rtseg.errors import InputError, MissingDependencyError
from rtseg.model import find_model

if TYPE_CHECKING:
    from rtseg.backends.base import Backend

_CLASSES = {
    "openvino": "OpenVinoBackend",
    "onnxruntime": "OnnxRuntimeBackend",
    "torch": "TorchBackend",
    "tensorrt": "TensorRtBackend",
    "simulated": "SimulatedBackend",
}

BACKENDS = tuple(_CLASSES)
"""Names, as `--backend` takes them."""

_ON_A_CPU = ("openvino", "onnxruntime", "torch")
"""Best first."""


def backend_class(name: str) -> type[Backend]:
    """Import the backend called `name`, but not its runtime.

    Raises:
        InputError: there is no such backend.
    """
    if name not in _CLASSES:
        raise InputError(f"{name}: no such backend. Choose auto, {', '.join(BACKENDS)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    found: type[Backend] = getattr(module, _CLASSES[name])
    return found


def installed() -> dict[str, str | None]:
    """Return each backend's version, or None where its runtime is not installed."""
    return {name: backend_class(name).version() for name in BACKENDS}


def choose(name: str) -> type[Backend]:
    """Return the backend that `--backend NAME` asks for.

    Args:
        name: one of `BACKENDS`; "simulated:MS" for one that takes MS milliseconds; "tensorrt:FILE" for the
            plan in that file; or "auto" for tensorrt where it is installed and a GPU is here, otherwise the
            first of openvino, onnxruntime and torch that is installed.

    Raises:
        InputError: there is no such backend.
        MissingDependencyError: "auto", and none is installed.
    """
    if name == "auto":
        from rtseg.backends import tensorrt

        if tensorrt.is_usable():
            return tensorrt.TensorRtBackend
        for candidate in _ON_A_CPU:
            if backend_class(candidate).version() is not None:
                return backend_class(candidate)
        raise MissingDependencyError("openvino")
    if name.startswith("simulated:"):
        return _simulated(name)
    if name.startswith("tensorrt:"):
        from rtseg.backends.tensorrt import TensorRtBackend

        return TensorRtBackend.running(name.partition(":")[2])
    return backend_class(name)


def backend_for(
    backend: str,
    model: str | None,
    precision: str = "auto",
    threads: int | None = None,
    streams: int = 1,
) -> Backend:
    """Choose a backend and find a model for it; the backend is not open yet. See `Backend` for the last two.

    Raises:
        InputError: there is no such backend, model or precision.
    """
    from rtseg.backends.simulated import SimulatedBackend

    chosen = choose(backend)
    if model is None and issubclass(chosen, SimulatedBackend):
        return chosen(chosen.synthetic_model(), threads=threads, streams=streams)
    found = find_model(model, precision, chosen.preferred_precisions)
    return chosen(found, threads=threads, streams=streams)


def _simulated(name: str) -> type[Backend]:
    from rtseg.backends.simulated import SimulatedBackend

    try:
        cost_ms = float(name.partition(":")[2])
    except ValueError:
        raise InputError(f"{name}: the cost must be a number of milliseconds, as in simulated:15.") from None
    return SimulatedBackend.costing(cost_ms)
