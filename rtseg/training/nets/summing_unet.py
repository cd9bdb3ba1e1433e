"""U-Net with sums in place of concatenations (as LinkNet has them: Chaurasia, Culurciello 2017).

The encoder's map is brought to the width of the decoder's and added. The convolution behind it reads fewer
channels, so it is cheaper; but it no longer knows which of the two maps said what.

Lightened: as `unet.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as, sub_pixels

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class SummingUNet(SegmentationNet):
    """Climbs from stride 32 to stride 4; at each stride: enlarge, add the encoder's map, convolve."""

    WIDTHS = (96, 64, 48)
    """Decoder channels at strides 16, 8 and 4."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        finest, *skips, deepest = encoder.channels
        below = (deepest, *self.WIDTHS[:-1])
        self.fine = ConvBlock(finest, self.WIDTHS[-2], stride=2, activation=None)
        self.skips = nn.ModuleList(
            ConvBlock(skip, width, 1, activation=None) for skip, width in zip(skips[::-1], below, strict=True)
        )
        self.decoder = nn.ModuleList(map(ConvBlock, below, self.WIDTHS))
        self.head = nn.Conv2d(self.WIDTHS[-1], 4 * classes, 1)
        for part in (self.fine, self.skips, self.decoder):
            normal_init(part)

    def score(self, x: Tensor) -> Tensor:
        finest, *features, x = self.encoder(x)
        for skip, block, feature in zip(self.skips, self.decoder, features[::-1], strict=True):
            x = skip(feature) + resize_as(x, feature)
            if feature is features[0]:
                x = x + self.fine(finest)
            x = block(x)
        return sub_pixels(self.head(x), finest)
