"""A recipe for training, and what is known after each epoch of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtseg.model import find_model
from rtseg.training import checkpoint
from rtseg.training.augment import Augmentation


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """One recipe. The defaults are those of the base that the shipped models began with.

    Together with the data they decide every weight.

    Attributes:
        data: the data folder.
        out: where the checkpoint, the curves and the state for resuming go.
        data_name: what the data is called; goes into the model file.
        data_licence: on which terms it may be used; likewise.
        splits: the splits to train on; "NAME/N" takes every Nth frame, for a split that is a film.
        validate: the split that is scored on the way, or None.
        net: one of `rtseg.training.nets.NETS`.
        encoder: "lite0", "lite1", "lite2", "plain", or "none" for the network that has none.
        init: a model whose weights training begins with: a shipped one's name, or an FP32 model file; None
            for the encoder's ImageNet weights, or none.
        epochs: passes over the data; the learning rate falls to nothing along them.
        batch: views a step.
        learning_rate: the highest, reached after the first epoch.
        encoder_rate: factor on the learning rate for what ImageNet's weights began.
        weight_decay: of AdamW.
        jaccard: how much of the soft Jaccard loss is added to the cross-entropy at the end; it grows from
            nothing, because while a rare class is never predicted this loss keeps it so.
        hardest: share of the pixels, the hardest, that the cross-entropy is of.
        soft_edges: whether labels fade into each other where they meet.
        at_edges: how much more than others a pixel counts in the cross-entropy where labels meet.
        deep_supervision: how much of what is wrong with the scores of the encoder's deepest maps is added.
        teachers: networks to learn from, beside the labels: checkpoints, shipped models' names, or FP32 model
            files.
        teaching: how much of the divergence from the teachers is added to the loss, where there are any.
        films: sources of frames without labels, on which the teachers alone are learnt from.
        size_hw: height and width that frames are brought to, pixels, as the model's input will be; None
            leaves them as they are, and so they are when teachers look.
        synthetic_share: share of synthetic frames among those seen.
        ema: decay a step of the averaged weights, which are what is kept; less in a short training.
        validate_every: epochs between scores.
        device: "cpu", "cuda", or "auto" for CUDA where torch has it.
        seed: of initialisation, order and augmentation.
        augmentation: how far views differ from frames.
    """

    data: Path
    out: Path
    data_name: str = "not stated"
    data_licence: str = "not stated"
    splits: tuple[str, ...] = ("train",)
    validate: str | None = "val"
    net: str = "unet"
    encoder: str = "lite0"
    init: str | None = None
    epochs: int = 250
    batch: int = 8
    learning_rate: float = 2e-3
    encoder_rate: float = 0.25
    weight_decay: float = 1e-2
    jaccard: float = 0.5
    hardest: float = 1.0
    soft_edges: bool = False
    at_edges: float = 0.0
    deep_supervision: float = 0.0
    teachers: tuple[str, ...] = ()
    teaching: float = 1.0
    films: tuple[str, ...] = ()
    size_hw: tuple[int, int] | None = None
    synthetic_share: float = 0.1
    ema: float = 0.998
    validate_every: int = 2
    device: str = "auto"
    seed: int = 0
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is known after an epoch; `miou` is None where it was not scored."""

    number: int
    loss: float
    learning_rate: float
    miou: float | None
    pixel_accuracy: float | None
    seconds: float


def recipe(options: TrainOptions) -> dict[str, Any]:
    """All options but the folders, JSON-ready; of other models their hashes, not their places."""
    fields = dataclasses.asdict(options)
    del fields["data"], fields["out"]
    if options.init is not None:
        fields["init"] = _model(options.init)
    fields["films"] = [Path(film).name for film in options.films]
    fields["teachers"] = [_teacher(teacher) for teacher in options.teachers]
    return fields


def _teacher(teacher: str) -> str:
    path = Path(teacher)
    return checkpoint.load(path).sha256[:16] if path.suffix == checkpoint.SUFFIX else _model(teacher)


def _model(name: str) -> str:
    model = find_model(name, "fp32", ())
    return f"{model.name} {model.sha256[:16]}"
