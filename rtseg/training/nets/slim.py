"""The small network: a U-Net of nothing but what a CPU is good at; it ships as rtseg-s.

At INT8 a dense 3×3 convolution runs near a CPU's peak and a depthwise one at a seventh of it
(benchmarks/layers.py), so what saves multiplications on paper costs time. The encoder is of dense
convolutions and has its depth where they are cheap, at strides 8 and 16; a global mean tells each place what
scene it is in; skips are summed. And the class of each place is decided before the four places of the
sub-pixel head are put beside each other, so that one map is moved and not eleven.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, normalized
from rtseg.training.nets.blocks import ConvBlock, ResidualBlock, normal_init, resize_as, sub_pixels
from rtseg.training.nets.encoders import Encoder


class SlimEncoder(Encoder):
    """Dense convolutions, few where the maps are large."""

    channels = (16, 24, 48, 96, 128)
    MORE = (0, 1, 2, 4, 2)
    """Convolutions at each stride after the one that halves; two are a residual block."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvBlock(narrow, wide, stride=2), *same_size(wide, more))
            for (narrow, wide), more in zip(itertools.pairwise(widths), self.MORE, strict=True)
        )
        normal_init(self)

    def last_stage(self) -> nn.Module:
        return self.stages[-1]

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            image = stage(image)
            features.append(image)
        return features


class Slim(SegmentationNet):
    """Down to stride 32 and back up to stride 4, with a sub-pixel head. Its encoder is its own."""

    CLIMBING = (64, 48, 32)
    """Channels in which the maps of strides 16, 8 and 4 are summed."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.encoder = SlimEncoder()
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


def same_size(width: int, convolutions: int) -> list[nn.Module]:
    """So many convolutions, in residual blocks of two, a single one first."""
    single: list[nn.Module] = [ConvBlock(width, width)] * (convolutions % 2)
    return single + [ResidualBlock(width) for _ in range(convolutions // 2)]
