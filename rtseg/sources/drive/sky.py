"""Sky, clouds and the far end of the street: painted once a drive and size, then moved."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import BUILDING, SKY, TREE
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.light import light_of
from rtseg.sources.drive.texture import rough_noise, smooth_noise, to_bytes
from rtseg.sources.drive.view import HORIZON, focal_px_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.sources.drive.view import View

MARGIN = 0.16
"""How far the camera turns to each side at most, as a slope, and a little more."""

RISE = 0.03
"""How far it nods."""


@lru_cache(maxsize=4)
def backdrop(seed: int, width: int, height: int) -> NDArray[np.uint32]:
    """The backdrop, larger than the picture by its margins, uint32 (rows, columns); the horizon is last."""
    focal = focal_px_of(width, height)
    rows = int(HORIZON * height + RISE * focal) + 2
    columns = width + 2 * int(MARGIN * focal)
    pixels = np.empty((rows, columns, 4), np.uint8)
    pixels[..., :3] = _sky(seed, rows, columns)
    pixels[..., 3] = SKY
    _skyline(pixels, seed, focal)
    return pixels.view(np.uint32)[..., 0]


def _sky(seed: int, rows: int, columns: int) -> NDArray[np.uint8]:
    light = light_of(seed)
    down = np.arange(rows, dtype=np.int32)[:, None, None] * 256 // rows
    # Squared from below: the pale band lies low.
    pale = (down * down) >> 8
    blue = (np.array(light.zenith, np.int32) * (256 - pale) + np.array(light.horizon, np.int32) * pale) >> 8
    # Clouds lie on a plane, so they narrow towards the horizon: taken from a square of noise row by row.
    noise = rough_noise((512, 1024), 128, 5, seed, "cloud")
    near = 0.12 + (rows - np.arange(rows)) / rows
    across = ((np.arange(columns) - columns / 2) / columns * 640 / near[:, None]).astype(np.int64) % 1024
    away = (150.0 / near).astype(np.int64)[:, None] % 512
    cover = np.clip((noise[away, across] - (225 - light.clouds * 3 // 4)) * 5, 0, 235)[..., None]
    billow = noise[(away + 9) % 512, across][..., None]
    cloud = np.array((232, 234, 238), np.int32) * (205 + (billow >> 2)) >> 8
    cloud = (cloud * (384 - min(light.clouds, 200) // 2)) // 360
    return to_bytes((blue * (256 - cover) + cloud * cover) >> 8)


def _skyline(pixels: NDArray[np.uint8], seed: int, focal: float) -> None:
    """Roofs and tree tops at the far end, a few degrees high."""
    dice = Dice(seed, "skyline")
    light = light_of(seed)
    rows, columns = pixels.shape[:2]
    haze = np.array(light.haze, np.int32)
    column = 0
    while column < columns:
        wide = max(2, int(focal * dice.between(0.012, 0.05)))
        tall = int(focal * dice.between(0.022, 0.05))
        tone = int(dice.between(90, 150))
        colour = (np.array((tone, tone - 6, tone - 12), np.int32) + haze) // 2
        pixels[rows - tall :, column : column + wide, :3] = to_bytes(colour)
        pixels[rows - tall :, column : column + wide, 3] = BUILDING
        column += wide
    crowns = smooth_noise((8, columns), (8, max(3, int(focal * 0.03))), seed, "crowns")[0]
    leaves = smooth_noise((rows, columns), 2, seed, "far leaves")
    heights = (crowns * (focal * 0.05)).astype(np.int64) // 256
    up = rows - np.arange(rows)[:, None]
    there = up < heights + (leaves >> 6) - 1
    green = (np.array((58, 72, 46), np.int32) * (192 + (leaves >> 1))[..., None] >> 8) // 2 + haze // 2
    pixels[..., :3] = np.where(there[..., None], to_bytes(green), pixels[..., :3])
    pixels[..., 3] = np.where(there, TREE, pixels[..., 3])


def paint_sky(view: View, seed: int) -> None:
    """Paint all rows down to the horizon, and one more."""
    picture = backdrop(seed, view.width, view.height)
    last = min(view.height, int(np.floor(view.horizon_v + 0.5)) + 1)
    focal = view.focal_px
    turn = min(max(view.pose.heading, -MARGIN), MARGIN)
    left = int((MARGIN + turn) * focal)
    left = min(left, picture.shape[1] - view.width)
    top = picture.shape[0] - last
    view.packed[:last] = picture[top:, left : left + view.width]
