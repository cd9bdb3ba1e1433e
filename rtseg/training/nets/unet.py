"""U-Net: a symmetric encoder and decoder, skips by concatenation (Ronneberger et al. 2015).

Lightened: one 3×3 convolution a decoder stride, not two; widths of 128 and less; a head at stride 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class UNet(SegmentationNet):
    """Climbs from stride 32 to stride 2; at each stride: enlarge, concatenate the encoder's map, convolve."""

    WIDTHS = (128, 64, 48, 32)
    """Decoder channels at strides 16, 8, 4 and 2."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        skips = encoder.channels[-2::-1]  # strides 16, 8, 4, 2
        below = (encoder.channels[-1], *self.WIDTHS[:-1])
        self.decoder = nn.ModuleList(
            ConvBlock(deep + skip, width) for deep, skip, width in zip(below, skips, self.WIDTHS, strict=True)
        )
        self.head = nn.Conv2d(self.WIDTHS[-1], classes, 1)
        normal_init(self.decoder)

    def score(self, x: Tensor) -> Tensor:
        *skips, x = self.encoder(x)
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = block(torch.cat([resize_as(x, skip), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits
