"""Refreshes what a shipped model's card can be told by its files: data, scores measured now, hashes.

python benchmarks/model_card.py rtseg-m --data ../shared/data/camvid

The rest of the card, engines/NAME/README.md, is written by a person, who knows how training went and where
the model fails.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from documents import refresh, table
from scores import scores_table

from rtseg.model import Model, engines_dir, shipped_models

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Replace the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    models = [model for model in shipped_models() if model.name == arguments.name]
    if not models:
        parser.error(f"{arguments.name}: no model of that name is shipped.")
    card = engines_dir() / arguments.name / "README.md"
    parts = {
        "facts": facts(models[0]),
        "scores": scores_table(arguments.data, "val", arguments.name),
        "ranges": ranges(arguments.name),
        "files": files(models),
    }
    refresh(card, parts)


def facts(model: Model) -> str:
    """What goes in, what comes out, what it was made from."""
    height, width = model.input_hw
    names = ", ".join(model.classes.names)
    told = (
        f"Version {model.version}. {width}×{height} in and out. Classes: {names}.",
        f"Trained on: {model.data}. Licence of the data: **{model.data_licence}**; so these weights may not "
        "be used commercially.",
    )
    return "\n\n".join(textwrap.fill(paragraph, 110) for paragraph in told)


def ranges(name: str) -> str:
    """Where the INT8 ranges come from."""
    report = json.loads((engines_dir().parent / "calib" / name / "report.json").read_text())
    return (
        f"INT8 ranges: {report['chosen']}, of {', '.join(report['methods'])}, from "
        f"{report['calibration']['frames']} frames of train (`calib/{name}/`)."
    )


def files(models: Sequence[Model]) -> str:
    """Sizes and hashes."""
    rows = [
        (model.path.name, f"{model.path.stat().st_size / 1e6:.2f}", f"`{model.sha256}`") for model in models
    ]
    return table(("file", "MB", "SHA-256"), rows)


if __name__ == "__main__":
    main()
