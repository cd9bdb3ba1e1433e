"""What training minimises: weighted cross-entropy, plus a soft form of the score that is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def class_weights(shares: NDArray[np.float64]) -> Tensor:
    """Weights (classes,), float32, 1 / ln(1.1 + share of pixels) (Paszke et al. 2016, with 1.1 for 1.02)."""
    return torch.from_numpy((1 / np.log(1.1 + shares)).astype(np.float32))


def segmentation_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    jaccard: float,
    *,
    hardest: float = 1.0,
    soft_edges: bool = False,
    at_edges: float = 0.0,
) -> Tensor:
    """Mean loss of a batch over its pixels, a scalar.

    Args:
        logits: (B, C, H, W).
        labels: (B, H, W), uint8; ids of C and above are void and left out.
        weights: (C,), of the classes in the cross-entropy.
        jaccard: how much of the soft Jaccard loss is added.
        hardest: share of the labelled pixels that the cross-entropy is of, those where it is highest
            (Shrivastava et al. 2016).
        soft_edges: whether a pixel is of each class by its share of the 3×3 pixels around it.
        at_edges: how much more than others a pixel counts in the cross-entropy where there is another class
            among those 3×3 (a form of the boundary weights of Ronneberger et al. 2015).
    """
    truth = one_hot(labels, logits)
    if not truth.any():
        return logits.sum() * 0
    around = softened(truth) if soft_edges or at_edges else truth
    weighted = weights.view(1, -1, 1, 1) * (around if soft_edges else truth)
    if at_edges:
        weighted = weighted * (1 + at_edges * (around.amax(1, keepdim=True) < 0.999))
    likelihoods = logits.log_softmax(dim=1)
    wrong, weight = -(weighted * likelihoods).sum(1), weighted.sum(1)
    counted = hardest_of(wrong, weight > 0, hardest) if hardest < 1 else slice(None)
    entropy = wrong[counted].sum() / weight[counted].sum()
    if jaccard == 0:
        return entropy
    return entropy + jaccard * soft_jaccard_loss(likelihoods.exp(), truth)


def hardest_of(wrong: Tensor, known: Tensor, share: float) -> Tensor:
    """Which of the `known` pixels have the highest `share` of `wrong`; all three (B, H, W) but the share."""
    count = max(1, round(share * int(known.sum())))
    least = wrong[known].detach().topk(count, sorted=False).values.min()
    return known & (wrong >= least)


def softened(truth: Tensor) -> Tensor:
    """One-hot labels (B, C, H, W) averaged over 3×3 labelled pixels; nothing where there was no label."""
    known = truth.sum(1, keepdim=True)
    around = F.avg_pool2d(truth, 3, 1, 1)
    return around / around.sum(1, keepdim=True).clamp(min=1e-6) * known


def soft_jaccard_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    """1 − the mean over present classes of Σpt / (Σp + Σt − Σpt), over the batch (Rahman & Wang 2016).

    Both are (B, C, H, W); `truth` is one-hot, nothing where there is no label.
    """
    present = truth.sum((0, 2, 3))
    hits = (probabilities * truth).sum((0, 2, 3))
    union = (probabilities * truth.sum(1, keepdim=True)).sum((0, 2, 3)) + present - hits
    return 1 - (hits[present > 0] / union[present > 0]).mean()


def one_hot(labels: Tensor, logits: Tensor) -> Tensor:
    """Whether a pixel is of a class, 0 or 1, of the shape and type of `logits` (B, C, H, W)."""
    return torch.stack([labels == id_ for id_ in range(logits.shape[1])], 1).to(logits)
