"""The Q/DQ auditor: every rule that an INT8 file must keep for TensorRT 8.6 to 11, OpenVINO and ONNX Runtime.

Rules, and who asks for them:

    opset         operator set 17 or older, no operator of another domain (TensorRT 8.6)
    present       at least one convolution is quantised (otherwise the file is a float file with a wrong name)
    type          everything quantised is int8; Q without a zero point would be uint8 (TensorRT)
    zero-point    a constant 0 (TensorRT)
    scale         a constant, float32, finite and positive (TensorRT)
    per-channel   weights have one scale an output channel, on axis 0 (accuracy)
    per-tensor    activations have one scale (TensorRT)
    bias          float, not dequantised: int32 is no activation type (TensorRT)
    pair          Q feeds DQ and nothing else, with the same scale; DQ reads Q or stored weights
    stored        weights are stored as int8 and go straight into DQ (size)
    whole         a convolution is quantised on activation and weights, or on neither (TensorRT)
    head          the last convolution and all behind it is float (accuracy)
    residual      of an Add the convolution's side is raw and the skip is quantised (fusion in TensorRT)
    dangling      nothing is left that no one reads
    border        uint8 only as input and output, cast right there (TensorRT)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from rtseg.training.insert_qdq import head_names, is_depthwise, skip_position
from rtseg.training.onnx_files import OPSET, arrays, producers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnx
    from numpy.typing import NDArray

Q, DQ = "QuantizeLinear", "DequantizeLinear"
SCALE, ZERO_POINT = 1, 2
"""Positions of the inputs of Q and DQ; of a Conv, 1 are the weights and 2 is the bias."""
WEIGHTS, BIAS = 1, 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule.

    Attributes:
        rule: the rule's name, as in the head of this file.
        node: the node, or "file".
        detail: what is wrong with it.
    """

    rule: str
    node: str
    detail: str

    def __str__(self) -> str:
        return f"{self.node}: {self.detail} [{self.rule}]"


def audit(model: onnx.ModelProto) -> list[Finding]:
    """All breaches of the rules, in the order of the rules; empty for a clean file."""
    graph = _Graph(model)
    return [Finding(rule, node, detail) for rule, check in RULES.items() for node, detail in check(graph)]


