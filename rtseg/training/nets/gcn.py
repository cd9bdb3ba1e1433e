"""Global Convolutional Network: kernels as large as things, made of two thin ones (Peng et al. 2017).

A classifier should see the whole thing, wherever it lies; so the convolutions that score are large. A k×k one
is two pairs of k×1 and 1×k, in either order, summed: it costs 2·k in place of k². Small residual convolutions
then sharpen the scores' edges (boundary refinement).

Lightened: k is 7, enough for a quarter of the deepest map; enlarging is bilinear, not learnt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.training.nets.base import SegmentationNet, at_stride_2
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize_as

if TYPE_CHECKING:
    from rtseg.training.nets.encoders import Encoder


class GlobalConvolution(nn.Module):
    """A k×k convolution out of thin ones, down then across and across then down."""

    SIDE = 7

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        down, across = (self.SIDE, 1), (1, self.SIDE)
        self.branches = nn.ModuleList(
            nn.Sequential(
                ConvBlock(channels, width, first, activation=None),
                ConvBlock(width, width, second, activation=None),
            )
            for first, second in ((down, across), (across, down))
        )

    def forward(self, x: Tensor) -> Tensor:
        one, other = (branch(x) for branch in self.branches)
        summed: Tensor = one + other
        return summed


class BoundaryRefinement(nn.Module):
    """What two 3×3 convolutions find to change of scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(ConvBlock(width, width), ConvBlock(width, width, activation=None))

    def forward(self, x: Tensor) -> Tensor:
        refined: Tensor = x + self.convs(x)
        return refined


class GCN(SegmentationNet):
    """Scores the maps from stride 32 to 4 with large kernels; refines, enlarges and sums the scores."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__(classes)
        self.encoder = encoder
        deepest_first = encoder.channels[:0:-1]
        self.scores = nn.ModuleList(
            nn.Sequential(GlobalConvolution(channels, classes), BoundaryRefinement(classes))
            for channels in deepest_first
        )
        self.refine = nn.ModuleList(BoundaryRefinement(classes) for _ in deepest_first)
        normal_init(self.scores)
        normal_init(self.refine)

    def score(self, x: Tensor) -> Tensor:
        summed: Tensor | None = None
        for score, refine, feature in zip(self.scores, self.refine, self.encoder(x)[:0:-1], strict=True):
            scores = score(feature)
            summed = refine(scores if summed is None else scores + resize_as(summed, scores, "bilinear"))
        assert summed is not None
        return at_stride_2(summed, x)
