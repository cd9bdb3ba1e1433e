"""What each part of a recipe gives on a drive that was not seen: the table of docs/levers.md.

python benchmarks/levers.py ../shared/data/camvid --film CLIP ... [--hold-out 0006R0 ...] [--only LEVER ...]

Val goes on where a drive of train ends, so it flatters what remembers. Here a drive of train is left out and
scored. The U-Net is trained briefly on pictures of 240×180: first plainly, then with one lever at a time,
then with those of the shipped recipes, and with one more. Who teaches has not seen that drive either. A
training that was interrupted goes on where it was (runs/levers); what is known is kept in docs/levers.json
and not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from documents import refresh, table

from rtseg.classes import CAMVID
from rtseg.report import environment
from rtseg.training import checkpoint
from rtseg.training.augment import Augmentation
from rtseg.training.data import LabelledFolder, image_at, labels_at
from rtseg.training.recipe import TrainOptions
from rtseg.training.state import RESUME
from rtseg.training.train import CHECKPOINT, score, train

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DRIVES = ("0001TP", "0006R0", "0016E5")
"""What the names of a drive's frames begin with."""
RARE = ("pole", "sign", "fence", "pedestrian", "bicyclist")
SIZE_HW, CROP_HW = (180, 240), (128, 160)
TEACHERS = ("lite2", "lite1")
"""The levers whose networks teach in others: the first alone, or both."""
PLAIN = Augmentation(
    crop_hw=CROP_HW, scale=(1.0, 1.0), rotation_deg=0.0, light=0.0, hue=0.0, rare_share=0.0, paste_share=0.0
)
"""A place in the picture, and whether it is mirrored."""
KNOWN, PAGE = Path("docs/levers.json"), Path("docs/levers.md")

Known = dict[str, dict[str, dict[str, float]]]
"""By drive and lever: miou and rare, fractions of 1."""


