"""The ground: carriageway, kerb, pavement and verge, one texture that repeats along the road."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import PAVEMENT, ROAD, TREE
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.path import CAMERA_HEIGHT_M, FAR_M, bends_at
from rtseg.sources.drive.texture import Rgb, blank, coarse_noise, fine_noise, speckled, to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.sources.drive.view import View

ROAD_HALF_M = 5.0
"""From the centre line to the kerb."""

PAVEMENT_M = 3.0
EDGE_M = ROAD_HALF_M + PAVEMENT_M
"""From the centre line to where buildings and fences stand."""

HALF_M = 14.0
"""The texture reaches this far to each side."""

PERIOD_M = 32.0
COLUMNS, ROWS = 1792, 1024
LEVELS = 4
A_METRE = COLUMNS / (2 * HALF_M)


def _column(x_m: float) -> int:
    return int((x_m + HALF_M) * A_METRE)


def _asphalt(seed: int, dice: Dice, columns: int) -> NDArray[np.int32]:
    """The carriageway, int32 (ROWS, columns, 3): grain, wear, patches and manholes."""
    tone = dice.between(74, 112)
    rgb: Rgb = (int(tone), int(tone), int(tone * dice.between(0.98, 1.06)))
    shape = (ROWS, columns)
    grain = fine_noise(shape, (1, 1), seed, "grain")
    wear = coarse_noise(shape, 64, 1, seed, "wear")
    blotch = coarse_noise(shape, 128, 3, seed, "blotch")
    colours = speckled(rgb, (grain * 2 + wear * 2 + blotch * 4) >> 3, 86)
    for _ in range(5):
        row, column = dice.below(ROWS), dice.below(columns - 100)
        tall, wide = 24 + dice.below(90), 40 + dice.below(70)
        patch = colours[row : row + tall, column : column + wide]
        patch[...] = (patch * (205 + dice.below(80))) >> 8
    for _ in range(2):
        row, column = dice.below(ROWS - 24), dice.below(columns - 48)
        cover = colours[row : row + 20, column : column + 40]
        cover[...] = 58
        cover[2:-2:3, 3:-3] = 84
    return colours


def _paving(seed: int, dice: Dice, columns: int) -> NDArray[np.int32]:
    """Slabs of 0.5 m with joints, int32 (ROWS, columns, 3)."""
    tone = dice.between(118, 158)
    rgb: Rgb = (int(tone), int(tone * 0.98), int(tone * dice.between(0.88, 0.97)))
    shape = (ROWS, columns)
    dirt = coarse_noise((ROWS, -(-columns // 4) * 4), 64, 3, seed, "dirt")[:, :columns]
    slabs = fine_noise(shape, (16, 32), seed, "slab")
    colours = speckled(rgb, (fine_noise(shape, (1, 1), seed, "slab grain") + dirt * 2 + slabs) >> 2, 64)
    colours[::16] = colours[::16] * 3 // 4
    colours[:, ::32] = colours[:, ::32] * 3 // 4
    return colours


def _grass(seed: int, dice: Dice, columns: int) -> NDArray[np.int32]:
    rgb: Rgb = (int(dice.between(70, 96)), int(dice.between(96, 124)), int(dice.between(42, 60)))
    blades = fine_noise((ROWS, columns), (2, 1), seed, "blades")
    tufts = coarse_noise((ROWS, -(-columns // 4) * 4), 96, 4, seed, "grass")[:, :columns]
    return speckled(rgb, (blades + tufts) >> 1, 120)


def asphalt_column(x_m: float) -> int:
    """Column of the carriageway's part of the texture."""
    return int((x_m + ROAD_HALF_M) * A_METRE)


def _mark(
    colours: NDArray[np.int32], worn: NDArray[np.int32], rows: slice, x_m: float, wide_m: float, rgb: Rgb
) -> None:
    """Paint a marking, thinner where worn."""
    middle = asphalt_column(x_m)
    columns = slice(middle - int(wide_m * A_METRE / 2), middle + int(wide_m * A_METRE / 2))
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
    outer_left, left = _column(-EDGE_M), _column(-ROAD_HALF_M)
    outer_right, right = COLUMNS - outer_left, COLUMNS - left
    grass = to_bytes(_grass(seed, dice, outer_left))
    paving = to_bytes(_paving(seed, dice, left - outer_left))
    asphalt = _asphalt(seed, dice, right - left)
    _markings(asphalt, seed, dice)
    canvas[:, :outer_left, :3], canvas[:, outer_right:, :3] = grass, grass[:, ::-1]
    canvas[:, outer_left:left, :3], canvas[:, right:outer_right, :3] = paving, paving[:, ::-1]
    canvas[:, outer_left:outer_right, 3] = PAVEMENT
    canvas[:, left:right, :3] = to_bytes(asphalt)
    canvas[:, left:right, 3] = ROAD
    _kerbs(canvas, left, right)
    levels = [canvas]
    for _ in range(LEVELS - 1):
        levels.append(_shrunk(levels[-1]))
    return tuple(np.ascontiguousarray(level).view(np.uint32)[..., 0] for level in levels)


def _kerbs(canvas: NDArray[np.uint8], left: int, right: int) -> None:
    """Kerb stones on the pavement's edge, a dirty gutter on the road's."""
    wide, gutter = 12, 20
    for edge in (left - wide, right):
        stone = canvas[:, edge : edge + wide, :3]
        stone[...] = stone // 3 + 104
        stone[::32] = stone[::32] // 4 * 3
    for edge in (left, right - gutter):
        dirty = canvas[:, edge : edge + gutter, :3]
        dirty[...] = dirty // 10 * 7


def _markings(asphalt: NDArray[np.int32], seed: int, dice: Dice) -> None:
    worn = (
        coarse_noise(asphalt.shape[:2], 16, 2, seed, "worn")
        + fine_noise(asphalt.shape[:2], (2, 2), seed, "chips") // 4
    )
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
    out: NDArray[np.uint8] = level[::4, ::2].copy()
    total = np.zeros((*out.shape[:2], 3), np.uint16)
    for row in range(4):
        for column in range(2):
            total += level[row::4, column::2, :3]
    out[..., :3] = total >> 3
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
    x_left = view.pose.sideways_m - bends_at(view.pose, depth) - (view.centre_u - 0.5) * x_a_pixel
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
