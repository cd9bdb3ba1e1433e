"""All that going on with a training needs, in one file that is rewritten after each epoch."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import torch

from rtseg.errors import InputError
from rtseg.training.recipe import Epoch, recipe

if TYPE_CHECKING:
    from rtseg.training.learner import Learner
    from rtseg.training.recipe import TrainOptions

RESUME = "resume.pt"


def save_state(options: TrainOptions, learner: Learner, history: list[Epoch]) -> None:
    """Write all that going on after this epoch needs, whole or not at all."""
    partial = options.out / f".{RESUME}.part"
    epochs = [dataclasses.asdict(epoch) for epoch in history]
    torch.save({"recipe": recipe(options), "history": epochs, **learner.state()}, partial)
    os.replace(partial, options.out / RESUME)


def load_state(options: TrainOptions, learner: Learner) -> list[Epoch]:
    """Let the learner go on where `save_state` wrote; return the epochs done.

    Raises:
        InputError: there is no such file, or it belongs to another recipe.
    """
    path = options.out / RESUME
    if not path.is_file():
        raise InputError(f"{path}: there is nothing to resume. Leave --resume away to start.")
    state = torch.load(path, weights_only=True, map_location="cpu")
    differing = [name for name, value in recipe(options).items() if state["recipe"].get(name) != value]
    if differing:
        raise InputError(
            f"{path}: it was trained with another {', '.join(differing)}. Give the same, or another --out."
        )
    learner.go_on_from(state)
    return [Epoch(**fields) for fields in state["history"]]
