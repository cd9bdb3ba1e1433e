"""What TensorRT's ONNX parser takes of a file: operators, their types, the operator set, uint8 at the border.

Source: `docs/operators.md` of github.com/onnx/onnx-tensorrt as published with TensorRT 8.5 (which 8.6
extends, by the Changelog beside it), 10.0 and 10.15; `convertDtype` in its `onnx2trt_utils.cpp` and
`importerUtils.cpp` for uint8; NVIDIA's reference of `DataType.UINT8` for what may be cast to and from it. No
table for 11 was to be had, only its range of operator sets, so 11 is held against the newest table of 10, as
are all of 10.

That a file passes here does not mean that TensorRT builds it: a builder can still find no kernel for a layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, shape_inference

if TYPE_CHECKING:
    from collections.abc import Iterator

Version = tuple[int, ...]
"""(8, 6, 1)."""

_NEWEST_OPSET: dict[Version, int] = {(8, 5): 17, (10,): 20, (10, 15): 24, (11,): 24}
"""From which version on which operator set is read; between two, the older entry holds."""

_OPERATORS_8 = """
FP32 FP16: Acos Acosh Asin Asinh Atan Atanh BatchNormalization Ceil Celu Cos Cosh CumSum Dropout Einsum Erf
    Exp Floor GRU GridSample GroupNormalization ImageScaler InstanceNormalization IsInf LRN LSTM
    LayerNormalization Log LogSoftmax LpNormalization MatMul MeanVarianceNormalization NonMaxSuppression
    NonZero Pow QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Resize ReverseSequence RoiAlign Scan Sin Sinh Softmax Sqrt Tan Upsample
FP32 FP16 INT32: Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less LessOrEqual
    Max Mean Min Mod Mul Neg Range Shrink SpaceToDepth Sub Sum TopK
FP32 FP16 INT8: Clip Conv ConvTranspose Elu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid
    HardSwish LeakyRelu LpPool MaxPool PRelu ParametricSoftplus Relu Round ScaledTanh Selu Sigmoid Softplus
    Softsign Tanh ThresholdedRelu
FP32 FP16 INT8 INT32: AveragePool Pad Scatter ScatterElements ScatterND Sign
FP32 FP16 INT32 BOOL: Expand EyeLike Flatten If Loop OneHot Split Tile Where
FP32 FP16 INT8 INT32 BOOL: Cast Concat Constant Gather GatherElements GatherND Identity Reshape Shape Size
    Slice Squeeze Transpose Trilu Unsqueeze
FP32: ConstantOfShape
INT8: DequantizeLinear
BOOL: And Not Or Xor
"""

_OPERATORS_10 = """
FP32 FP16 BF16: Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil Celu Clip Conv
    ConvTranspose Cos Cosh CumSum Dropout Einsum Elu Erf Exp Floor GRU Gemm GlobalAveragePool GlobalLpPool
    GlobalMaxPool GroupNormalization HardSigmoid HardSwish Hardmax ImageScaler InstanceNormalization IsInf
    LRN LSTM LayerNormalization LeakyRelu Log LogSoftmax LpNormalization LpPool MatMul MaxPool
    MeanVarianceNormalization PRelu ParametricSoftplus QuantizeLinear RNN RandomNormal RandomNormalLike
    RandomUniform RandomUniformLike Reciprocal Resize Round ScaledTanh Scan Selu Sigmoid Sin Sinh Softmax
    Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Upsample
FP32 FP16: GridSample NonMaxSuppression NonZero RoiAlign
FP32 FP16 BF16 INT32 INT64: Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less
    LessOrEqual Max Mean Min Mod Mul Neg Pad Pow Range ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Scatter ScatterElements
    ScatterND Shrink Sign SpaceToDepth Sub Sum TopK
FP32 FP16 BF16 INT32 INT64 BOOL: Cast Concat Constant ConstantOfShape Expand EyeLike Flatten Gather
    GatherElements GatherND Identity If Loop OneHot Reshape ReverseSequence Shape Size Slice Split Squeeze
    Tile Transpose Trilu Unsqueeze Where
FP32 FP16 BF16 INT8 INT32 INT64: Gelu
INT8: DequantizeLinear
BOOL: And Not Or Xor
"""

_TYPES = {
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP32",
    TensorProto.FLOAT16: "FP16",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.INT8: "INT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
}

_CAST_WITH_UINT8 = ("FP32", "FP16", "BF16", "")
"""And what shape inference cannot tell."""

_RESIZE = {
    "mode": ("nearest", "linear"),
    "coordinate_transformation_mode": (
        "half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"
    ),
    "nearest_mode": ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing in a file that a version's parser does not take.

    Attributes:
        index: the node's place in the graph; -1 for the file as a whole.
        node: its name, or "file".
        operator: its type; "" for the file.
        reason: what is wrong with it, without a full stop.
    """

    index: int
    node: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.node}{f' ({self.operator})' if self.operator else ''}: {self.reason}"


