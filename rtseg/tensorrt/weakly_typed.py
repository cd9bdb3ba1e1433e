"""Types of a network in TensorRT 8, which chooses them itself, within what the flags allow it.

All that is only true of TensorRT 8 is in this file: nothing here exists in 11, and 10 does not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import ModelError
from rtseg.tensorrt.onnx_file import opset_of

if TYPE_CHECKING:
    from pathlib import Path

    import tensorrt as trt
    from onnx import ModelProto

    from rtseg.metadata import Precision
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()

NEWEST_OPSET = 17
"""That TensorRT 8.5 and 8.6 read."""

HINT = "TensorRT 8 reads what `rtseg export` and `rtseg quantize` write; other files may need TensorRT 10."


def network_flags() -> int:
    """What `Builder.create_network` wants to be given."""
    return 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)


def allow_types(config: trt.IBuilderConfig, precision: Precision) -> None:
    """Let the builder compute as the model file does; without this it would compute in float32.

    What an INT8 file leaves in float may be half as well: it is float32 there only because the runtimes on
    CPUs are no faster with less.
    """
    if precision in ("fp16", "int8"):
        config.set_flag(trt.BuilderFlag.FP16)
    if precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)


def check_opset(path: Path, model: ModelProto) -> None:
    """Refuse what TensorRT 8 would refuse in worse words.

    Raises:
        ModelError: the file needs a newer operator set.
    """
    opset = opset_of(model)
    if opset is not None and opset > NEWEST_OPSET:
        raise ModelError(
            f"{path}: has operator set {opset}; TensorRT {trt.__version__} reads {NEWEST_OPSET} and older.\n"
            "Export it again with `rtseg export`, or use TensorRT 10."
        )
