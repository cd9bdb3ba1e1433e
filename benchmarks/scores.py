"""Scores of a shipped model on one split: every precision on the CPU runtimes, as a Markdown table.

python benchmarks/scores.py --data ../shared/data/camvid --split val
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from documents import table

from rtseg.backends import backend_class
from rtseg.model import DEFAULT_MODEL, shipped_models
from rtseg.report import environment
from rtseg.training.data import LabelledFolder
from rtseg.training.evaluate import evaluate

if TYPE_CHECKING:
    from rtseg.training.confusion import ConfusionMatrix

RUNTIMES = ("openvino", "onnxruntime")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    print(scores_table(arguments.data, arguments.split, arguments.model))


def scores_table(data: Path, split: str, name: str) -> str:
    """Evaluate the model called `name` and lay the scores out, machine and versions above them."""
    models = [model for model in shipped_models() if model.name == name]
    folder = LabelledFolder(data, split, models[0].classes)
    columns = {}
    for model in models:
        for runtime in RUNTIMES:
            with backend_class(runtime)(model) as backend:
                columns[f"{model.precision} {runtime}"] = evaluate(backend, folder).confusion
    versions = ", ".join(f"{runtime} {backend_class(runtime).version()}" for runtime in RUNTIMES)
    rows = [
        *(
            (label, *(_figure(scores, label) for scores in columns.values()))
            for label in models[0].classes.names
        ),
        ("**mIoU**", *(f"**{scores.miou():.4f}**" for scores in columns.values())),
        ("pixel accuracy", *(f"{scores.pixel_accuracy():.4f}" for scores in columns.values())),
    ]
    told = f"{split}, {len(folder)} frames; {environment()['cpu']}, {versions}."
    return f"{told}\n\n{table(('class', *columns), rows)}"


def _figure(scores: ConfusionMatrix, label: str) -> str:
    """The class's IoU; a dash where it occurs in neither truth nor prediction."""
    iou = scores.iou()
    return f"{iou[label]:.3f}" if label in iou else "–"


if __name__ == "__main__":
    main()
