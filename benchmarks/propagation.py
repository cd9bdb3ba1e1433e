"""What moving labels along the optical flow is worth: labelled film, only every nth frame inferred.

python benchmarks/propagation.py ../shared/data/camvid

Takes CamVid's val split, a labelled film at 15 Hz, and the shipped int8 model on OpenVINO. Prints the mIoU of
the labels that would be shown, moved and held, as a Markdown table; then the same with the true labels of the
inferred frames in place of the model's; then what a step costs.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.backends import backend_for
from rtseg.picture import plane_view
from rtseg.report import environment
from rtseg.sources.drive import picture_from_rgb
from rtseg.stages.motion import Motion
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Labels = NDArray[np.uint8]

EVERY = {1: "every frame", 2: "every 2nd", 3: "every 3rd", 5: "every 5th"}
TIMED_SIZE = (1280, 720)
TIMED_STEPS = 100


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    backend = backend_for("openvino", None, "int8")
    folder = LabelledFolder(arguments.data, arguments.split, backend.model.classes)
    check_is_film(folder)
    images, truths = zip(*(folder.read(index) for index in range(len(folder))), strict=True)
    with backend:
        inferred = [backend.infer(resized(image, backend.model.input_hw, cv2.INTER_AREA)) for image in images]
        facts = environment(backend.name, backend.version())
    motion = Motion(memory=len(images))
    for index, image in enumerate(images):
        motion.add(index, picture_from_rgb(image))
    print(
        f"{facts['cpu']}, rtseg {facts['rtseg']}, OpenVINO {facts['backend_version']}, OpenCV "
        f"{cv2.__version__}; {backend.model.name} int8, {folder.split}, {len(folder)} frames\n"
    )
    for title, labels in (("model's labels", inferred), ("true labels", truths)):
        print(table(title, motion, labels, truths, folder))
    print(timing(images))


def check_is_film(folder: LabelledFolder) -> None:
    """Stop if the names do not count up in equal steps: then the images are not one film."""
    numbers = [int(re.findall(r"\d+", path.stem)[-1]) for path in folder.image_paths]
    if len(set(np.diff(numbers))) != 1:
        raise SystemExit(f"{folder.root}: the images of {folder.split} are not one film without gaps")


def table(
    title: str, motion: Motion, labels: Sequence[Labels], truths: Sequence[Labels], folder: LabelledFolder
) -> str:
    """Rows for every n: held and moved, over all frames and over those that were not inferred."""
    lines = [
        f"| {title}, inferred | held, all | propagated, all | held, others | propagated, others | refused |",
        "|---|---|---|---|---|---|",
    ]
    for every, name in EVERY.items():
        scores = {}
        refused = 0
        for fate in ("held", "propagated"):
            whole, others = ConfusionMatrix(folder.classes), ConfusionMatrix(folder.classes)
            # Every phase: which frames are the inferred ones is chance.
            for phase in range(every):
                for index in range(phase, len(labels)):
                    age = (index - phase) % every
                    ids: Labels | None = labels[index - age]
                    if fate == "propagated" and age:
                        ids = motion.moved(labels[index - age], index - age, index)
                        refused += ids is None
                    count(whole, truths[index], labels[index - age] if ids is None else ids)
                    if age:
                        count(others, truths[index], labels[index - age] if ids is None else ids)
            scores[fate, "all"], scores[fate, "others"] = whole.miou(), others.miou()
        cells = [
            "–" if np.isnan(scores[fate, which]) else f"{scores[fate, which]:.4f}"
            for which in ("all", "others")
            for fate in ("held", "propagated")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {refused} |")
    return "\n".join(lines) + "\n"


def count(confusion: ConfusionMatrix, truth: Labels, ids: Labels) -> None:
    """Count one frame; where true labels that were moved say void, there is nothing to compare."""
    shown = resized(ids, truth.shape, cv2.INTER_NEAREST)
    void = len(confusion.classes)
    is_void = shown >= void
    confusion.add(np.where(is_void, np.uint8(void), truth), np.where(is_void, np.uint8(0), shown))


def timing(images: Sequence[Labels]) -> str:
    """CPU time of both calls on one thread, pictures of `TIMED_SIZE`."""
    pictures = [picture_from_rgb(resized(image, TIMED_SIZE[::-1], cv2.INTER_LINEAR)) for image in images[:20]]
    ids = np.zeros((360, 480), np.uint8)
    motion = Motion()
    begun = time.thread_time()
    for index in range(TIMED_STEPS):
        motion.add(index, pictures[index % len(pictures)])
    added = time.thread_time() - begun
    begun = time.thread_time()
    for index in range(TIMED_STEPS - 1):
        motion.moved(ids, index, index + 1)
    moved = time.thread_time() - begun
    luma = plane_view(pictures[0], 0).shape
    return (
        f"`add`, {luma[1]}×{luma[0]}: {added / TIMED_STEPS * 1e3:.2f} ms of CPU a frame; "
        f"`moved`, 480×360 labels, one step: {moved / (TIMED_STEPS - 1) * 1e3:.2f} ms"
    )


def resized(image: Labels, shape_hw: Sequence[int], interpolation: int) -> Labels:
    """The image, at another size if it has not that one already."""
    if image.shape[:2] == tuple(shape_hw[:2]):
        return image
    return np.asarray(cv2.resize(image, (shape_hw[1], shape_hw[0]), interpolation=interpolation), np.uint8)


if __name__ == "__main__":
    main()
