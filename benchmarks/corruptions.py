"""How well the shipped model holds in bad pictures: a Markdown table of mIoU relative to clean ones.

python benchmarks/corruptions.py ../shared/data/camvid [--split val] [--model M] [--sheet sheet.png]

Noise of the sensor, blur of the lens, fog, darkness, glare, JPEG and rain, at five strengths each, on
labelled images at the model's size, as in Hendrycks and Dietterich 2019, and Kamann and Rother 2020 for
segmentation; with parameters of our own, which are in this file. Fog thickens with distance, for which the
row stands: far is at the horizon, taken to lie at two fifths of the height. Every image has its own random
numbers, the same in each run. --sheet draws one frame under all of them, with its labels, to be looked at.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.backends import backend_for
from rtseg.report import cores, environment
from rtseg.training.augment import compressed
from rtseg.training.confusion import ConfusionMatrix
from rtseg.training.data import LabelledFolder, labels_at
from rtseg.training.judge import images

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rtseg.backends.base import Backend

    Image = NDArray[np.uint8]
    Corruption = Callable[[Image, np.random.Generator], Image]

HORIZON = 0.4
SHEET_FRAME = 50


def noise(image: Image, rng: np.random.Generator, *, sigma: float) -> Image:
    """Gaussian noise of so many levels."""
    return levels(image + rng.normal(0, sigma, image.shape))


def blur(image: Image, _rng: np.random.Generator, *, sigma: float) -> Image:
    """A lens out of focus, by so many pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def fog(image: Image, _rng: np.random.Generator, *, density: float) -> Image:
    """White by distance; at the horizon exp(-density) of the picture is left."""
    rows = np.linspace(0, 1, len(image))
    nearness = np.clip((rows - HORIZON) / (1 - HORIZON), 0, 1)
    left = np.exp(-density * (1 - nearness) ** 2)[:, None, None]
    return levels(image * left + 225 * (1 - left))


def brightness(image: Image, rng: np.random.Generator, *, gain: float) -> Image:
    """More or less light on the sensor; what is dark is noisier."""
    return levels(image * gain + rng.normal(0, 3, image.shape))


def jpeg(image: Image, _rng: np.random.Generator, *, quality: int) -> Image:
    """Compressed at a quality of 1…100."""
    return compressed(image, quality)


def rain(image: Image, rng: np.random.Generator, *, drops: int) -> Image:
    """Bright streaks, all falling one way, and a duller picture."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant = rng.uniform(-0.3, 0.3)
    for x, y, length in zip(
        rng.uniform(0, width, drops), rng.uniform(-20, height, drops), rng.uniform(8, 24, drops), strict=True
    ):
        end = (round(x + slant * length), round(y + length))
        cv2.line(streaks, (round(x), round(y)), end, 255, 1, cv2.LINE_AA)
    opacity = 0.6 * cv2.GaussianBlur(streaks, (0, 0), 0.7)[..., None] / 255
    dull = 128 + (image - 128.0) * (1 - drops / 4000)
    return levels(dull * (1 - opacity) + 210 * opacity)


def levels(image: NDArray[np.float64]) -> Image:
    """Rounded to 0…255."""
    return np.rint(image).clip(0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, list[Corruption]] = {
    "noise": [partial(noise, sigma=sigma) for sigma in (6, 12, 20, 30, 45)],
    "blur": [partial(blur, sigma=sigma) for sigma in (0.7, 1.2, 2.0, 3.0, 4.5)],
    "fog": [partial(fog, density=density) for density in (0.4, 0.8, 1.3, 2.0, 3.0)],
    "dark": [partial(brightness, gain=gain) for gain in (0.7, 0.5, 0.35, 0.22, 0.12)],
    "glare": [partial(brightness, gain=gain) for gain in (1.25, 1.5, 1.8, 2.2, 2.8)],
    "JPEG": [partial(jpeg, quality=quality) for quality in (40, 25, 15, 9, 5)],
    "rain": [partial(rain, drops=drops) for drops in (100, 250, 450, 750, 1200)],
}


def main() -> None:
    """Score all, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model")
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    with backend_for("auto", arguments.model, "int8", None) as backend:
        folder = LabelledFolder(arguments.data, arguments.split, backend.model.classes)
        clean = score(backend, folder, lambda image, _rng: image)
        facts, model = environment(backend.name), backend.model
        print(
            f"{model.name} {model.precision}, version {model.version}, on {backend.name}, {cores()} cores of "
            f"{facts['cpu']}; {arguments.split}, {len(folder)} images, clean {clean:.4f} mIoU.\n"
        )
        print(f"| | {' | '.join(map(str, range(1, 6)))} | mean |\n{'|---' * 7}|")
        for name, strengths in CORRUPTIONS.items():
            shares = [score(backend, folder, corruption) / clean for corruption in strengths]
            cells = [f"{share:.2f}" for share in (*shares, float(np.mean(shares)))]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
        if arguments.sheet is not None:
            cv2.imwrite(str(arguments.sheet), sheet(backend, folder)[..., ::-1])


def score(backend: Backend, folder: LabelledFolder, corruption: Corruption) -> float:
    """The mIoU on all images, each corrupted."""
    confusion = ConfusionMatrix(folder.classes)
    indices = range(len(folder))
    for index, (image, truth) in zip(indices, images(folder, indices, backend.model.input_hw), strict=True):
        ids = backend.infer(corruption(image, np.random.default_rng(index)))
        confusion.add(truth, labels_at(ids, truth.shape))
    return confusion.miou()


def sheet(backend: Backend, folder: LabelledFolder) -> Image:
    """A row for each corruption, from weak to strong, each with its labels laid over it."""
    ((image, _),) = images(folder, [SHEET_FRAME % len(folder)], backend.model.input_hw)
    palette = np.array(folder.classes.palette_rgb, np.uint8)
    rows = []
    for strengths in CORRUPTIONS.values():
        corrupted = [corruption(image, np.random.default_rng(0)) for corruption in strengths]
        shown = [one // 2 + palette[backend.infer(one)] // 2 for one in corrupted]
        rows += [np.hstack(corrupted), np.hstack(shown)]
    return np.asarray(
        cv2.resize(np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8
    )


if __name__ == "__main__":
    main()
