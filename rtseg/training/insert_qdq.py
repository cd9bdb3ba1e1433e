"""Where the Q/DQ pairs go, and putting them there.

    tensor ─► Q ─► DQ ─► Conv ◄─ DQ ◄─ int8 weights
                          ▲ bias, float

A convolution is quantised on its activation (per tensor) and its weights (per output channel). Of a residual Add only
the skip is, so that the Add fuses into the convolution on its other side. What lies after the last convolutions
(the head, ArgMax, the last Resize) stays float, and the head too. Zero points are 0, biases are not quantised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from rtseg.training.onnx_files import array_from_tensor, drop_unused_arrays, producers, set_array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

ACTIVATION_LEVELS = 127
WEIGHT_LEVELS = 127
SMALLEST_RANGE = 1e-6
"""Stands in for the range of a tensor or channel that is always zero: a scale must be positive."""

Edge = tuple[str, int]
"""A node's name and the position of one of its inputs."""


def head_names(model: onnx.ModelProto) -> set[str]:
    """The last convolutions: those that reach the output without passing another one."""
    made_by = producers(model)
    heads, waiting = set(), [output.name for output in model.graph.output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None:
            continue
        if node.op_type == "Conv":
            heads.add(node.name)
        else:
            waiting.extend(node.input)
    return heads


def quantized_convs(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All convolutions but the head, in graph order."""
    heads = head_names(model)
    return [node for node in model.graph.node if node.op_type == "Conv" and node.name not in heads]


def activation_edges(model: onnx.ModelProto) -> dict[str, list[Edge]]:
    """Tensors to quantise, and the edges on which they are; in graph order."""
    made_by = producers(model)
    edges: dict[str, list[Edge]] = {}
    for conv in quantized_convs(model):
        edges.setdefault(conv.input[0], []).append((conv.name, 0))
    order = {node.name: place for place, node in enumerate(model.graph.node)}
    for node in model.graph.node:
        convs = [made_by[name].name for name in node.input if name in made_by and made_by[name].op_type == "Conv"]
        if node.op_type != "Add" or not convs:
            continue
        latest = max(convs, key=order.__getitem__)
        for position, name in enumerate(node.input):
            if name in edges and made_by[name].name != latest:
                edges[name].append((node.name, position))
    return edges


def int8_from_float(model: onnx.ModelProto, ranges: Mapping[str, float], weight_levels: int=WEIGHT_LEVELS, edges=None) -> onnx.ModelProto:
    """A copy of the float32 `model` with explicit Q/DQ.

    Args:
        model: weights as float32 initialisers.
        ranges: the largest magnitude kept, by tensor, for every tensor of `activation_edges`.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    by_name = {node.name: node for node in copy.graph.node}
    for conv in quantized_convs(model):
        _quantize_weights(copy, by_name[conv.name], weight_levels)
    for tensor, tensor_edges in (edges or activation_edges(model)).items():
        quantized = _append_pair(copy, tensor, ranges[tensor] / ACTIVATION_LEVELS)
        for name, position in tensor_edges:
            by_name[name].input[position] = quantized
    drop_unused_arrays(copy)
    _sort(copy)
    del copy.graph.value_info[:]
    return copy


def quantize_weights(weights: NDArray[np.float32], levels=WEIGHT_LEVELS) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 weights and their scales, one an output channel (axis 0)."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = (np.maximum(largest, SMALLEST_RANGE) / levels).astype(np.float32)
    steps = np.rint(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)))
    return np.clip(steps, -levels, levels).astype(np.int8), scales


def _quantize_weights(model: onnx.ModelProto, conv: onnx.NodeProto, levels: int) -> None:
    name = conv.input[1]
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    weights, scales = quantize_weights(array_from_tensor(tensor), levels)
    set_array(model, f"{name}/int8", weights)
    _append_dq(model, name, f"{name}/int8", scales, np.zeros(len(scales), dtype=np.int8), axis=0)
    conv.input[1] = f"{name}/dequantized"


def _append_pair(model: onnx.ModelProto, tensor: str, scale: float) -> str:
    """Q and DQ behind `tensor`; returns the name of what DQ gives."""
    zero = np.zeros((), dtype=np.int8)
    q = helper.make_node(
        "QuantizeLinear",
        [tensor, f"{tensor}/scale", f"{tensor}/zero_point"],
        [f"{tensor}/quantized"],
        name=f"{tensor}/QuantizeLinear",
    )
    model.graph.node.append(q)
    _append_dq(model, tensor, f"{tensor}/quantized", np.array(max(scale, SMALLEST_RANGE), np.float32), zero)
    return f"{tensor}/dequantized"


def _append_dq(
    model: onnx.ModelProto,
    tensor: str,
    source: str,
    scale: NDArray[Any],
    zero_point: NDArray[np.int8],
    **attributes: int,
) -> None:
    set_array(model, f"{tensor}/scale", scale)
    set_array(model, f"{tensor}/zero_point", zero_point)
    dq = helper.make_node(
        "DequantizeLinear",
        [source, f"{tensor}/scale", f"{tensor}/zero_point"],
        [f"{tensor}/dequantized"],
        name=f"{tensor}/DequantizeLinear",
        **attributes,
    )
    model.graph.node.append(dq)


def _sort(model: onnx.ModelProto) -> None:
    """Nodes in an order in which each reads only what was made before; as close to the given order as can be."""
    made = {tensor.name for tensor in model.graph.initializer} | {value.name for value in model.graph.input} | {""}
    waiting = list(model.graph.node)
    del model.graph.node[:]
    while waiting:
        ready = [node for node in waiting if made.issuperset(node.input)]
        model.graph.node.extend(ready)
        made.update(name for node in ready for name in node.output)
        waiting = [node for node in waiting if node not in ready]
