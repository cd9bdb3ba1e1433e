"""U-Net: a symmetric encoder and decoder, skips by concatenation (Ronneberger et al. 2015).

At each stride the decoder gets the encoder's map beside its own, and a convolution chooses between what and
where, which a sum cannot.

Lightened: one 3×3 convolution a decoder stride, not two; widths of 96 and less; the decoder ends at stride 4,
with a sub-pixel head. A convolution at stride 2 would cost more than all others of the decoder together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as, sub_pixels

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class UNet(SegmentationNet):
    """Climbs from stride 32 to stride 4; at each stride: enlarge, concatenate the encoder's map, convolve.

    At stride 4 the map of stride 2 is concatenated too, halved by a convolution: edges are sharpest there.
    """

    WIDTHS = (96, 64, 48)
    """Decoder channels at strides 16, 8 and 4."""

    FINE = 16
    """Channels in which the map of stride 2 arrives at stride 4."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        finest, *skips, deepest = encoder.channels
        below = (deepest, *self.WIDTHS[:-1])
        beside = (*skips[:0:-1], skips[0] + self.FINE)
        self.fine = ConvBlock(finest, self.FINE, stride=2)
        self.decoder = nn.ModuleList(map(self.block, below, beside, self.WIDTHS))
        self.head = nn.Conv2d(self.WIDTHS[-1], 4 * classes, 1)
        normal_init(self.fine)
        normal_init(self.decoder)

    def block(self, deep: int, skip: int, width: int) -> nn.Module:
        """What becomes of `deep` and `skip` channels, concatenated."""
        return ConvBlock(deep + skip, width)

    def score(self, x: Tensor) -> Tensor:
        finest, quarter, eighth, sixteenth, x = self.encoder(x)
        skips = [sixteenth], [eighth], [quarter, self.fine(finest)]
        for block, maps in zip(self.decoder, skips, strict=True):
            x = block(torch.cat([resize_as(x, maps[0]), *maps], dim=1))
        return sub_pixels(self.head(x), finest)
