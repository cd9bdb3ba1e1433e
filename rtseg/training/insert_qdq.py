"""Where the Q/DQ pairs go, and putting them there.

    tensor ─► Q ─► DQ ─► Conv ◄─ DQ ◄─ int8 weights
                          ▲ bias, float

A convolution is quantised on its activation (per tensor) and its weights (per output channel). Of a residual
Add only the skip is, so that the Add fuses into the convolution on its other side, if that is quantised. The
head, ArgMax and the last Resize stay float. Zero points are 0; biases are not quantised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from rtseg.training.onnx_files import arrays, drop_unused_arrays, producers, set_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LEVELS = 127
"""The greatest magnitude of a symmetric int8; −128 is not used."""

SMALLEST_RANGE = 1e-6
"""Stands in for the range of a tensor or channel that is always zero: a scale must be positive."""

Edge = tuple[str, int]
"""A node's name and the position of one of its inputs."""


def head_names(model: onnx.ModelProto) -> set[str]:
    """The last convolutions: those that reach the output without passing another one, `place_means` aside."""
    made_by = producers(model)
    heads, waiting = set(), [output.name for output in model.graph.output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None:
            continue
        if node.op_type == "Conv":
            heads.add(node.name)
        if node.op_type != "Conv" or is_depthwise(node):
            waiting.extend(node.input)
    return heads


def is_depthwise(conv: onnx.NodeProto) -> bool:
    """Whether it keeps the channels apart."""
    return any(attribute.name == "group" and attribute.i > 1 for attribute in conv.attribute)


def quantized_convs(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All convolutions but the head, in graph order."""
    heads = head_names(model)
    return [node for node in model.graph.node if node.op_type == "Conv" and node.name not in heads]


def activation_edges(model: onnx.ModelProto) -> dict[str, list[Edge]]:
    """Tensors to quantise and the edges on which they are: those that convolutions read, then other skips."""
    edges: dict[str, list[Edge]] = {}
    convs = quantized_convs(model)
    for conv in convs:
        edges.setdefault(conv.input[0], []).append((conv.name, 0))
    quantized = {conv.output[0] for conv in convs}
    for add in model.graph.node:
        if add.op_type == "Add":
            skip = skip_position(model, add)
            if skip is not None and add.input[1 - skip] in quantized:
                edges.setdefault(add.input[skip], []).append((add.name, skip))
    return edges


def int8_from_float(model: onnx.ModelProto, ranges: Mapping[str, float]) -> onnx.ModelProto:
    """A copy of the float32 `model` with explicit Q/DQ.

    Args:
        model: weights as float32 initialisers.
        ranges: the largest magnitude kept, for every tensor of `activation_edges`.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = {node.name: node for node in copy.graph.node}
    made_by = producers(model)
    for tensor, edges in activation_edges(model).items():
        is_concat = tensor in made_by and made_by[tensor].op_type == "Concat"
        # OpenVINO 2026.4 moves a Q behind a Concat to its inputs and there truncates instead of scaling and
        # rounding: labels go wrong. With a second pair, which changes no value, it does not.
        dequantized = _append_pairs(copy, tensor, ranges[tensor] / LEVELS, pairs=2 if is_concat else 1)
        for name, position in edges:
            nodes[name].input[position] = dequantized
    values = arrays(model)
    for conv in quantized_convs(model):
        nodes[conv.name].input[1] = _append_weights(copy, conv.input[1], values[conv.input[1]])
    drop_unused_arrays(copy)
    _sort(copy)
    del copy.graph.value_info[:]
    return copy


def int8_from_weights(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 weights and their scales (O,), one an output channel, of `weights` (O, I, kh, kw).

    x86 without VNNI multiplies two neighbouring input channels with uint8 activations and adds them in 16
    bits, which saturate: OpenVINO's labels then differ from what the file says. So the scale is such that no
    two neighbours of one sign add up to more than 128: 255 · 128 < 2¹⁵. A depthwise weight has no neighbour.
    """
    odd = weights.shape[1] % 2
    even = np.pad(weights, [(0, 0), (0, odd), (0, 0), (0, 0)])
    pairs = even.reshape(len(even), -1, 2, *even.shape[2:])  # (O, I / 2, 2, kh, kw)
    positive = np.maximum(pairs, 0).sum(axis=2)
    negative = np.maximum(-pairs, 0).sum(axis=2)
    largest = np.maximum(positive, negative).reshape(len(weights), -1).max(axis=1)
    scales = (np.maximum(largest, SMALLEST_RANGE) / LEVELS).astype(np.float32)
    steps = np.rint(weights / scales.reshape(-1, 1, 1, 1))
    return np.clip(steps, -LEVELS, LEVELS).astype(np.int8), scales


def skip_position(model: onnx.ModelProto, add: onnx.NodeProto) -> int | None:
    """Which input of a residual Add is the skip: the one that is not the convolution made last."""
    made_by = producers(model)
    place = {node.name: index for index, node in enumerate(model.graph.node)}
    convs = [
        (place[made_by[name].name], position)
        for position, name in enumerate(add.input)
        if name in made_by and made_by[name].op_type == "Conv"
    ]
    return 1 - max(convs)[1] if convs else None


def _append_weights(model: onnx.ModelProto, name: str, weights: NDArray[np.float32]) -> str:
    """Store `weights` as int8 and dequantise them; returns the name of what DQ gives."""
    stored, scales = int8_from_weights(weights)
    set_array(model, f"{name}/int8", stored)
    set_array(model, f"{name}/scale", scales)
    set_array(model, f"{name}/zero_point", np.zeros(len(scales), dtype=np.int8))
    return _append(model, "DequantizeLinear", name, f"{name}/int8", f"{name}/dequantized", axis=0)


def _append_pairs(model: onnx.ModelProto, tensor: str, scale: float, *, pairs: int) -> str:
    """Put `pairs` equal Q/DQ pairs behind `tensor`; returns the name of what the last DQ gives."""
    set_array(model, f"{tensor}/scale", np.array(max(scale, SMALLEST_RANGE), dtype=np.float32))
    set_array(model, f"{tensor}/zero_point", np.zeros((), dtype=np.int8))
    last = tensor
    for pair in range(pairs):
        suffix = f"_{pair + 1}" if pair else ""
        quantized = _append(model, "QuantizeLinear", tensor, last, f"{tensor}/quantized{suffix}")
        last = _append(model, "DequantizeLinear", tensor, quantized, f"{tensor}/dequantized{suffix}")
    return last


def _append(model: onnx.ModelProto, op: str, owner: str, source: str, result: str, **attributes: int) -> str:
    inputs = [source, f"{owner}/scale", f"{owner}/zero_point"]
    model.graph.node.append(helper.make_node(op, inputs, [result], name=f"{result}/{op}", **attributes))
    return result


def _sort(model: onnx.ModelProto) -> None:
    """Put the nodes into an order in which each reads only what was made before."""
    made = (
        {tensor.name for tensor in model.graph.initializer}
        | {value.name for value in model.graph.input}
        | {""}
    )
    waiting = list(model.graph.node)
    del model.graph.node[:]
    while waiting:
        ready = [node for node in waiting if made.issuperset(node.input)]
        waiting = [node for node in waiting if not made.issuperset(node.input)]
        model.graph.node.extend(ready)
        made.update(name for node in ready for name in node.output)
