"""Scores of a shipped model on one split: every precision on every installed backend, as a Markdown table.

    python benchmarks/scores.py --data ../shared/data/camvid --split val

The model card's figures come from here.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.backends import BACKENDS, backend_class
from rtseg.model import DEFAULT_MODEL, shipped_models
from rtseg.report import environment
from rtseg.training.data import LabelledFolder
from rtseg.training.evaluate import evaluate

if TYPE_CHECKING:
    from rtseg.training.confusion import ConfusionMatrix


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()

    models = [model for model in shipped_models() if model.name == arguments.model]
    names = [name for name in BACKENDS if name != "simulated" and backend_class(name).version()]
    columns = {}
    for model in models:
        for name in names:
            folder = LabelledFolder(arguments.data, arguments.split, model.classes)
            with backend_class(name)(model) as backend:
                columns[f"{model.precision} {name}"] = evaluate(backend, folder)

    facts = environment()
    versions = ", ".join(f"{name} {backend_class(name).version()}" for name in names)
    print(f"{arguments.model} on {arguments.split}, {len(folder)} frames. {facts['cpu']}, {versions}.\n")
    print("| class |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for label in models[0].classes.names:
        print(
            f"| {label} |",
            " | ".join(_figure(scores, label) for scores in columns.values()),
            "|",
        )
    print("| **mIoU** |", " | ".join(f"**{scores.miou():.4f}**" for scores in columns.values()), "|")
    accuracies = (f"{scores.pixel_accuracy():.4f}" for scores in columns.values())
    print("| pixel accuracy |", " | ".join(accuracies), "|")


def _figure(scores: ConfusionMatrix, label: str) -> str:
    """The class's IoU; a dash where it occurs in neither truth nor prediction."""
    iou = scores.iou()
    return f"{iou[label]:.3f}" if label in iou else "–"


if __name__ == "__main__":
    main()
