"""The ground: carriageway, kerb, pavement and verge, one texture that repeats along the road."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import PAVEMENT, ROAD, TREE
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.path import CAMERA_HEIGHT_M, FAR_M, bend_rows
from rtseg.sources.drive.texture import Rgb, blank, rough_noise, smooth_noise, speckled, to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.sources.drive.view import View

ROAD_HALF_M = 5.0
"""From the centre line to the kerb."""

PAVEMENT_M = 2.6
HALF_M = 14.0
"""The texture reaches this far to each side."""

PERIOD_M = 32.0
COLUMNS, ROWS = 1792, 1024
LEVELS = 4


def _column(x_m: float) -> int:
    return int((x_m + HALF_M) / (2 * HALF_M) * COLUMNS)


def _asphalt(seed: int, dice: Dice) -> NDArray[np.int32]:
    """The carriageway over the whole texture, int32 (ROWS, COLUMNS, 3): grain, wear and patches."""
    tone = dice.between(74, 112)
    rgb: Rgb = (int(tone), int(tone), int(tone * dice.between(0.98, 1.06)))
    shape = (ROWS, COLUMNS)
    grain = smooth_noise(shape, 2, seed, "grain")
    wear = smooth_noise(shape, (512, 32), seed, "wear")
    blotch = rough_noise(shape, 128, 3, seed, "blotch")
    colours = speckled(rgb, (grain * 3 + wear * 2 + blotch * 3) >> 3, 86)
    for _ in range(5):
        row, column = dice.below(ROWS), _column(dice.between(-ROAD_HALF_M, ROAD_HALF_M - 1.5))
        tall, wide = 24 + dice.below(90), 40 + dice.below(70)
        patch = colours[row : row + tall, column : column + wide]
        patch[...] = (patch * (205 + dice.below(80))) >> 8
    return colours


def _paving(seed: int, dice: Dice) -> NDArray[np.int32]:
    """Slabs of 0.5 m with joints, int32 (ROWS, COLUMNS, 3)."""
    tone = dice.between(118, 158)
    rgb: Rgb = (int(tone), int(tone * 0.98), int(tone * dice.between(0.88, 0.97)))
    shape = (ROWS, COLUMNS)
    slabs = smooth_noise(shape, 1, seed, "slab grain")
    colours = speckled(rgb, (slabs + rough_noise(shape, 64, 3, seed, "dirt") * 2) // 3, 56)
    slab = 32
    tone_of_slab = np.repeat(
        np.repeat(smooth_noise((ROWS // 16, COLUMNS // slab), 1, seed, "slab"), 16, axis=0), slab, axis=1
    )
    colours = (colours * (240 + (tone_of_slab >> 3))[..., None]) >> 8
    colours[::16] = colours[::16] * 3 // 4
    colours[:, ::slab] = colours[:, ::slab] * 3 // 4
    return colours


def _grass(seed: int, dice: Dice) -> NDArray[np.int32]:
    rgb: Rgb = (int(dice.between(70, 96)), int(dice.between(96, 124)), int(dice.between(42, 60)))
    shape = (ROWS, COLUMNS)
    blades = smooth_noise(shape, (4, 2), seed, "blades")
    return speckled(rgb, (blades + rough_noise(shape, 96, 4, seed, "grass")) // 2, 120)


def _mark(colours: NDArray[np.int32], worn: NDArray[np.int32], rows: slice, x_m: float, wide_m: float, rgb: Rgb) -> None:
    """Paint a marking, thinner where worn."""
    columns = slice(_column(x_m - wide_m / 2), _column(x_m + wide_m / 2))
    cover = np.clip(330 - worn[rows, columns], 120, 236)[..., None]
    part = colours[rows, columns]
    part[...] = (part * (256 - cover) + np.array(rgb, np.int32) * cover) >> 8


@lru_cache(maxsize=2)
def ground_levels(seed: int) -> tuple[NDArray[np.uint32], ...]:
    """The texture in LEVELS sizes, uint32 (rows, columns); each 2 times narrower and 4 times shorter.

    Far ground is seen at a low angle: a pixel covers more of it along the road than across.
    """
    dice = Dice(seed, "ground")
    canvas = blank(ROWS, COLUMNS, (0, 0, 0), TREE)
    colours = _grass(seed, dice)
    left, right = _column(-ROAD_HALF_M), _column(ROAD_HALF_M)
    outer_left, outer_right = _column(-ROAD_HALF_M - PAVEMENT_M), _column(ROAD_HALF_M + PAVEMENT_M)
    colours[:, outer_left:outer_right] = _paving(seed, dice)[:, outer_left:outer_right]
    canvas[:, outer_left:outer_right, 3] = PAVEMENT
    asphalt = _asphalt(seed, dice)
    _markings(asphalt, seed, dice)
    colours[:, left:right] = asphalt[:, left:right]
    canvas[:, left:right, 3] = ROAD
    kerb = 12
    for edge in (left - kerb, right):
        stone = colours[:, edge : edge + kerb]
        stone[...] = stone // 3 + 104
        stone[::32] = stone[::32] * 3 // 4
    for gutter in (left, right - 20):
        colours[:, gutter : gutter + 20] = colours[:, gutter : gutter + 20] * 7 // 10
    canvas[..., :3] = to_bytes(colours)
    levels = [canvas]
    for _ in range(LEVELS - 1):
        levels.append(_shrunk(levels[-1]))
    return tuple(np.ascontiguousarray(level).view(np.uint32)[..., 0] for level in levels)


def _markings(asphalt: NDArray[np.int32], seed: int, dice: Dice) -> None:
    worn = rough_noise((ROWS, COLUMNS), 16, 3, seed, "worn")
    white: Rgb = (222, 222, 216)
    dash = dice.pick((64, 96, 128))
    for row in range(0, ROWS, 2 * dash if 2 * dash != 192 else 256):
        _mark(asphalt, worn, slice(row, row + dash), 0.0, 0.16, white)
    edges = dice.pick(("double yellow", "white", "none"))
    for side in (-1, 1):
        if edges == "double yellow":
            for offset in (0.30, 0.52):
                _mark(asphalt, worn, slice(0, ROWS), side * (ROAD_HALF_M - offset), 0.1, (206, 172, 74))
        elif edges == "white":
            _mark(asphalt, worn, slice(0, ROWS), side * (ROAD_HALF_M - 2.05), 0.1, white)


def _shrunk(level: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = level.shape[0] // 4, level.shape[1] // 2
    blocks = level.reshape(rows, 4, columns, 2, 4)
    out = blocks[:, 0, :, 0].copy()
    out[..., :3] = blocks[..., :3].astype(np.uint16).sum((1, 3)) >> 3
    return out


def paint_ground(view: View, seed: int) -> None:
    """Paint all rows below the horizon."""
    first = max(0, int(np.floor(view.horizon_v + 0.5)))
    below = np.arange(first, view.height) + 0.5 - view.horizon_v
    depth = np.minimum(view.focal_px * CAMERA_HEIGHT_M / np.maximum(below, 1e-3), float(FAR_M))
    levels = ground_levels(seed)
    # The level whose texel is about as wide as a pixel is.
    texel_px = view.focal_px * (2 * HALF_M / COLUMNS) / depth
    wanted = (texel_px < 0.7).astype(np.int64) + (texel_px < 0.35) + (texel_px < 0.175)
    for number, level in enumerate(levels):
        rows = np.flatnonzero(wanted == number)
        if len(rows):
            _paint_rows(view, level, slice(first + int(rows[0]), first + int(rows[-1]) + 1), depth[rows])


def _paint_rows(view: View, level: NDArray[np.uint32], rows: slice, depth: NDArray[np.float64]) -> None:
    tall, wide = level.shape
    a_metre = wide / (2 * HALF_M)
    x_a_pixel = depth / view.focal_px
    x_left = view.pose.sideways_m - bend_rows(view.pose, depth) - (view.centre_u - 0.5) * x_a_pixel
    start = ((x_left + HALF_M) * (a_metre * 4096)).astype(np.int32)
    step = (x_a_pixel * (a_metre * 4096)).astype(np.int32)
    column = np.arange(view.width, dtype=np.int32) * step[:, None]
    column += start[:, None]
    column >>= 12
    # Beyond its edges the texture is mirrored: more verge.
    np.abs(column, out=column)
    np.subtract(wide - 1, column, out=column)
    np.abs(column, out=column)
    np.subtract(wide - 1, column, out=column)
    np.clip(column, 0, wide - 1, out=column)
    along = ((view.pose.travelled_m + depth) * (tall / PERIOD_M)).astype(np.int64) % tall
    column += ((tall - 1 - along) * wide).astype(np.int32)[:, None]
    texels = level.ravel().take(column)
    _light_rows(view, texels, depth)
    view.packed[rows] = texels


def _light_rows(view: View, texels: NDArray[np.uint32], depth: NDArray[np.float64]) -> None:
    seen = view.light.haze_m / (view.light.haze_m + depth)
    gain = np.empty((len(depth), 1, 4), np.uint16)
    rise = np.zeros((len(depth), 1, 4), np.uint16)
    gain[..., :3] = (seen * (min(view.light.top, 1.0) * 256)).astype(np.uint16)[:, None, None]
    gain[..., 3] = 256
    rest = (256.0 * (1.0 - seen)).astype(np.uint16)
    rise[..., :3] = rest[:, None, None] * np.array(view.light.haze, np.uint16)
    channels = texels.view(np.uint8).reshape(*texels.shape, 4)
    wide = channels * gain
    wide += rise
    wide >>= 8
    channels[...] = wide
