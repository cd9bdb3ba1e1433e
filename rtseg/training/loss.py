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


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor, jaccard: float) -> Tensor:
    """Mean loss of a batch, a scalar.

    Args:
        logits: (B, C, H, W).
        labels: (B, H, W), int64; ids of C and above are void and left out.
        weights: (C,), of the classes in the cross-entropy.
        jaccard: how much of the soft Jaccard loss is added.
    """
    known = labels < logits.shape[1]
    if not known.any():
        return logits.sum() * 0
    target = labels.where(known, torch.full_like(labels, -100))
    entropy = F.cross_entropy(logits, target, weights, ignore_index=-100)
    if jaccard == 0:
        return entropy
    return entropy + jaccard * soft_jaccard_loss(logits, target, known)


def soft_jaccard_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """1 − the mean over present classes of Σpt / (Σp + Σt − Σpt), over the batch (Rahman & Wang 2016)."""
    probability = logits.softmax(dim=1) * known.unsqueeze(1)  # (B, C, H, W)
    classes = torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
    true = target.unsqueeze(1) == classes  # (B, C, H, W)
    hits = (probability * true).sum(dim=(0, 2, 3))
    truth = true.sum(dim=(0, 2, 3))
    union = probability.sum(dim=(0, 2, 3)) + truth - hits
    present = truth > 0
    return 1 - (hits[present] / union[present]).mean()
