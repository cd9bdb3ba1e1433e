"""DeepLab: atrous convolution keeps the maps large, atrous pyramid pooling looks far (Chen et al. 2017).

The encoder's last stage keeps stride 16; its convolutions, and those of the pyramid, skip pixels, so they see
as far as if the map had been halved, without losing where things are. Four rates and the mean of the whole
map lie beside each other (ASPP), so small and large things are seen at their own scale.

Lightened: the pyramid's convolutions are depthwise with a 1×1 behind them (as in DeepLab v3+), 64 channels
wide, at rates 2, 4 and 6: the paper's 6, 12 and 18 are for maps of 33×33, ours has 30×23 and would be left by
most.
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


class AtrousPyramid(nn.Module):
    """A point, its surroundings at several rates and the mean of all, beside each other, then mixed."""

    RATES = (2, 4, 6)

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.point = ConvBlock(channels, width, 1)
        self.around = nn.ModuleList(
            nn.Sequential(
                ConvBlock(channels, channels, groups=channels, dilation=rate), ConvBlock(channels, width, 1)
            )
            for rate in self.RATES
        )
        self.whole = ConvBlock(channels, width, 1)
        self.mix = ConvBlock((2 + len(self.RATES)) * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        whole = resize_as(self.whole(F.adaptive_avg_pool2d(x, 1)), x)
        mixed: Tensor = self.mix(torch.cat([self.point(x), *(layer(x) for layer in self.around), whole], 1))
        return mixed


class DeepLab(SegmentationNet):
    """Scores the pyramid over the map at stride 16 and enlarges the scores; there are no skips."""

    WIDTH = 64

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        encoder.dilate()
        self.encoder = encoder
        self.pyramid = AtrousPyramid(encoder.channels[-1], self.WIDTH)
        self.head = nn.Conv2d(self.WIDTH, classes, 1)
        normal_init(self.pyramid)

    def score(self, x: Tensor) -> Tensor:
        return at_stride_2(self.head(self.pyramid(self.encoder(x)[-1])), x)
