"""Deep supervision: in training the deepest maps are scored, too (Lee et al. 2015; Zhao et al. 2017).

So what they lack reaches them at once, and not through a decoder that has yet to learn. It is of most use to
a network that begins with nothing. What scores them is not part of the network and is not shipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rtseg.errors import InputError
from rtseg.training.nets.blocks import ConvBlock, normal_init, resize
from rtseg.training.nets.encoders import Encoder

if TYPE_CHECKING:
    from rtseg.training.nets import SegmentationNet

DEEPEST = 2
"""Maps that are scored: those at strides 16 and 32."""
WIDTH = 64
STRIDE = 4
"""Pixels of the image, along each side, that are scored as one."""


class DeepHeads(nn.Module):
    """Scores what a network's encoder has made of the last batch."""

    def __init__(self, net: SegmentationNet) -> None:
        """Look on at the network's encoder from now on.

        Raises:
            InputError: it has none.
        """
        super().__init__()
        encoder = next((module for module in net.modules() if isinstance(module, Encoder)), None)
        if encoder is None:
            raise InputError("This network has no deep maps. Leave --deep-supervision away.")
        self.heads = nn.ModuleList(
            nn.Sequential(ConvBlock(channels, WIDTH), nn.Conv2d(WIDTH, net.classes, 1))
            for channels in encoder.channels[-DEEPEST:]
        )
        normal_init(self)
        self._maps: list[Tensor] = []
        encoder.register_forward_hook(self._look)

    def _look(self, _encoder: nn.Module, _inputs: object, maps: list[Tensor]) -> None:
        self._maps = maps[-DEEPEST:]

    def scores(self, size: tuple[int, int]) -> list[Tensor]:
        """Logits (B, classes, H, W) of each map, enlarged to `size`."""
        return [
            resize(head(feature), size, "bilinear")
            for head, feature in zip(self.heads, self._maps, strict=True)
        ]


def thinned(labels: Tensor) -> Tensor:
    """Labels (B, H, W) of the middle of each place of `STRIDE`² pixels."""
    return labels[:, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
