"""The ONNX file as parser, builder and engine see it: tensors with types and shapes, nodes by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, shape_inference

if TYPE_CHECKING:
    from collections.abc import Sequence

TRT_TYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.INT8: "INT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.DOUBLE: "FLOAT",
}
"""Names of TensorRT's data types by ONNX's."""


@dataclass(frozen=True, slots=True)
class Value:
    """A network input or output.

    Attributes:
        name: the tensor's.
        onnx_type: element type, ONNX's number.
        shape: -1 where it is not fixed.
    """

    name: str
    onnx_type: int
    shape: tuple[int, ...]

    @property
    def trt_type(self) -> str:
        return TRT_TYPES.get(self.onnx_type, "FLOAT")


class Graph:
    """A loaded ONNX file; what cannot be loaded raises what onnx raises."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.model = onnx.load_from_string(content)
        if not self.model.graph.node:
            raise ValueError("the file has no nodes")

    @property
    def nodes(self) -> Sequence[Any]:
        return self.model.graph.node

    @cached_property
    def inputs(self) -> list[Value]:
        stored = {tensor.name for tensor in self.model.graph.initializer}
        return [_value(entry) for entry in self.model.graph.input if entry.name not in stored]

    @cached_property
    def outputs(self) -> list[Value]:
        return [_value(entry) for entry in self.model.graph.output]

    @cached_property
    def types(self) -> dict[str, int]:
        """Element type of every tensor that shape inference can tell."""
        graph = shape_inference.infer_shapes(self.model).graph
        found = {
            v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)
        }
        return found | {tensor.name: tensor.data_type for tensor in graph.initializer}

    @property
    def opset(self) -> int:
        return max((e.version for e in self.model.opset_import if e.domain in ("", "ai.onnx")), default=0)

    @property
    def is_quantized(self) -> bool:
        return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in self.nodes)

    def layer_names(self) -> list[str]:
        return [node.name or f"{node.op_type}_{index}" for index, node in enumerate(self.nodes)]


def _value(entry: Any) -> Value:
    tensor = entry.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return Value(entry.name, tensor.elem_type, shape)
