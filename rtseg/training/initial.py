"""The weights of a model file: as the beginning of another training, or as the network that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch import nn

from rtseg.errors import InputError
from rtseg.model import find_model
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training.nets import NETS, build, encoders_of
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
    norms = _put_weights(net, model)
    with torch.no_grad():
        _take_statistics(net, norms, batches)


def network_of(model: str) -> SegmentationNet:
    """The network that a model was exported from, with its weights, for evaluation.

    Which one it is, its weights tell: they fit one only.

    Args:
        model: the name of a shipped model, or an FP32 model file of ours.

    Raises:
        ModelError: there is no such model, or it is not FP32.
        InputError: it is of no network that is here.
    """
    classes, stored = len(find_model(model, "fp32", ()).classes), _stored_arrays(model)
    shapes = {name: value.shape for name, value in stored.items() if name.endswith(".weight")}
    known = [(kind, encoder) for kind in NETS for encoder in encoders_of(kind)]
    for kind, encoder in known:
        net = build(kind, encoder, classes, pretrained=False)
        if shapes == {f"net.{name}.weight": tuple(layer.weight.shape) for name, layer in _convolutions(net)}:
            _put_weights(net, model)
            return net.eval()
    raise InputError(f"{model}: it was made from no network that `rtseg models --nets` lists.")


def _put_weights(net: SegmentationNet, model: str) -> list[nn.Module]:
    """The weights of a model; the BatchNorms, which its file has no more, then only add the biases.

    Returns these BatchNorms.
    """
    stored, convolutions = _stored_arrays(model), _convolutions(net)
    folded = {f"{name}.0": block for name, block in net.named_modules() if isinstance(block, ConvBlock)}
    norms: list[nn.Module] = []
    with torch.no_grad():
        for name, layer in convolutions:
            found = stored.get(f"net.{name}.weight")
            if found is None or found.shape != layer.weight.shape:
                raise InputError(
                    f"{model}: was made from another network ({name} differs). "
                    "Give the --net and --encoder that it has."
                )
            layer.weight.copy_(torch.from_numpy(found))
            bias = torch.from_numpy(stored[f"net.{name}.bias"])
            if name in folded:
                norms.append(folded[name][1])
                _neutralise(norms[-1], bias)
            elif layer.bias is not None:
                layer.bias.copy_(bias)
            if name == convolutions[0][0]:
                layer.weight.mul_(PIXEL_SCALE)
    return norms


def _stored_arrays(model: str) -> dict[str, NDArray[Any]]:
    return arrays(weights_as_float(onnx.load(find_model(model, "fp32", ()).path)))


def _convolutions(net: SegmentationNet) -> list[tuple[str, nn.Conv2d]]:
    return [(name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]


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
