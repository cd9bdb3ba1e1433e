"""The curves of a training: one CSV and one picture, rewritten after each epoch."""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtseg.training.recipe import Epoch


def write(folder: Path, history: Sequence[Epoch]) -> None:
    """Write `curves.csv` and `curves.png` into `folder`."""
    with (folder / "curves.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(history[0])])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(epoch) for epoch in history)
    _plot(folder / "curves.png", history)


def _plot(path: Path, history: Sequence[Epoch]) -> None:
    from matplotlib.figure import Figure  # the class alone: no window system, no global state

    figure = Figure(figsize=(8, 4), layout="constrained")
    loss = figure.subplots()
    loss.plot([epoch.number for epoch in history], [epoch.loss for epoch in history], "C0", label="loss")
    loss.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    miou = loss.twinx()
    scored = [(epoch.number, epoch.miou) for epoch in history if epoch.miou is not None]
    miou.plot([number for number, _ in scored], [value for _, value in scored], "C1.-", label="mIoU")
    miou.set(ylabel="mIoU", ylim=(0, 1))
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=120)
