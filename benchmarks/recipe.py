"""What a part of the recipe gives on a drive that was not seen: variants trained briefly, a Markdown table.

python benchmarks/recipe.py --data ../shared/data/camvid --hold-out 0006R0 [--epochs 8] [VARIANT ...]

Val goes on where a drive of train ends, so it flatters what remembers. Here the frames of train whose names
begin with --hold-out are left out and scored besides val. Without VARIANT all are trained, one after the
other; one whose checkpoint is there already (runs/recipe/VARIANT) is only scored.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

from rtseg.classes import CAMVID
from rtseg.report import environment
from rtseg.training import checkpoint
from rtseg.training.data import LabelledFolder
from rtseg.training.recipe import TrainOptions
from rtseg.training.train import CHECKPOINT, score, train

RUNS = Path("runs/recipe")
SCORED = ("held", "val")


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hold-out", required=True, metavar="PREFIX")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        lay_out(arguments.data.resolve(), data, arguments.hold_out)
        variants = recipes(TrainOptions(data=data, out=RUNS, validate=None, epochs=arguments.epochs))
        print(f"{arguments.epochs} epochs without {arguments.hold_out}; {environment()['cpu']}.\n")
        print(f"| variant | {' | '.join(f'{split} mIoU | {split} rare mIoU' for split in SCORED)} |")
        print("|---" * (1 + 2 * len(SCORED)) + "|")
        for name in arguments.variants or variants:
            path = RUNS / name / CHECKPOINT
            if not path.is_file():
                train(dataclasses.replace(variants[name], out=path.parent))
            print(row(name, path, data), flush=True)


def recipes(base: TrainOptions) -> dict[str, TrainOptions]:
    """The shipped recipe, and it with one part taken away or changed."""
    anywhere = dataclasses.replace(base.augmentation, rare_share=0.0)
    spoilt = dataclasses.replace(base.augmentation, spoilt_share=0.25)
    unpasted = dataclasses.replace(base.augmentation, paste_share=0.0)
    return {
        "shipped": base,
        "anywhere": dataclasses.replace(base, augmentation=anywhere),
        "unpasted": dataclasses.replace(base, augmentation=unpasted),
        "spoilt": dataclasses.replace(base, augmentation=spoilt),
        "entropy": dataclasses.replace(base, jaccard=0.0),
    }


def lay_out(source: Path, data: Path, prefix: str) -> None:
    """Links in `data` to the frames of `source`: train without `prefix`, held with it only, and val."""
    for kind in ("", "annot"):
        for split in ("train", *SCORED):
            (data / f"{split}{kind}").mkdir()
        for path in (source / f"train{kind}").glob("*.png"):
            split = "held" if path.name.startswith(prefix) else "train"
            (data / f"{split}{kind}" / path.name).symlink_to(path)
        for path in (source / f"val{kind}").glob("*.png"):
            (data / f"val{kind}" / path.name).symlink_to(path)


def row(name: str, path: Path, data: Path) -> str:
    """The scores of one checkpoint: all classes, and the rare and thin ones, on each split."""
    net = checkpoint.load(path).net
    cells = [name]
    for split in SCORED:
        scores = score(net, LabelledFolder(data, split, CAMVID))
        iou = scores.iou()
        rare = [iou[label] for label in ("pole", "sign", "fence", "pedestrian", "bicyclist") if label in iou]
        cells += [f"{scores.miou():.3f}", f"{sum(rare) / len(rare):.3f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
