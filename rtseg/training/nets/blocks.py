"""The pieces that the networks share: convolutions with their norm, resizing, what a network costs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BN_EPS = 1e-3
"""What the pretrained EfficientNet-Lite weights were trained with; used throughout."""


class ConvBlock(nn.Sequential):
    """Convolution, BatchNorm and, unless `activation` is None, an activation.

    `kernel` is odd: a side, or height and width. Padding keeps the size at stride 1 and gives ceil(n / 2) at
    stride 2, for even and odd n alike.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int] = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        super().__init__(
            nn.Conv2d(
                in_channels,
                out_channels,
                (height, width),
                stride,
                (dilation * (height // 2), dilation * (width // 2)),
                dilation,
                groups,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels, eps=BN_EPS),
        )
        if activation is not None:
            self.append(activation(inplace=True))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to what went in (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            ConvBlock(channels, channels), ConvBlock(channels, channels, activation=None)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.convs(x))


def sub_pixels(scores: Tensor, finest: Tensor) -> Tensor:
    """Scores at twice the size (sub-pixel convolution, Shi et al. 2016).

    `scores` (B, 4 · classes, h, w) are of the four quarters of each place, which become places of their own.
    The result is as large as `finest`, which may be one short of 2h and 2w.
    """
    return F.pixel_shuffle(scores, 2)[..., : finest.shape[-2], : finest.shape[-1]]


def resize_as(x: Tensor, reference: Tensor, mode: str = "nearest") -> Tensor:
    """Resize `x` (B, C, h, w) to the height and width of `reference`."""
    return resize(x, (reference.shape[-2], reference.shape[-1]), mode)


def resize(x: Tensor, size: tuple[int, int], mode: str = "nearest") -> Tensor:
    """Resize `x` (B, C, h, w) to `size` (H, W), half-pixel centres where `mode` is "bilinear"."""
    sides = [int(side) for side in size]  # while a graph is traced for export, shapes are tensors
    if mode == "nearest":
        return F.interpolate(x, size=sides, mode=mode)
    return F.interpolate(x, size=sides, mode=mode, align_corners=False)


def normal_init(module: nn.Module) -> None:
    """Kaiming normal for every convolution below `module` (He et al. 2015), BatchNorm at one and zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)


def parameter_count(module: nn.Module) -> int:
    """Number of trained scalars in `module`."""
    return sum(p.numel() for p in module.parameters())


def macs(module: nn.Module, size: tuple[int, int]) -> int:
    """Multiplications of `module`'s convolutions for one image (H, W), each with its addition."""
    counted = []

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        counted.append(layer.weight.numel() * output.shape[-2] * output.shape[-1])

    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    was_training = module.training
    with torch.inference_mode():
        module.eval()(torch.zeros(1, 3, *size))
    module.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counted)
