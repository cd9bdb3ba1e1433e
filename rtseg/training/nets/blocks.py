"""The pieces that the networks share: a convolution block and resizing to a reference."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

BN_EPS = 1e-3
"""What the pretrained EfficientNet-Lite weights were trained with; used throughout."""


class ConvBlock(nn.Sequential):
    """Convolution, BatchNorm and, unless `activation` is None, an activation.

    Padding keeps the size at stride 1 and gives ceil(n / 2) at stride 2, for even and odd n alike.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels, eps=BN_EPS),
        )
        if activation is not None:
            self.append(activation(inplace=True))


def resize_as(x: Tensor, reference: Tensor, mode: str = "nearest") -> Tensor:
    """Resize `x` (B, C, h, w) to the height and width of `reference`."""
    return resize(x, (reference.shape[-2], reference.shape[-1]), mode)


def resize(x: Tensor, size: tuple[int, int], mode: str = "nearest") -> Tensor:
    """Resize `x` (B, C, h, w) to `size` (H, W), half-pixel centres where `mode` is "bilinear"."""
    if mode == "nearest":
        return F.interpolate(x, size=size, mode=mode)
    return F.interpolate(x, size=size, mode=mode, align_corners=False)


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