def main() -> None:
    """Train and score what is missing; fill the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--film", dest="films", action="append", default=[], metavar="SOURCE")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hold-out", nargs="+", choices=DRIVES, default=DRIVES)
    parser.add_argument("--only", nargs="+", metavar="LEVER")
    parser.add_argument("--runs", type=Path, default=Path("runs/levers"))
    arguments = parser.parse_args()
    known: Known = json.loads(KNOWN.read_text()) if KNOWN.is_file() else {}
    for drive in arguments.hold_out:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            lay_out(arguments.data, data, drive, SIZE_HW)
            plain = TrainOptions(
                data=data, out=arguments.runs / drive, validate=None, epochs=arguments.epochs, jaccard=0.0,
                ema=0.0, synthetic_share=0.0, augmentation=PLAIN,
            )  # fmt: skip
            found, levers = known.setdefault(drive, {}), recipes(plain, arguments.films)
            for lever, options in levers.items():
                if lever not in found and (not arguments.only or lever in arguments.only):
                    for teacher in TEACHERS[: len(options.teachers)]:
                        if teacher not in found or not (levers[teacher].out / CHECKPOINT).is_file():
                            learn(levers[teacher])
                    found[lever] = scores_of(learn(options), data)
                    print(drive, lever, found[lever], file=sys.stderr)
                    KNOWN.write_text(json.dumps(known, indent=1) + "\n")
    found_so_far = overview(known, levers)
    refresh(PAGE, {"levers": found_so_far, "machine": f"{arguments.epochs} epochs; {environment()['cpu']}."})
    print(found_so_far)


def recipes(plain: TrainOptions, films: Sequence[str]) -> dict[str, TrainOptions]:
    """The plain recipe, it with one lever each, with those of the shipped recipes, and with one more."""
    teachers = tuple(str(plain.out / lever / CHECKPOINT) for lever in TEACHERS)
    views: dict[str, dict[str, Any]] = {
        "scale": {"scale": (0.6, 2.0)},
        "tilt": {"rotation_deg": 4.0},
        "light": {"light": 0.3, "hue": 0.1},
        "rare": {"rare_share": 0.5},
        "paste": {"paste_share": 0.4},
        "spoilt": {"spoilt_share": 0.1},
        "cutout": {"cutout_share": 0.5},
    }
    parts: dict[str, dict[str, Any]] = {
        "jaccard": {"jaccard": 0.5},
        "hardest": {"hardest": 0.3},
        "soft edges": {"soft_edges": True},
        "at edges": {"at_edges": 2.0},
        "deep": {"deep_supervision": 0.4},
        "averaged": {"ema": 0.998},
        "synthetic": {"synthetic_share": 0.1},
        "longer": {"epochs": 3 * plain.epochs},
        "lite1": {"encoder": "lite1"},
        "lite2": {"encoder": "lite2"},
        "teacher": {"teachers": teachers[:1]},
        "two teachers": {"teachers": teachers},
        "films": {"teachers": teachers[:1], "films": tuple(films)},
        "summed skips": {"net": "unet-sum"},
    }
    found = {"plain": plain}
    for lever, change in views.items():
        found[lever] = dataclasses.replace(plain, augmentation=dataclasses.replace(PLAIN, **change))
    for lever, change in parts.items():
        found[lever] = dataclasses.replace(plain, **change)
    usual = TrainOptions(plain.data, plain.out)
    found["shipped"] = dataclasses.replace(
        plain,
        augmentation=dataclasses.replace(usual.augmentation, crop_hw=CROP_HW),
        **{name: getattr(usual, name) for name in ("jaccard", "ema", "synthetic_share")},
    )
    found["shipped, longer"] = longer = dataclasses.replace(found["shipped"], **parts["longer"])
    for lever in ("hardest", "at edges"):
        found[f"shipped, longer, {lever}"] = dataclasses.replace(longer, **parts[lever])
    return {lever: dataclasses.replace(each, out=plain.out / lever) for lever, each in found.items()}


def lay_out(source: Path, data: Path, drive: str, size_hw: tuple[int, int]) -> None:
    """Write train's frames at that size to `data`: as `held` those of the drive, as `train` the others."""
    folder = LabelledFolder(source, "train", CAMVID)
    for split in ("train", "held"):
        (data / split).mkdir()
        (data / f"{split}annot").mkdir()
    for index, path in enumerate(folder.image_paths):
        image, ids = folder.read(index)
        split = "held" if path.name.startswith(drive) else "train"
        image_bgr = cv2.cvtColor(image_at(image, size_hw), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(data / split / path.name), image_bgr)
        cv2.imwrite(str(data / f"{split}annot" / path.name), labels_at(ids, size_hw))


def learn(options: TrainOptions) -> Path:
    """Train, or go on with it."""
    return train(options, resume=(options.out / RESUME).is_file())


def scores_of(path: Path, data: Path) -> dict[str, float]:
    """What a checkpoint scores on the drive that it has not seen: all classes, and the rare and thin ones."""
    scores = score(checkpoint.load(path).net, LabelledFolder(data, "held", CAMVID))
    iou = scores.iou()
    rare = statistics.mean(iou[label] for label in RARE if label in iou)
    return {"miou": round(scores.miou(), 4), "rare": round(rare, 4)}


def overview(known: Known, levers: Iterable[str]) -> str:
    """A row for each lever: mIoU by drive, and in the mean the difference to the plain recipe's."""
    drives = [drive for drive in DRIVES if drive in known]
    rows = []
    for lever in levers:
        if any(lever not in known[drive] for drive in drives):
            continue
        gains = [
            statistics.mean(known[drive][lever][kind] - known[drive]["plain"][kind] for drive in drives)
            for kind in ("miou", "rare")
        ]
        by_drive = (f"{known[drive][lever]['miou']:.3f}" for drive in drives)
        rows.append((lever, *by_drive, *(f"{100 * gain:+.1f}" for gain in gains)))
    return table(("lever", *drives, "points", "points, rare classes"), rows)


if __name__ == "__main__":
    main()
