"""The article's networks, trained alike, quantised and compared: the figures and pictures of docs/family.md.

python benchmarks/family.py ../shared/data/camvid CLIP [--epochs 10] [--only NET ...] [--costs]

For each network: trained on train with one recipe and budget, exported, quantised, both files scored on val
by OpenVINO. A training that was interrupted goes on where it was (runs/family/NET); what is known of a
network is kept as docs/family/NET.json, with its labels of three frames as NET.png, and not made again while
the file is there.

Then, with --costs or where costs.json is not there: what each costs at INT8, all in turns in one run, on
files of untrained weights, which cost the same. Last, the page's tables, the plots and sheet.png are made
from what is there. Needs the packages of training and matplotlib.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from family_costs import measure_costs
from family_page import write_page

from rtseg.backends import backend_for
from rtseg.classes import CAMVID
from rtseg.report import environment
from rtseg.training import checkpoint
from rtseg.training.augment import Augmentation
from rtseg.training.data import LabelledFolder
from rtseg.training.evaluate import evaluate
from rtseg.training.export import export_model
from rtseg.training.nets import NETS, encoders_of, macs, parameter_count
from rtseg.training.quantize import quantize_model
from rtseg.training.recipe import TrainOptions
from rtseg.training.state import RESUME
from rtseg.training.train import train

if TYPE_CHECKING:
    from rtseg.training.recipe import Epoch

CROP_HW = (240, 320)
"""Smaller views than the shipped recipe's: half the time a step."""
CALIBRATION_FRAMES = 64
SHOWN = (10, 50, 90)
"""Frames of val whose labels are kept as a picture."""


def main() -> None:
    """Make what is missing, then write the page's parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("clip")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=NETS, default=NETS, metavar="NET")
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("docs/family"))
    parser.add_argument("--runs", type=Path, default=Path("runs/family"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for net in arguments.only:
        if not (arguments.out / f"{net}.json").is_file():
            options = options_for(net, arguments)
            keep(learn(options), arguments.data, arguments.out / net)
    costs = arguments.out / "costs.json"
    if arguments.costs or not costs.is_file():
        costs.write_text(json.dumps(measure_costs(arguments.data, arguments.clip), indent=1) + "\n")
    write_page(arguments.out)


def options_for(net: str, arguments: argparse.Namespace) -> TrainOptions:
    """The one recipe: the shipped model's, with smaller views and fewer epochs."""
    return TrainOptions(
        data=arguments.data,
        out=arguments.runs / net,
        net=net,
        encoder=encoders_of(net)[0],
        epochs=arguments.epochs,
        validate_every=arguments.epochs,
        device=arguments.device,
        augmentation=Augmentation(crop_hw=CROP_HW),
    )


def learn(options: TrainOptions) -> Path:
    """Train, or go on with it; a finished training only gives its checkpoint."""

    def tell(epoch: Epoch) -> None:
        print(
            f"{options.net}: epoch {epoch.number}, {epoch.seconds:.0f} s, mIoU {epoch.miou}", file=sys.stderr
        )

    return train(options, resume=(options.out / RESUME).is_file(), on_epoch=tell)


def keep(trained: Path, data: Path, out: Path) -> None:
    """Export, quantise and score a network; write what is known of it."""
    fp32, int8 = (trained.with_name(f"{precision}.onnx") for precision in ("fp32", "int8"))
    held_out, frames = LabelledFolder(data, "val", CAMVID), LabelledFolder(data, "train", CAMVID)
    export_model(trained, fp32, precision="fp32", data=held_out)
    quantize_model(
        fp32,
        int8,
        data=frames,
        holdout=held_out,
        calib_dir=trained.parent / "calib",
        frames=CALIBRATION_FRAMES,
    )
    found = checkpoint.load(trained)
    known = {
        "net": found.description["net"],
        "encoder": found.description["encoder"],
        "parameters": parameter_count(found.net),
        "gmacs": round(macs(found.net, (360, 480)) / 1e9, 3),
        "epochs": found.description["epochs_done"],
        "seconds": round(found.description["seconds"]),
        "device": found.description["device"],
        "versions": found.description["versions"],
        "fp32": scores_of(fp32, held_out),
        "int8": scores_of(int8, held_out),
        "environment": environment("openvino"),
    }
    cv2.imwrite(str(out.with_suffix(".png")), picture_of(int8, held_out))
    out.with_suffix(".json").write_text(json.dumps(known, indent=1) + "\n")
    print(f"{out.name}: {known['int8']['miou']:.4f}", file=sys.stderr)


def scores_of(model: Path, folder: LabelledFolder) -> dict[str, Any]:
    """What a file scores, in OpenVINO."""
    with backend_for("openvino", str(model), "auto", None) as backend:
        counted = evaluate(backend, folder)
    return {
        "miou": round(counted.confusion.miou(), 4),
        "boundary_miou": round(counted.boundaries.miou(), 4),
        "iou": {name: round(iou, 4) for name, iou in counted.confusion.iou().items()},
        "boundary_iou": {name: round(iou, 4) for name, iou in counted.boundaries.iou().items()},
    }


def picture_of(model: Path, folder: LabelledFolder) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Labels of the `SHOWN` frames beside each other, in colour, BGR."""
    palette_bgr = np.array(CAMVID.palette_rgb, np.uint8)[:, ::-1]
    with backend_for("openvino", str(model), "auto", None) as backend:
        shown = [palette_bgr[backend.infer(folder.read(index)[0])] for index in SHOWN]
    return np.hstack(shown)


if __name__ == "__main__":
    main()
