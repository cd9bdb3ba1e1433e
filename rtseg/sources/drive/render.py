"""One frame of the drive, from nothing but its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.finish import finished
from rtseg.sources.drive.light import light_of
from rtseg.sources.drive.path import pose_at
from rtseg.sources.drive.scene import paint_scene
from rtseg.sources.drive.strip import paint_strip
from rtseg.sources.drive.view import View

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray


def render(
    width: int, height: int, fps: Fraction, seed: int, index: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render frame `index` of a drive.

    A pure function: the same pixels for the same arguments, on every machine, in any order and thread.

    Args:
        width: pixels a row, at least 64.
        height: rows, at least 48.
        fps: frames a second.
        seed: which drive; any integer.
        index: 0 for the first frame.

    Returns:
        image_rgb: uint8 (H, W, 3), with the frame's number in a strip at the bottom.
        labels: uint8 (H, W), ids of `rtseg.classes.CAMVID`; 11 (void) on the strip only.
        Both are the caller's.
    """
    seconds = index * fps.denominator / fps.numerator
    light = light_of(seed)
    view = View(width, height, pose_at(seed, seconds), light)
    paint_scene(view, seed)
    pixels = view.pixels
    if Dice(seed, "drives on the left").chance(0.5):
        pixels = pixels[:, ::-1]
    image = finished(np.ascontiguousarray(pixels[..., :3]), light, seed, seconds, index)
    labels = np.ascontiguousarray(pixels[..., 3])
    paint_strip(image, labels, index)
    return image, labels
