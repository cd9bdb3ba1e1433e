"""Learning from other networks: what they make of a view is a softer truth, and one where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from rtseg.training import checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor


class Teachers:
    """Trained networks whose opinions are averaged, each on the view and on its mirror image."""

    def __init__(self, checkpoints: Sequence[Path], device: torch.device) -> None:
        """Load them.

        Raises:
            InputError: one cannot be read, or is no checkpoint of rtseg.
        """
        self._nets = [checkpoint.load(path).net.to(device).requires_grad_(False) for path in checkpoints]

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """What each class has of a pixel, (B, classes, H, W), of `images` (B, 3, H, W), uint8, RGB."""
        mirrored = images.flip(-1)
        opinions = [
            opinion
            for net in self._nets
            for opinion in (net(images).softmax(1), net(mirrored).softmax(1).flip(-1))
        ]
        return torch.stack(opinions).mean(0)


def distillation_loss(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teachers' probabilities, mean over pixels (Hinton et al. 2015).

    Both are (B, classes, H, W); every pixel counts, also where the truth is void.
    """
    return F.kl_div(logits.log_softmax(1), probabilities, reduction="none").sum(1).mean()
