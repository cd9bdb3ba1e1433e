"""What every network promises: an image in, one logit a class and pixel out, at the image's own size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtseg.training.nets.blocks import resize

PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0
"""The network sees (image − PIXEL_MEAN) / PIXEL_SCALE, as the EfficientNet-Lite weights were trained."""

MEAN_OF_PLACE = torch.outer(torch.tensor((1.0, 2.0, 1.0)), torch.tensor((1.0, 6.0, 1.0))) / 32
"""Weights (3, 3) of a place and its neighbours, rows by columns; see `place_means`."""


class SegmentationNet(nn.Module):
    """Base of the networks: subclasses write `score`.

    Attributes:
        classes: how many there are.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def score(self, x: Tensor) -> Tensor:
        """Logits (B, classes, h, w) of `x` (B, 3, H, W), normalised; at stride 2, or at its own size."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, classes, H, W) of `image` (B, 3, H, W), RGB levels 0…255 of any number type.

        For training; what ships is `Labeller`.
        """
        return resize(self.score(normalized(image)), (image.shape[-2], image.shape[-1]), "bilinear")

    def label(self, x: Tensor) -> Tensor:
        """Class ids (B, 1, h, w), of a float type, of `x` (B, 3, H, W), normalised; as large as `score`'s."""
        return highest(self.score(x), (x.shape[-2], x.shape[-1]))


class Labeller(nn.Module):
    """The network as it ships: uint8 image in, uint8 labels out, everything between in the graph.

    Enlarged from the size of the logits, nearest neighbour (DECISIONS.md, "ArgMax before the last
    enlargement").
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Class ids (B, H, W), uint8, of `image` (B, H, W, 3), uint8, RGB."""
        x = normalized(image.permute(0, 3, 1, 2))
        return resize(self.net.label(x), (x.shape[-2], x.shape[-1])).to(torch.uint8).squeeze(1)


def highest(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Which class is highest, (B, 1, h, w), of the logits' type, of `logits` (B, classes, h, w).

    Where they are smaller than the image, `size` (H, W), their `place_means` decide.
    """
    if logits.shape[-2:] != size:
        logits = place_means(logits, logits.shape[1])
    return logits.argmax(dim=1, keepdim=True).to(logits.dtype)


def at_stride_2(logits: Tensor, x: Tensor) -> Tensor:
    """Enlarge `logits` of any stride to half the size of the image `x`, rounded up."""
    return resize(logits, (-(-x.shape[-2] // 2), -(-x.shape[-1] // 2)), "bilinear")


def place_means(logits: Tensor, classes: int) -> Tensor:
    """Logits (B, classes, h, w) with those of their neighbours in them, of the same shape.

    Along a row it is the mean that bilinear enlargement by an even factor, as in training, gives over each
    place. Down a column the neighbours have twice as much of it: what goes up and down from row to row, as
    the rows of a sub-pixel head do where it cannot decide, comes to nothing, and poles, which are upright,
    stay. Zeros beyond the border take as much from each class, so they do not change which one is highest.
    """
    kernel = MEAN_OF_PLACE.to(logits).expand(classes, 1, 3, 3)
    return F.conv2d(logits, kernel, padding=1, groups=classes)


def normalized(image: Tensor) -> Tensor:
    """Levels 0…255 to the range the encoders were trained in, float32, same shape."""
    return (image.float() - PIXEL_MEAN) / PIXEL_SCALE
