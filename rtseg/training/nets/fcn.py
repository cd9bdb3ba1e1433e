"""FCN: scores of deep maps, enlarged, and those of finer ones added (Long, Shelhamer, Darrell 2015).

FCN-32s scores the map at stride 32 alone and enlarges it in one go: right about what is there, 32 pixels
vague about where. FCN-16s and FCN-8s add the scores of the maps at strides 16 and 8, which know where.

Lightened: the classifier is one 1×1 convolution a stride, and there are no 4,096-channel layers before it.
Enlarging is bilinear and not learnt, which the authors found to be as good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, at_stride_2
from rtseg.training.nets.blocks import resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class FCN32s(SegmentationNet):
    """Scores the deepest map, enlarges the scores and adds those of the `SKIPS` next finer maps."""

    SKIPS = 0

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        deepest_first = encoder.channels[::-1][: 1 + self.SKIPS]
        self.scores = nn.ModuleList(nn.Conv2d(channels, classes, 1) for channels in deepest_first)

    def score(self, x: Tensor) -> Tensor:
        features = self.encoder(x)[::-1][: 1 + self.SKIPS]
        summed, *finer = (score(feature) for score, feature in zip(self.scores, features, strict=True))
        for scores in finer:
            summed = scores + resize_as(summed, scores, "bilinear")
        return at_stride_2(summed, x)


class FCN16s(FCN32s):
    """With the map at stride 16."""

    SKIPS = 1


class FCN8s(FCN32s):
    """With the maps at strides 16 and 8."""

    SKIPS = 2
