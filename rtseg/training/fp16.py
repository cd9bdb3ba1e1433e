"""Half precision, by our own hands: weights stored as half, and the whole network in half.

The networks are plain chains of Conv, Clip, Relu, Add, Concat and Resize, so a converter is three rules:
initialisers become half, Casts to float become Casts to half, what counts pixels or classes stays integer.
General converters (onnxconverter-common, modelopt) bring pinned dependencies for what does not occur here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from rtseg.errors import ModelError
from rtseg.training.onnx_files import array_from_tensor, consumers, set_array

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

STORED = "/stored"
"""Ends the names of weights that are stored as half; the name without it is the float32 weight's."""

RESIZE_SCALES = 2
"""Position of the one float input that ONNX wants as float32 even among halves."""


def store_weights_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float32 `model` whose convolution weights are stored as float16, Casts to float32 behind.

    Halves the file. Runtimes fold the Casts when they load it (for TensorRT `weights_as_float` does), so the
    arithmetic stays float32 and costs no more; weights are rounded to 11 bits, biases are not.

    Raises:
        ModelError: a weight is beyond the range of float16.
    """
    copy = _copy(model)
    casts = []
    for name in sorted(_weight_names(copy)):
        weights = next(tensor for tensor in copy.graph.initializer if tensor.name == name)
        weights.CopyFrom(onnx.numpy_helper.from_array(_half(name, array_from_tensor(weights)), name + STORED))
        casts.append(
            helper.make_node("Cast", [name + STORED], [name], name=f"{name}/Cast", to=TensorProto.FLOAT)
        )
    _put_first(copy, casts)
    return copy


def half_from_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float32 `model` that computes in float16 throughout; uint8 in and out as before.

    No operator mixes types, so that a strongly typed TensorRT network takes it.

    Raises:
        ModelError: a weight is beyond the range of float16.
    """
    copy = _copy(model)
    for tensor in list(copy.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and not _is_resize_scales(copy, tensor.name):
            set_array(copy, tensor.name, _half(tensor.name, array_from_tensor(tensor)))
    for node in copy.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    del copy.graph.value_info[:]
    return copy


def _weight_names(model: onnx.ModelProto) -> set[str]:
    stored = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    return {node.input[1] for node in model.graph.node if node.op_type == "Conv"} & stored


def _is_resize_scales(model: onnx.ModelProto, name: str) -> bool:
    return any(
        node.op_type == "Resize" and list(node.input).index(name) == RESIZE_SCALES
        for node in consumers(model, name)
    )


def _half(name: str, values: NDArray[Any]) -> NDArray[np.float16]:
    if values.size and float(np.abs(values).max()) > float(np.finfo(np.float16).max):
        raise ModelError(
            f"{name}: a weight is beyond the range of float16; this network cannot be stored so."
        )
    return values.astype(np.float16)


def _put_first(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
