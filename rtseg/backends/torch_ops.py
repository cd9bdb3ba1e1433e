"""The ONNX operators (opset 17) that models of this project use, in torch.

Each takes the node's attributes and then its inputs in ONNX's order, None for one left out.
Half is computed as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attributes = dict[str, Any]
Operator = Callable[..., Tensor]

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float32,
    11: torch.float64,
}
"""torch's types by ONNX's numbers for element types; 10 is float16."""


ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "round_prefer_floor": lambda at: torch.ceil(at - 0.5),
    "round_prefer_ceil": lambda at: torch.floor(at + 0.5),
    "floor": torch.floor,
    "ceil": torch.ceil,
}
"""ONNX's `nearest_mode` of Resize."""


class UnsupportedError(Exception):
    """An operator, or a form of it, that is not written here; the message ends a sentence."""


def torch_dtype(onnx_type: int) -> torch.dtype:
    """Return the type that values of ONNX's `onnx_type` have here."""
    if onnx_type not in DTYPES:
        raise UnsupportedError(f"the element type {onnx_type} is unknown to it")
    return DTYPES[onnx_type]


def conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Conv in two dimensions, padding given as numbers."""
    return F.conv2d(
        _padded(x, attributes),
        weight,
        bias,
        stride=attributes.get("strides", (1, 1)),
        dilation=attributes.get("dilations", (1, 1)),
        groups=attributes.get("group", 1),
    )


def conv_transpose(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """ConvTranspose in two dimensions, padded alike on both sides."""
    top, left, bottom, right = _pads(attributes)
    if (top, left) != (bottom, right):
        raise UnsupportedError("ConvTranspose with uneven padding is unknown to it")
    return F.conv_transpose2d(
        x,
        weight,
        bias,
        stride=attributes.get("strides", (1, 1)),
        padding=(top, left),
        output_padding=attributes.get("output_padding", (0, 0)),
        dilation=attributes.get("dilations", (1, 1)),
        groups=attributes.get("group", 1),
    )


def max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    """MaxPool in two dimensions, sizes rounded down."""
    if attributes.get("ceil_mode", 0):
        raise UnsupportedError("MaxPool with ceil_mode is unknown to it")
    padded = _padded(x, attributes, fill=float("-inf"))
    return F.max_pool2d(padded, attributes["kernel_shape"], attributes.get("strides", (1, 1)))


def average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    """AveragePool in two dimensions, sizes rounded down; padding, if any, counts as zeros."""
    if attributes.get("ceil_mode", 0):
        raise UnsupportedError("AveragePool with ceil_mode is unknown to it")
    if any(_pads(attributes)) and not attributes.get("count_include_pad", 0):
        raise UnsupportedError("AveragePool with padding that does not count is unknown to it")
    padded = _padded(x, attributes)
    return F.avg_pool2d(padded, attributes["kernel_shape"], attributes.get("strides", (1, 1)))


def resize(
    attributes: Attributes,
    x: Tensor,
    _roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Resize of height and width: nearest in every rounding, linear with half-pixel centres."""
    height, width = _resized(x, scales, sizes)
    mode = attributes.get("mode", "nearest")
    centres = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "linear" and centres in ("half_pixel", "pytorch_half_pixel"):
        return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)
    if mode != "nearest":
        raise UnsupportedError(f"Resize with {mode} and {centres} is unknown to it")
    rows = _nearest(x.shape[-2], height, centres, attributes)
    columns = _nearest(x.shape[-1], width, centres, attributes)
    return x.index_select(-2, rows).index_select(-1, columns)


def _resized(x: Tensor, scales: Tensor | None, sizes: Tensor | None) -> tuple[int, int]:
    """Return height and width that Resize gives."""
    if scales is not None and scales.numel():
        sizes = torch.tensor(x.shape) * scales.double()
    if sizes is None or not torch.equal(sizes, sizes.round()):
        raise UnsupportedError("Resize to other than whole sizes is unknown to it")
    return int(sizes[-2]), int(sizes[-1])


def _nearest(length: int, wanted: int, centres: str, attributes: Attributes) -> Tensor:
    """Return the source index of each of `wanted` places along an axis of `length`."""
    places = torch.arange(wanted, dtype=torch.float64)
    if centres in ("half_pixel", "pytorch_half_pixel"):
        source = (places + 0.5) * length / wanted - 0.5
    elif centres == "asymmetric":
        source = places * length / wanted
    else:
        raise UnsupportedError(f"Resize with nearest and {centres} is unknown to it")
    rounded = ROUNDINGS[attributes.get("nearest_mode", "round_prefer_floor")](source)
    return rounded.clamp(0, length - 1).long()


def quantize_linear(
    attributes: Attributes, x: Tensor, scale: Tensor, zero_point: Tensor | None = None
) -> Tensor:
    """QuantizeLinear: divide, round half to even, shift, saturate; per tensor or along `axis`."""
    dtype = torch.uint8 if zero_point is None else zero_point.dtype
    limits = torch.iinfo(dtype)
    steps = torch.round(x / _along_axis(scale, x, attributes))
    if zero_point is not None:
        steps = steps + _along_axis(zero_point, x, attributes).float()
    return steps.clamp(limits.min, limits.max).to(dtype)


