"""What `tensorrt/__init__.py` of the double takes its names from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import (
    builder,
    config,
    context,
    dims,
    engine,
    inspector,
    logger,
    memory,
    network,
    parser,
    runtime,
    timing,
)
from .assemble import assemble
from .surface import Surface
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from pathlib import Path

MODULES = (
    builder, config, context, dims, engine, inspector, logger, memory, network, parser, runtime, timing
)  # fmt: skip


def names(surface_file: Path) -> dict[str, Any]:
    """All public names of the version that `surface_file` describes."""
    surface = Surface.load(surface_file)
    behaviours = {
        value.path: value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Behaviour) and value.path
    }
    found = assemble(surface, behaviours)
    return found | _functions(surface) | {"__version__": surface.version}


def _functions(surface: Surface) -> dict[str, Any]:
    written = {"volume": volume, "nptype": nptype, "init_libnvinfer_plugins": init_libnvinfer_plugins}
    return {name: written.get(name) or _not_written(name) for name in surface.functions}


def _not_written(name: str) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        raise NotImplementedError(f"the double of TensorRT does nothing for {name}")

    return call


def volume(iterable: Any) -> int:
    """The product of all elements, 1 for none."""
    product = 1
    for element in iterable:
        product *= element
    return product


NUMPY_NAMES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool_",
    "UINT8": "uint8",
}


def nptype(trt_type: Any) -> Any:
    """NumPy's type for a DataType; TypeError where it has none."""
    import numpy as np

    if not isinstance(trt_type, WORLD.classes["DataType"]) or trt_type.name not in NUMPY_NAMES:
        raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
    return getattr(np, NUMPY_NAMES[trt_type.name])


def init_libnvinfer_plugins(logger: Any, namespace: str) -> bool:  # noqa: ARG001
    """There are no plugins to be registered."""
    return True
