"""FCN-8s: class scores at strides 32, 16 and 8, skips by summation (Long, Shelhamer, Darrell 2015).

Lightened: the classifier is one 1×1 convolution a stride, and there are no 4,096-channel layers before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet
from rtseg.training.nets.blocks import resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class FCN(SegmentationNet):
    """Scores the deepest map, enlarges the scores and adds those of the finer maps, down to stride 8."""

    STRIDES = 3
    """How many maps are scored, counted from the deepest: 32, 16 and 8."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        deepest_first = encoder.channels[::-1][: self.STRIDES]
        self.scores = nn.ModuleList(nn.Conv2d(channels, classes, 1) for channels in deepest_first)

    def score(self, x: Tensor) -> Tensor:
        features = self.encoder(x)[::-1][: self.STRIDES]
        deepest, *finer = (score(feature) for score, feature in zip(self.scores, features, strict=True))
        summed: Tensor = deepest
        for scores in finer:
            summed = scores + resize_as(summed, scores, "bilinear")
        return summed