def dequantize_linear(
    attributes: Attributes, x: Tensor, scale: Tensor, zero_point: Tensor | None = None
) -> Tensor:
    """DequantizeLinear: shift back, multiply; per tensor or along `axis`."""
    steps = x.float()
    if zero_point is not None:
        steps = steps - _along_axis(zero_point, x, attributes).float()
    return steps * _along_axis(scale, x, attributes)


def _along_axis(part: Tensor, x: Tensor, attributes: Attributes) -> Tensor:
    """Shape a scale or zero point so that it broadcasts over `x`."""
    if part.numel() == 1:
        return part.reshape(())
    shape = [1] * x.ndim
    shape[attributes.get("axis", 1)] = -1
    return part.reshape(shape)


def clip(_attributes: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Clip, either limit optional."""
    return torch.clamp(x, low, high)


def slice_(
    _attributes: Attributes,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Slice with positive steps."""
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        axis = i if axes is None else int(axes[i])
        step = 1 if steps is None else int(steps[i])
        if step < 1:
            raise UnsupportedError("Slice backwards is unknown to it")
        places = torch.arange(x.shape[axis])[start:end:step]
        x = x.index_select(axis, places)
    return x


def reshape(_attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """Reshape, where 0 keeps a length and -1 takes the rest."""
    return x.reshape([x.shape[i] if length == 0 else length for i, length in enumerate(shape.tolist())])


def squeeze(_attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Squeeze, of the named axes or of all of length 1."""
    return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


def unsqueeze(_attributes: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    """Unsqueeze; the axes are those of the result."""
    ndim = x.ndim + axes.numel()
    for axis in sorted(axis % ndim for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def depth_to_space(attributes: Attributes, x: Tensor) -> Tensor:
    """DepthToSpace with the places of one channel next to each other (CRD), as torch has it."""
    if attributes.get("mode", "DCR") != "CRD":
        raise UnsupportedError("DepthToSpace with DCR is unknown to it")
    return F.pixel_shuffle(x, attributes["blocksize"])


def arg_max(attributes: Attributes, x: Tensor) -> Tensor:
    """ArgMax; the first of equals, as ONNX has it by default."""
    if attributes.get("select_last_index", 0):
        raise UnsupportedError("ArgMax with select_last_index is unknown to it")
    return x.argmax(attributes.get("axis", 0), keepdim=bool(attributes.get("keepdims", 1)))


def reduce_max(attributes: Attributes, x: Tensor) -> Tensor:
    """ReduceMax."""
    return x.amax(*_axes(attributes, x))


def reduce_min(attributes: Attributes, x: Tensor) -> Tensor:
    """ReduceMin."""
    return x.amin(*_axes(attributes, x))


def _axes(attributes: Attributes, x: Tensor) -> tuple[list[int], bool]:
    """Return the axes that are reduced, all where none are named, and whether they stay."""
    return attributes.get("axes", list(range(x.ndim))), bool(attributes.get("keepdims", 1))


def _pads(attributes: Attributes) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right."""
    if attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise UnsupportedError("auto_pad is unknown to it")
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return top, left, bottom, right


def _padded(x: Tensor, attributes: Attributes, fill: float = 0.0) -> Tensor:
    top, left, bottom, right = _pads(attributes)
    return F.pad(x, (left, right, top, bottom), value=fill) if top or left or bottom or right else x


OPERATORS: dict[str, Operator] = {
    "Add": lambda _, x, y: x + y,
    "ArgMax": arg_max,
    "AveragePool": average_pool,
    "Cast": lambda attributes, x: x.to(torch_dtype(attributes["to"])),
    "Clip": clip,
    "Concat": lambda attributes, *parts: torch.cat(parts, attributes["axis"]),
    "Constant": lambda attributes: attributes["value"],
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthToSpace": depth_to_space,
    "DequantizeLinear": dequantize_linear,
    "Div": lambda _, x, y: x / y,
    "GlobalAveragePool": lambda _, x: x.mean((-2, -1), keepdim=True),
    "GreaterOrEqual": lambda _, x, y: x >= y,
    "Identity": lambda _, x: x,
    "MaxPool": max_pool,
    "Mul": lambda _, x, y: x * y,
    "QuantizeLinear": quantize_linear,
    "ReduceMax": reduce_max,
    "ReduceMin": reduce_min,
    "Relu": lambda _, x: torch.relu(x),
    "Reshape": reshape,
    "Resize": resize,
    "Slice": slice_,
    "Squeeze": squeeze,
    "Sub": lambda _, x, y: x - y,
    "Transpose": lambda attributes, x: x.permute(attributes["perm"]),
    "Unsqueeze": unsqueeze,
    "Where": lambda _, condition, x, y: torch.where(condition, x, y),
}
