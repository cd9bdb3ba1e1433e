"""The weights of a model file as the beginning of another training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch import nn

from rtseg.errors import InputError
from rtseg.model import find_model
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training.nets.base import PIXEL_SCALE
from rtseg.training.nets.blocks import ConvBlock
from rtseg.training.onnx_files import arrays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from torch import Tensor

    from rtseg.training.nets import SegmentationNet


def begin_with(net: SegmentationNet, model: str, batches: Iterable[Tensor]) -> None:
    """Put the weights of a model into `net`, which then labels as the model does.

    In a file BatchNorm is folded into the convolutions. Here it comes back: its statistics are taken from
    images, and its factors are such that nothing changes. So training can go on as if it had never been away.

    Args:
        net: of the kind that the model was exported from.
        model: the name of a shipped model, or an FP32 model file of ours.
        batches: images (B, 3, H, W), uint8, RGB, as training sees them.

    Raises:
        ModelError: there is no such model, or it is not FP32.
        InputError: it is of another network.
    """
    found = find_model(model, "fp32", ())
    stored = arrays(weights_as_float(onnx.load(found.path)))
    blocks = {name: block for name, block in net.named_modules() if isinstance(block, ConvBlock)}
    folded = {f"{name}.0": block for name, block in blocks.items()}
    with torch.no_grad():
        for name, layer in net.named_modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            weight, bias = (_stored(stored, f"net.{name}.{kind}", found.name) for kind in ("weight", "bias"))
            if weight.shape != layer.weight.shape:
                raise InputError(_another(found.name, f"{name} is {tuple(weight.shape)}"))
            layer.weight.copy_(weight)
            if name in folded:
                _neutralise(folded[name][1], bias)
            elif layer.bias is not None:
                layer.bias.copy_(bias)
        first = next(layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
        first.weight.mul_(PIXEL_SCALE)
        _take_statistics(net, [block[1] for block in blocks.values()], batches)


def _stored(stored: dict[str, NDArray[Any]], name: str, model: str) -> Tensor:
    if name not in stored:
        raise InputError(_another(model, f"it has no {name.removeprefix('net.')}"))
    return torch.from_numpy(stored[name].copy())


def _another(model: str, why: str) -> str:
    return f"{model}: was made from another network ({why}). Give the --net and --encoder that it has."


def _neutralise(norm: nn.Module, bias: Tensor) -> None:
    """Let a BatchNorm add `bias` and do nothing else."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)


def _take_statistics(net: nn.Module, norms: list[nn.Module], batches: Iterable[Tensor]) -> None:
    """Give each neutral BatchNorm the mean and variance of what it sees, and factors that undo them."""
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        seen[norm].append((mean, variance + mean.square()))

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    was_training = net.training
    net.eval()
    for images in batches:
        net(images)
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    for norm, found in seen.items():
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, square = (torch.stack(column).mean(0) for column in zip(*found, strict=True))
        variance = (square - mean.square()).clamp_(min=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
