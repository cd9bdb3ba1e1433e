"""RefineNet: every stride is refined by the one below it, along paths without a bottleneck (Lin et al. 2017).

At each stride the encoder's map and the refined map from below are brought to one width and summed; a chain
of poolings adds ever larger surroundings to it (chained residual pooling). All of it is residual, so what the
loss says reaches every map of the encoder directly.

Lightened, as Light-Weight RefineNet (Nekrasov, Shen, Reid 2018) does: 1×1 in place of 3×3 convolutions in
fusion and chain; and 48 channels, one residual unit a stride, behind the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, at_stride_2
from rtseg.training.nets.blocks import ConvBlock, ResidualBlock, normal_init, resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class ChainedPooling(nn.Module):
    """Maxima of ever larger surroundings, each through a convolution, added to the map."""

    LINKS = 2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.links = nn.ModuleList(
            ConvBlock(channels, channels, 1, activation=None) for _ in range(self.LINKS)
        )

    def forward(self, x: Tensor) -> Tensor:
        summed = link = F.relu(x)
        for layer in self.links:
            link = layer(F.max_pool2d(link, 5, 1, 2))
            summed = summed + link
        return summed


class RefineNet(SegmentationNet):
    """Refines from stride 32 to stride 4, and scores the map there."""

    WIDTH = 48

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        deepest_first = encoder.channels[:0:-1]
        self.adapt = nn.ModuleList(
            ConvBlock(channels, self.WIDTH, 1, activation=None) for channels in deepest_first
        )
        self.refine = nn.ModuleList(
            nn.Sequential(ChainedPooling(self.WIDTH), ResidualBlock(self.WIDTH)) for _ in deepest_first
        )
        self.head = nn.Conv2d(self.WIDTH, classes, 1)
        normal_init(self.adapt)
        normal_init(self.refine)

    def score(self, x: Tensor) -> Tensor:
        refined: Tensor | None = None
        for adapt, refine, feature in zip(self.adapt, self.refine, self.encoder(x)[:0:-1], strict=True):
            adapted = adapt(feature)
            refined = refine(
                adapted if refined is None else adapted + resize_as(refined, adapted, "bilinear")
            )
        return at_stride_2(self.head(refined), x)
