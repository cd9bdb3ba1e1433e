"""What the shipped models would be on a drive that none of their steps has seen: a table of docs/levers.md.

python benchmarks/unseen.py ../shared/data/camvid --film CLIP ... [--hold-out 0006R0 ...] [--epochs 100]

A drive of train is left out and scored, frames are at full size, and each step is `rtseg train` with the
recipe beside the shipped model; `--epochs` is for the base alone, of which the recipe has 250. Minutes a
drive on a GPU, hours on a CPU. A training that was interrupted goes on where it was (runs/unseen); what is
known is kept in docs/unseen, a file a drive, and not made again. Drives can be trained side by side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from documents import refresh, table
from levers import DRIVES, RARE, lay_out

from rtseg.model import find_model
from rtseg.training.state import RESUME
from rtseg.training.train import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL_HW = (360, 480)
STEPS = {
    "base": ("rtseg-m/base.json", None),
    "rtseg-m": ("rtseg-m/recipe.json", "base"),
    "rtseg-s": ("rtseg-s/recipe.json", "rtseg-m"),
}
"""By name: its recipe, and the step that it begins with and learns from."""
KNOWN, PAGE = Path("docs/unseen"), Path("docs/levers.md")


def main() -> None:
    """Train and score what is missing; fill the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--film", dest="films", action="append", default=[], metavar="SOURCE")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--hold-out", nargs="+", choices=DRIVES, default=DRIVES)
    parser.add_argument("--runs", type=Path, default=Path("runs/unseen"))
    arguments = parser.parse_args()
    for drive in arguments.hold_out:
        if not file_of(drive).is_file():
            models = learn(arguments.data, drive, arguments.runs / drive, arguments.films, arguments.epochs)
            keep(drive, models)
    refresh(PAGE, {"unseen": overview()})
    print(overview())


def learn(source: Path, drive: str, runs: Path, films: Sequence[str], epochs: int) -> dict[str, Path]:
    """Train and export each step that is not there yet, without that drive; its model file, by step."""
    models = {step: runs / step / "fp32.onnx" for step in STEPS}
    with tempfile.TemporaryDirectory() as data:
        lay_out(source, Path(data), drive, FULL_HW)
        for step, model in models.items():
            if not model.is_file():
                recipe, begun = STEPS[step]
                more = ["--epochs", str(epochs)] if begun is None else taught_by(models[begun], films)
                more += ["--resume"] if (model.parent / RESUME).is_file() else []
                train = ["train", "--recipe", f"engines/{recipe}", "--data", data, "--split", "train"]
                rtseg(*train, "--validate", "none", "--out", str(model.parent), *more)
                trained = str(model.parent / CHECKPOINT)
                rtseg("export", trained, "--data", data, "--split", "held", "--out", str(model))
    return models


def taught_by(model: Path, films: Sequence[str]) -> list[str]:
    """The options with which a step begins with a model and learns from it, on films as well."""
    films_too = [text for film in films for text in ("--film", film)]
    return ["--init", str(model), "--teacher", str(model), *films_too]


def rtseg(*words: str) -> None:
    """Run a command of ours as a user would; what it refuses ends this script, too."""
    code = subprocess.run([sys.executable, "-m", "rtseg", *words], check=False).returncode
    if code:
        raise SystemExit(code)


def file_of(drive: str) -> Path:
    """Where what is known of a drive is kept."""
    return KNOWN / f"{drive}.json"


def keep(drive: str, models: dict[str, Path]) -> None:
    """Write down what the steps' models scored on the drive that was left out."""
    scores = {step: find_model(str(path), "fp32", ()).scores for step, path in models.items()}
    known = {step: {"miou": found["miou"], "iou": found["iou"]} for step, found in scores.items()}
    KNOWN.mkdir(exist_ok=True)
    file_of(drive).write_text(json.dumps(known, indent=1) + "\n")


def overview() -> str:
    """A row for each step: mIoU by drive, and the mean over drives of all and of rare classes."""
    known: dict[str, Any] = {
        drive: json.loads(file_of(drive).read_text()) for drive in DRIVES if file_of(drive).is_file()
    }
    rows = []
    for step in STEPS:
        found = [known[drive][step] for drive in known]
        rare = [each["iou"][label] for each in found for label in RARE if label in each["iou"]]
        miou = [each["miou"] for each in found]
        figures = (*miou, statistics.mean(miou), statistics.mean(rare))
        rows.append((step, *(f"{figure:.3f}" for figure in figures)))
    return table(("step", *known, "mean", "mean, rare classes"), rows)


if __name__ == "__main__":
    main()
