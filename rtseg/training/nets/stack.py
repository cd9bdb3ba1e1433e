"""A stack of convolutions at the image's own size: what one tries first.

Each 3×3 convolution widens what a pixel sees by two pixels, so six of them see 13 of an image's 480: enough
for texture, nothing of the thing it belongs to. And each works on every pixel, so it costs what a whole
encoder and decoder do. Everything after it in the family makes the image smaller first.

Lightened: 16 channels, six convolutions; about as many multiplications as the U-Net.
"""

from __future__ import annotations

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import ConvBlock, normal_init


class Stack(SegmentationNet):
    """Convolutions of one width, at stride 1 from the image to the scores. It has no encoder."""

    WIDTH = 16
    DEPTH = 6

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        widths = (3, *[self.WIDTH] * self.DEPTH)
        self.layers = nn.Sequential(*map(ConvBlock, widths[:-1], widths[1:]))
        self.head = nn.Conv2d(self.WIDTH, classes, 1)
        normal_init(self.layers)

    def score(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(x))
        return logits
