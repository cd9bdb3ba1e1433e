"""What training minimises: weighted cross-entropy, plus a soft form of the score that is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


VOID = 255
"""No class, whatever classes there are."""


def class_weights(shares: NDArray[np.float64]) -> Tensor:
    """Weights (classes,), float32, 1 / ln(1.1 + share of pixels) (Paszke et al. 2016, with 1.1 for 1.02)."""
    return torch.from_numpy((1 / np.log(1.1 + shares)).astype(np.float32))


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor, jaccard: float) -> Tensor:
    """Mean loss of a batch over its pixels, a scalar.

    Args:
        logits: (B, C, h, w), one for each pixel, or for each place of k×k pixels.
        labels: (B, k·h, k·w), uint8, or less than k fewer of them; ids of C and above are void and left out.
        weights: (C,), of the classes in the cross-entropy.
        jaccard: how much of the soft Jaccard loss is added.
    """
    pixels = pixels_of_classes(labels, logits)
    truth = pixels.sum((0, 2, 3))
    if not truth.any():
        return logits.sum() * 0
    likelihoods = logits.log_softmax(dim=1)
    entropy = -(weights * (pixels * likelihoods).sum((0, 2, 3))).sum() / (weights * truth).sum()
    if jaccard == 0:
        return entropy
    return entropy + jaccard * soft_jaccard_loss(likelihoods.exp(), pixels)


def soft_jaccard_loss(probabilities: Tensor, pixels: Tensor) -> Tensor:
    """1 − the mean over present classes of Σpt / (Σp + Σt − Σpt), over the batch (Rahman & Wang 2016).

    Both are (B, C, h, w); see `pixels_of_classes`.
    """
    truth = pixels.sum((0, 2, 3))
    hits = (probabilities * pixels).sum((0, 2, 3))
    union = (probabilities * pixels.sum(1, keepdim=True)).sum((0, 2, 3)) + truth - hits
    present = truth > 0
    return 1 - (hits[present] / union[present]).mean()


def pixels_of_classes(labels: Tensor, logits: Tensor) -> Tensor:
    """How many of a place's pixels are of each class, of the shape and type of `logits` (B, C, h, w)."""
    batch, classes, height, width = logits.shape
    side = -(-labels.shape[-1] // width)
    beyond = (0, width * side - labels.shape[-1], 0, height * side - labels.shape[-2])
    padded = F.pad(labels, beyond, value=VOID)
    places = padded.reshape(batch, height, side, width, side).permute(0, 2, 4, 1, 3).flatten(1, 2)
    counts = [(places == id_).sum(1, dtype=torch.uint8) for id_ in range(classes)]
    return torch.stack(counts, 1).to(logits)
