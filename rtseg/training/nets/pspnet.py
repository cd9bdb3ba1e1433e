"""PSPNet: means over regions of several sizes say what kind of place it is (Zhao et al. 2017).

The map is averaged over 1, 2×2, 3×3 and 6×6 regions, and these means are laid beside it: a pixel learns that
it is part of a street, which makes a boat unlikely. As in DeepLab the encoder keeps stride 16; what differs
is how the surroundings are looked at, by means in place of convolutions that skip pixels.

Lightened: the means are a quarter of the map's channels each, the mixing convolution is 64 wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, at_stride_2
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class PyramidPooling(nn.Module):
    """Means over regions, brought back to the map's size and laid beside it."""

    REGIONS = (1, 2, 3, 6)
    """To a side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels // len(self.REGIONS)
        self.layers = nn.ModuleList(ConvBlock(channels, width, 1) for _ in self.REGIONS)
        self.channels = channels + width * len(self.REGIONS)

    def forward(self, x: Tensor) -> Tensor:
        means = [
            resize_as(layer(means_of(x, regions)), x, "bilinear")
            for layer, regions in zip(self.layers, self.REGIONS, strict=True)
        ]
        return torch.cat([x, *means], 1)


def means_of(x: Tensor, regions: int) -> Tensor:
    """Means over `regions` to a side, all of one size, overlapping where the map cannot be divided."""
    if regions == 1:
        return F.adaptive_avg_pool2d(x, 1)
    counts = [min(regions, side) for side in x.shape[-2:]]
    strides = [side // count for side, count in zip(x.shape[-2:], counts, strict=True)]
    kernel = [
        side - (count - 1) * stride for side, count, stride in zip(x.shape[-2:], counts, strides, strict=True)
    ]
    return F.avg_pool2d(x, kernel, strides)


class PSPNet(SegmentationNet):
    """Scores the map at stride 16 with the means beside it and enlarges the scores; there are no skips."""

    WIDTH = 64

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        encoder.dilate()
        self.encoder = encoder
        self.pooling = PyramidPooling(encoder.channels[-1])
        self.mix = ConvBlock(self.pooling.channels, self.WIDTH)
        self.head = nn.Conv2d(self.WIDTH, classes, 1)
        normal_init(self.pooling)
        normal_init(self.mix)

    def score(self, x: Tensor) -> Tensor:
        return at_stride_2(self.head(self.mix(self.pooling(self.encoder(x)[-1]))), x)