def refusals(model: onnx.ModelProto, version: Version) -> list[Refusal]:
    """All that the ONNX parser of TensorRT `version` does not take of `model`; empty where it takes the file.

    Args:
        model: the file, with its weights or without.
        version: (8, 6, 1); a part of it, (10,), is the first of its kind.
    """
    types = _types_of(model)
    table = _table(_OPERATORS_8 if version < (9,) else _OPERATORS_10)
    found = list(_file_refusals(model, version))
    for index, node in enumerate(model.graph.node):
        reasons = (
            *_operator_refusals(node, table, types, version),
            *_uint8_refusals(node, types, model),
            *_attribute_refusals(node),
        )
        name = node.name or f"node {index}"
        found += [Refusal(index, name, node.op_type, reason) for reason in reasons]
    return found


def is_known(operator: str, version: Version) -> bool:
    """Whether the parser of TensorRT `version` has an importer for this operator at all."""
    return operator in _table(_OPERATORS_8 if version < (9,) else _OPERATORS_10)


def newest_opset(version: Version) -> int:
    """The newest operator set that TensorRT `version` reads."""
    return _NEWEST_OPSET[max(known for known in _NEWEST_OPSET if known <= max(version, (8, 5)))]


def _file_refusals(model: onnx.ModelProto, version: Version) -> Iterator[Refusal]:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version > newest_opset(version):
            yield Refusal(
                -1, "file", "", f"is of operator set {entry.version}, newer than {newest_opset(version)}"
            )


def _operator_refusals(
    node: onnx.NodeProto, table: dict[str, set[str]], types: dict[str, str], version: Version
) -> Iterator[str]:
    if node.domain not in ("", "ai.onnx"):
        yield f"is an operator of {node.domain}"
    elif node.op_type not in table:
        yield "is no operator that this version has"
    else:
        found = _data_type(node, types, version)
        if found not in {"", "UINT8"} | table[node.op_type]:  # of uint8 the other rule speaks
            yield f"is not taken on {found}"


def _data_type(node: onnx.NodeProto, types: dict[str, str], version: Version) -> str:
    """The type of what the node works on; "" where that is not known. TensorRT 8 makes INT32 of INT64."""
    position = 1 if node.op_type == "Where" else 0
    found = types.get(node.input[position], "") if len(node.input) > position else ""
    return "INT32" if found == "INT64" and version < (9,) else found


def _uint8_refusals(node: onnx.NodeProto, types: dict[str, str], model: onnx.ModelProto) -> Iterator[str]:
    """uint8 only enters and leaves, and only by a Cast to or from a floating-point type."""
    inputs = {value.name for value in model.graph.input}
    outputs = {value.name for value in model.graph.output}
    for name in node.input:
        if types.get(name) != "UINT8":
            continue
        if name not in inputs:
            yield f"reads uint8 inside the graph ({name})"
        elif node.op_type != "Cast" or types.get(node.output[0], "") not in _CAST_WITH_UINT8:
            yield f"reads uint8 ({name}), which may only be cast to a floating-point type"
    for name in node.output:
        if types.get(name) != "UINT8" or (node.op_type == "Cast" and types.get(node.input[0]) == "UINT8"):
            continue
        if name not in outputs:
            yield f"gives uint8 inside the graph ({name})"
        elif node.op_type != "Cast" or types.get(node.input[0], "") not in _CAST_WITH_UINT8:
            yield f"gives uint8 ({name}), which may only be cast from a floating-point type"


def _attribute_refusals(node: onnx.NodeProto) -> Iterator[str]:
    if node.op_type == "Resize":
        for attribute in node.attribute:
            allowed = _RESIZE.get(attribute.name)
            if allowed and attribute.s.decode() not in allowed:
                yield f"has {attribute.name} {attribute.s.decode()}"
    if node.op_type == "MaxPool" and len(node.output) > 1:
        yield "gives indices"


def _table(text: str) -> dict[str, set[str]]:
    """Types by operator, from lines `TYPES: OPERATORS`, which may be continued."""
    table: dict[str, set[str]] = {}
    types: set[str] = set()
    for line in text.strip().splitlines():
        head, colon, rest = line.rpartition(":")
        if colon:
            types = set(head.split())
        table |= dict.fromkeys(rest.split(), types)
    return table


def _types_of(model: onnx.ModelProto) -> dict[str, str]:
    """The type of every tensor, as the tables call it; what shape inference cannot tell is left out."""
    try:
        graph = shape_inference.infer_shapes(model).graph
    except shape_inference.InferenceError:  # an operator that onnx does not know either
        graph = model.graph
    typed = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    typed |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: _TYPES[number] for name, number in typed.items() if number in _TYPES}
