"""An encoder and a decoder with only the deepest map between them (Noh et al. 2015, without unpooling).

The decoder learns to enlarge, which FCN-32s does not, but what the encoder gave up on the way down it can
only guess: edges stay soft, thin things are gone. It is the U-Net of `unet.py` less its skips.

Lightened: as that one, one 3×3 convolution a stride, down to stride 4, and a sub-pixel head.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as, sub_pixels

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class EncoderDecoder(SegmentationNet):
    """Climbs from stride 32 to stride 4; at each stride: enlarge, convolve."""

    WIDTHS = (96, 64, 48)
    """Decoder channels at strides 16, 8 and 4."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        widths = (encoder.channels[-1], *self.WIDTHS)
        self.decoder = nn.ModuleList(ConvBlock(*pair) for pair in itertools.pairwise(widths))
        self.head = nn.Conv2d(self.WIDTHS[-1], 4 * classes, 1)
        normal_init(self.decoder)

    def score(self, x: Tensor) -> Tensor:
        finest, *sizes, deepest = self.encoder(x)
        for block, size_of in zip(self.decoder, sizes[::-1], strict=True):
            deepest = block(resize_as(deepest, size_of))
        return sub_pixels(self.head(deepest), finest)
