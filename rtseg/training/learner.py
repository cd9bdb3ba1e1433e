"""A network that learns, a batch at a time: loss, optimiser, averaged weights."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import torch

from rtseg.training.distil import distillation_loss
from rtseg.training.loss import class_weights, segmentation_loss
from rtseg.training.nets.encoders import Encoder
from rtseg.training.supervision import DeepHeads, thinned

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rtseg.training.nets import SegmentationNet
    from rtseg.training.recipe import TrainOptions
    from rtseg.training.samples import Samples

SHARE_AVERAGED = 0.05
"""Of all steps, so many averaged weights remember at most; a short training would average its beginning."""


class Learner:
    """Takes the steps of a training.

    Attributes:
        net: the network, moved to the device.
        averaged: the average of its weights over the latest steps, which is what is kept.
        steps_per_epoch: whole batches in an epoch.
        total: steps in all.
        rate: the learning rate of the last step.
    """

    def __init__(
        self, net: SegmentationNet, options: TrainOptions, samples: Samples, device: torch.device
    ) -> None:
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        self.net = net
        self.averaged = copy.deepcopy(net)
        self._deep = DeepHeads(net).to(device) if options.deep_supervision else None
        self._optimiser = torch.optim.AdamW(
            parameter_groups(net, self._deep, options), weight_decay=options.weight_decay
        )
        self.steps_per_epoch = samples.batches_per_epoch(options.batch)
        self.total = options.epochs * self.steps_per_epoch
        self.rate = 0.0
        self._options = options
        self._device = device
        self._weights = class_weights(samples.shares).to(device)
        self._longest_memory = 1 - 1 / max(SHARE_AVERAGED * self.total, 1)

    def learn(self, step: int, images: Tensor, labels: Tensor, *opinions: Tensor) -> float:
        """Take a step, counted from 0, with a batch of `Samples`; returns the loss."""
        options = self._options
        self.rate = learning_rate(step, self.steps_per_epoch, self.total, options.learning_rate)
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate * group["factor"]
        inputs = images.to(self._device, memory_format=torch.channels_last)
        truth = labels.to(self._device)
        shares = [opinion.to(self._device) for opinion in opinions]
        loss = self._loss(step, self.net(inputs), truth, shares)
        if self._deep is not None:
            coarse = thinned(truth)
            scores = self._deep.scores((coarse.shape[-2], coarse.shape[-1]))
            deep = torch.stack([self._loss(step, logits, coarse, shares) for logits in scores])
            loss = loss + options.deep_supervision * deep.mean()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        self._optimiser.step()
        average(self.averaged, self.net, min(options.ema, self._longest_memory, (step + 1) / (step + 10)))
        return loss.item()

    def _loss(self, step: int, logits: Tensor, truth: Tensor, opinions: list[Tensor]) -> Tensor:
        """What labels and teachers, if any, have against these scores."""
        options = self._options
        loss = segmentation_loss(
            logits,
            truth,
            self._weights,
            options.jaccard * step / self.total,
            hardest=options.hardest,
            soft_edges=options.soft_edges,
            at_edges=options.at_edges,
        )
        for opinion in opinions:
            loss = loss + options.teaching * distillation_loss(logits, opinion)
        return loss

    def state(self) -> dict[str, Any]:
        """All that going on after a step needs."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        parts = {"net": self.net, "averaged": self.averaged, "optimiser": self._optimiser}
        return parts if self._deep is None else {**parts, "deep": self._deep}


def parameter_groups(
    net: SegmentationNet, deep: DeepHeads | None, options: TrainOptions
) -> list[dict[str, Any]]:
    """What ImageNet's weights began and the rest, each with its factor on the learning rate."""
    encoders = [module for module in net.modules() if isinstance(module, Encoder) and module.from_imagenet]
    known = {value for encoder in encoders for value in encoder.parameters()}
    others = [value for value in net.parameters() if value not in known]
    others += deep.parameters() if deep is not None else []
    begun = [value for value in net.parameters() if value in known]
    return [{"params": begun, "factor": options.encoder_rate}, {"params": others, "factor": 1.0}]


def learning_rate(step: int, warm_up: int, total: int, highest: float) -> float:
    """Linear over `warm_up` steps, then a half cosine to nothing at `total`."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(total - warm_up, 1)))


@torch.no_grad()
def average(averaged: nn.Module, net: nn.Module, decay: float) -> None:
    """Move `averaged` towards `net`: weights and BatchNorm statistics by 1 − decay, counters at once."""
    pairs = list(zip(averaged.state_dict().values(), net.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    counters = [pair for pair in pairs if not pair[0].is_floating_point()]
    torch._foreach_lerp_([kept for kept, _ in floats], [current for _, current in floats], 1 - decay)
    torch._foreach_copy_([kept for kept, _ in counters], [current for _, current in counters])
