"""The small network: a U-Net whose encoder is cheap where maps are large.

At INT8 a dense 3×3 convolution runs near a CPU's peak and a depthwise one at a seventh of it
(benchmarks/layers.py), so what saves multiplications on paper costs time where maps are large. So the encoder
begins with few dense convolutions, and halves once more than others before the blocks of EfficientNet-Lite0
follow: these see things at half the size, on a quarter of the places, and still know from ImageNet what a
thing is. A global mean tells each place what scene it is in; skips are summed. And the class of each place is
decided before the four places of the sub-pixel head are put beside each other, so that one map is moved and
not eleven.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, normalized
from rtseg.training.nets.blocks import ConvBlock, ResidualBlock, normal_init, resize_as, sub_pixels
from rtseg.training.nets.encoders import EfficientNetLite, Encoder


class SlimEncoder(Encoder):
    """Dense to stride 8, then blocks of EfficientNet-Lite0 that follow stride 4 there; down to stride 64."""

    channels = (16, 24, 24, 40, 112, 192)
    STAGES = ((3, 5), (5, 11), (11, 13))
    """Blocks that make the maps at strides 16, 32 and 64; the last two, of the small maps, are left out."""
    fresh = ("front",)
    from_imagenet = True

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        half, quarter, eighth = self.channels[:3]
        self.front = nn.ModuleList(
            (
                ConvBlock(3, half, stride=2),
                nn.Sequential(ConvBlock(half, quarter, stride=2), ResidualBlock(quarter)),
                nn.Sequential(ConvBlock(quarter, eighth, stride=2), ResidualBlock(eighth)),
            )
        )
        normal_init(self.front)
        blocks = EfficientNetLite(0, pretrained=pretrained).blocks
        self.stages = nn.ModuleList(nn.Sequential(*blocks[first:end]) for first, end in self.STAGES)

    def last_stage(self) -> nn.Module:
        return self.stages[-1]

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for part in (*self.front, *self.stages):
            image = part(image)
            features.append(image)
        return features


class Slim(SegmentationNet):
    """Down to stride 64 and back up to stride 4, with a sub-pixel head. Its encoder is its own."""

    CLIMBING = (96, 64, 48, 32)
    """Channels in which the maps of strides 32, 16, 8 and 4 are summed."""

    def __init__(self, classes: int, *, pretrained: bool = True) -> None:
        super().__init__(classes)
        self.encoder = SlimEncoder(pretrained=pretrained)
        channels = self.encoder.channels
        self.deepest = ConvBlock(channels[-1], self.CLIMBING[0], 1)
        self.scene = nn.Conv2d(self.CLIMBING[0], self.CLIMBING[0], 1)  # of one place an image: no BatchNorm
        self.skips = nn.ModuleList(
            ConvBlock(wide, width, 1, activation=None)
            for wide, width in zip(channels[-2:0:-1], self.CLIMBING, strict=True)
        )
        after = (*self.CLIMBING[1:], self.CLIMBING[-1])
        self.decoder = nn.ModuleList(map(ConvBlock, self.CLIMBING, after))
        self.head = nn.Conv2d(self.CLIMBING[-1], 4 * classes, 1)
        for part in (self.deepest, self.skips, self.decoder):
            normal_init(part)

    def forward(self, image: Tensor) -> Tensor:
        return self.score(normalized(image))

    def score(self, x: Tensor) -> Tensor:
        quarters, finest = self._quarters(x)
        return sub_pixels(quarters, finest)

    def label(self, x: Tensor) -> Tensor:
        quarters, finest = self._quarters(x)
        batch, _, height, width = quarters.shape
        places = quarters.reshape(batch, self.classes, 4 * height, width)
        ids = places.argmax(dim=1, keepdim=True).to(places.dtype)
        return sub_pixels(ids.reshape(batch, 4, height, width), finest)

    def _quarters(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, 4 · classes, h, w) of the four quarters of each stride-4 place, and the finest map."""
        finest, *skips, x = self.encoder(x)
        x = self.deepest(x)
        x = x + self.scene(F.adaptive_avg_pool2d(x, 1))
        for skip, block, feature in zip(self.skips, self.decoder, skips[::-1], strict=True):
            x = block(skip(feature) + resize_as(x, feature))
        return self.head(x), finest