class _Graph:
    """The model, with what the rules look up."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.made_by = producers(model)
        self.constants: dict[str, NDArray[Any]] = arrays(model)
        self.read_by: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.read_by.setdefault(name, []).append(node)
        self.heads = head_names(model)

    def nodes(self, *op_types: str) -> Iterator[onnx.NodeProto]:
        return (node for node in self.model.graph.node if node.op_type in op_types)

    def is_dequantized(self, name: str) -> bool:
        return name in self.made_by and self.made_by[name].op_type == DQ

    def reads_weights(self, node: onnx.NodeProto) -> bool:
        """Whether DQ `node` feeds weights of a convolution, or would if they were stored right."""
        readers = self.read_by.get(node.output[0], [])
        return any(r.op_type == "Conv" and r.input[WEIGHTS] == node.output[0] for r in readers)

    def quantized_convs(self) -> Iterator[onnx.NodeProto]:
        return (conv for conv in self.nodes("Conv") if any(map(self.is_dequantized, conv.input[:BIAS])))


Breach = tuple[str, str]
"""A node and what is wrong with it."""


def _opset(graph: _Graph) -> Iterator[Breach]:
    for entry in graph.model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version > OPSET:
            yield "file", f"needs opset {entry.version}, newer than {OPSET}"
    for node in graph.model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            yield node.name, f"is an operator of {node.domain}"


def _present(graph: _Graph) -> Iterator[Breach]:
    if not any(True for _ in graph.quantized_convs()):
        yield "file", "has no quantised convolution"


def _type(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(Q, DQ):
        zero_point = graph.constants.get(_input(node, ZERO_POINT))
        if node.op_type == Q and not _input(node, ZERO_POINT):
            yield node.name, "has no zero point, so it gives uint8"
        elif zero_point is not None and zero_point.dtype not in (np.int8, np.int32):
            yield node.name, f"has a zero point of {zero_point.dtype}, not int8"
        stored = graph.constants.get(node.input[0])
        if node.op_type == DQ and stored is not None and stored.dtype not in (np.int8, np.int32):
            yield node.name, f"reads {stored.dtype}, not int8"


def _zero_point(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(Q, DQ):
        name = _input(node, ZERO_POINT)
        if name and name not in graph.constants:
            yield node.name, "has a zero point that is computed"
        elif name and graph.constants[name].any():
            yield node.name, "has a zero point other than 0"


def _scale(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(Q, DQ):
        scale = graph.constants.get(node.input[SCALE])
        if scale is None:
            yield node.name, "has a scale that is computed"
        elif scale.dtype != np.float32:
            yield node.name, f"has a scale of {scale.dtype}, not float32"
        elif not (np.isfinite(scale).all() and (scale > 0).all()):
            yield node.name, "has a scale that is not finite and positive"


def _per_channel(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(DQ):
        weights = graph.constants.get(node.input[0])
        if weights is None or not graph.reads_weights(node):
            continue
        scale = graph.constants.get(node.input[SCALE])
        if scale is not None and scale.shape != (len(weights),):
            yield node.name, f"has scales of shape {scale.shape} for {len(weights)} output channels"
        elif _axis(node) != 0:
            yield node.name, f"has its scales on axis {_axis(node)}, not 0"


def _per_tensor(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(Q, DQ):
        scale = graph.constants.get(node.input[SCALE])
        if scale is not None and scale.ndim and node.input[0] not in graph.constants:
            yield node.name, f"has scales of shape {scale.shape} on an activation, not one scalar"


def _bias(graph: _Graph) -> Iterator[Breach]:
    for conv in graph.nodes("Conv"):
        name = _input(conv, BIAS)
        if name and (name not in graph.constants or graph.constants[name].dtype != np.float32):
            yield conv.name, "has a bias that is not a float32 constant"
    for node in graph.nodes(DQ):
        stored = graph.constants.get(node.input[0])
        if stored is not None and stored.dtype == np.int32:
            yield node.name, "dequantises int32"


def _pair(graph: _Graph) -> Iterator[Breach]:
    for node in graph.nodes(Q):
        for reader in graph.read_by.get(node.output[0], []):
            if reader.op_type != DQ:
                yield node.name, f"feeds {reader.name}, which is no DQ"
            elif not _same(graph, node.input[SCALE], reader.input[SCALE]):
                yield node.name, f"has another scale than {reader.name}"
    for node in graph.nodes(DQ):
        source = graph.made_by.get(node.input[0])
        if node.input[0] not in graph.constants and (source is None or source.op_type != Q):
            yield node.name, "reads neither Q nor stored weights"


def _stored(graph: _Graph) -> Iterator[Breach]:
    for conv in graph.quantized_convs():
        source = graph.made_by.get(conv.input[WEIGHTS])
        if source is not None and source.op_type == DQ and source.input[0] not in graph.constants:
            yield conv.name, "has weights that are quantised when it runs, not stored as int8"


def _whole(graph: _Graph) -> Iterator[Breach]:
    for conv in graph.quantized_convs():
        for position, what in ((0, "activation"), (WEIGHTS, "weights")):
            if not graph.is_dequantized(conv.input[position]):
                yield conv.name, f"is quantised, but not on its {what}"


def _head(graph: _Graph) -> Iterator[Breach]:
    waiting, seen = [output.name for output in graph.model.graph.output], set()
    while waiting:
        node = graph.made_by.get(waiting.pop())
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op_type in (Q, DQ):
            yield node.name, "quantises behind the last convolution"
        if node.name in graph.heads and any(map(graph.is_dequantized, node.input)):
            yield node.name, "is the head, but quantised"
        if node.name not in graph.heads or is_depthwise(node):
            waiting.extend(node.input)


def _residual(graph: _Graph) -> Iterator[Breach]:
    quantized = {conv.name for conv in graph.quantized_convs()}
    for add, bare in zip(graph.nodes("Add"), _without_pairs(graph), strict=True):
        skip = skip_position(graph.model, bare)
        if skip is None:
            continue
        if graph.is_dequantized(add.input[1 - skip]):
            yield add.name, "is quantised on the convolution's side"
        fused = graph.made_by[bare.input[1 - skip]].name in quantized
        if fused and not graph.is_dequantized(add.input[skip]):
            yield add.name, "is not quantised on its skip"


def _dangling(graph: _Graph) -> Iterator[Breach]:
    outputs = {output.name for output in graph.model.graph.output}
    for node in graph.model.graph.node:
        if not any(name in graph.read_by or name in outputs for name in node.output):
            yield node.name, "gives something that no one reads"
    for name in graph.constants:
        if name not in graph.read_by:
            yield "file", f"stores {name}, which no one reads"


def _border(graph: _Graph) -> Iterator[Breach]:
    for value in graph.model.graph.input:
        for reader in graph.read_by.get(value.name, []):
            if reader.op_type != "Cast":
                yield reader.name, "reads the uint8 image without a Cast"
    outputs = {output.name for output in graph.model.graph.output}
    for node in graph.nodes("Cast"):
        if _attribute(node, "to") == TensorProto.UINT8 and node.output[0] not in outputs:
            yield node.name, "gives uint8 inside the graph"


RULES: dict[str, Callable[[_Graph], Iterator[Breach]]] = {
    "opset": _opset,
    "present": _present,
    "type": _type,
    "zero-point": _zero_point,
    "scale": _scale,
    "per-channel": _per_channel,
    "per-tensor": _per_tensor,
    "bias": _bias,
    "pair": _pair,
    "stored": _stored,
    "whole": _whole,
    "head": _head,
    "residual": _residual,
    "dangling": _dangling,
    "border": _border,
}
"""The rules by name, as in the head of this file."""


def _without_pairs(graph: _Graph) -> list[onnx.NodeProto]:
    """Copies of the Adds with each input traced back through its Q/DQ pairs."""
    copies = []
    for add in graph.nodes("Add"):
        bare = type(add)()
        bare.CopyFrom(add)
        for position, name in enumerate(add.input):
            source = name
            while source in graph.made_by and graph.made_by[source].op_type in (Q, DQ):
                source = graph.made_by[source].input[0]
            bare.input[position] = source
        copies.append(bare)
    return copies


def _same(graph: _Graph, ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    known = ours in graph.constants and theirs in graph.constants
    return known and np.array_equal(graph.constants[ours], graph.constants[theirs])


def _input(node: onnx.NodeProto, position: int) -> str:
    """The name of an input, "" where it is left out."""
    return str(node.input[position]) if len(node.input) > position else ""


def _axis(node: onnx.NodeProto) -> int:
    axis = _attribute(node, "axis")
    return 1 if axis is None else axis


def _attribute(node: onnx.NodeProto, name: str) -> int | None:
    """An integer attribute, None where it is left at its default."""
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == name), None)
