"""What every network promises: an image in, one logit a class and pixel out, at the image's own size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtseg.training.nets.blocks import resize

PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0
"""The network sees (image − PIXEL_MEAN) / PIXEL_SCALE, as the EfficientNet-Lite weights were trained."""


class SegmentationNet(nn.Module):
    """Base of the networks: subclasses write `score`, which may answer at a smaller size."""

    def score(self, x: Tensor) -> Tensor:
        """Logits (B, classes, h, w) of `x` (B, 3, H, W), normalised, at the head's own stride."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, classes, H, W) of `image` (B, 3, H, W), RGB levels 0…255 of any number type.

        For training; what ships is `Labeller`.
        """
        return resize(self.score(normalized(image)), (image.shape[-2], image.shape[-1]), "bilinear")


class Labeller(nn.Module):
    """The network as it ships: uint8 image in, uint8 labels out, everything between in the graph.

    ArgMax runs at the head's stride and its labels are enlarged to the input's size, nearest neighbour
    (DECISIONS.md, "ArgMax before the last enlargement").
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Class ids (B, H, W), uint8, of `image` (B, H, W, 3), uint8, RGB."""
        x = normalized(image.permute(0, 3, 1, 2))
        labels = self.net.score(x).argmax(dim=1, keepdim=True).to(x.dtype)  # (B, 1, h, w)
        return resize(labels, (x.shape[-2], x.shape[-1])).to(torch.uint8).squeeze(1)


def normalized(image: Tensor) -> Tensor:
    """Levels 0…255 to the range the encoders were trained in, float32, same shape."""
    return (image.float() - PIXEL_MEAN) / PIXEL_SCALE
