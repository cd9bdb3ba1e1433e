"""The ONNX file as TensorRT's parser is given it: its operator set, its weights as plain constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper


def read_onnx(content: bytes) -> ModelProto | None:
    """The file; None if it is none, or damaged."""
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # DecodeError, which protobuf keeps in another module from version to version
        return None
    return model


def opset_of(model: ModelProto) -> int | None:
    """The version of ONNX' own operators that the file uses; None where it does not say."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None)


def weights_as_float(model: ModelProto) -> ModelProto:
    """A copy of `model` with weights that are stored as half behind Casts as plain float32 initialisers.

    Runtimes on CPUs fold such Casts. TensorRT's parser does not: it makes convolutions with changing weights,
    which old ones refuse without Q/DQ and which are slower where the builder does not fold them either.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    halves = {tensor.name for tensor in graph.initializer if _is_half_constant(tensor, graph)}
    casts = [node for node in graph.node if _is_cast_to_float(node) and node.input[0] in halves]
    for cast in casts:
        graph.node.remove(cast)
    used = _used(graph)
    tensors = []
    for tensor in graph.initializer:
        floats = [_as_float(tensor, cast.output[0]) for cast in casts if cast.input[0] == tensor.name]
        tensors += [*floats, tensor] if tensor.name in used or not floats else floats
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    return copy


def _as_float(tensor: TensorProto, name: str) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), name)


def _is_half_constant(tensor: TensorProto, graph: Any) -> bool:  # noqa: ANN401  # onnx' classes are generated
    is_inside = tensor.data_location != TensorProto.EXTERNAL
    is_constant = all(value.name != tensor.name for value in graph.input)
    return tensor.data_type == TensorProto.FLOAT16 and is_inside and is_constant


def _is_cast_to_float(node: Any) -> bool:  # noqa: ANN401
    return node.op_type == "Cast" and any(a.name == "to" and a.i == TensorProto.FLOAT for a in node.attribute)


def _used(graph: Any) -> set[str]:  # noqa: ANN401
    return {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
