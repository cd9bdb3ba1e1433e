"""Learning from other networks: what they make of a frame is a softer truth, and one where there is none.

They look once at each whole frame, not at each view of it: with time to spare, so at two sizes and mirrored,
and a step then costs no more than without them. What they made of it is cut and tilted like the labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from rtseg.training import checkpoint
from rtseg.training.augment import OPINION_STRIDE
from rtseg.training.initial import network_of
from rtseg.training.nets.blocks import resize

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

SCALES = (1.0, 1.5)
"""Sizes at which a frame is looked at: what is thin is seen better at the larger."""


class Teachers:
    """Trained networks whose opinions are averaged, each on the frame and on its mirror image."""

    def __init__(self, teachers: Sequence[str], device: torch.device) -> None:
        """Load them: checkpoints, shipped models by their names, or FP32 model files of ours.

        Raises:
            InputError: a checkpoint cannot be read, or is none of rtseg.
            ModelError: there is no such model.
        """
        self._device = device
        self._nets = [_loaded(teacher).to(device).requires_grad_(False) for teacher in teachers]

    @torch.inference_mode()
    def opinion(
        self, image_rgb: NDArray[np.uint8], size_hw: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """What each class has of a place of `image_rgb` (H, W, 3): (⌈H/4⌉, ⌈W/4⌉, classes), in 255ths.

        With `size_hw` the places are those of the image at that size, though it is looked at as it is.
        """
        image = torch.from_numpy(image_rgb).permute(2, 0, 1)[None].to(self._device)
        height, width = image_rgb.shape[:2]
        rows, columns = size_hw or (height, width)
        small = -(-rows // OPINION_STRIDE), -(-columns // OPINION_STRIDE)
        found = [
            F.interpolate(probabilities, small, mode="area")
            for scale in SCALES
            for probabilities in self._views(
                resize(image.float(), (round(height * scale), round(width * scale)), "bilinear")
            )
        ]
        shares = torch.stack(found).mean(0)[0].permute(1, 2, 0)
        return (shares * 255).round().to(torch.uint8).cpu().numpy()

    def _views(self, image: Tensor) -> list[Tensor]:
        return [
            probabilities
            for net in self._nets
            for probabilities in (net(image).softmax(1), net(image.flip(-1)).softmax(1).flip(-1))
        ]


def _loaded(teacher: str) -> torch.nn.Module:
    path = Path(teacher)
    return checkpoint.load(path).net if path.suffix == checkpoint.SUFFIX else network_of(teacher)


def distillation_loss(logits: Tensor, opinions: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teachers' opinions, mean over places (Hinton et al. 2015).

    Args:
        logits: (B, classes, H, W).
        opinions: (B, h, w, classes), uint8, in 255ths; nothing but zeros where there is none, as beyond the
            frame. Places without a label count as much as others.
    """
    shares = opinions.permute(0, 3, 1, 2).float() / 255
    probabilities = F.interpolate(logits.softmax(1), shares.shape[-2:], mode="area")
    known = shares.sum(1)
    divergence = F.kl_div(probabilities.clamp(min=1e-6).log(), shares, reduction="none").sum(1)
    return (divergence * known).sum() / known.sum().clamp(min=1)
