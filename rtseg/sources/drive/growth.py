"""Trees, hedges and fences as textures: what one sees through is clear."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import BUILDING, FENCE, TREE
from rtseg.sources.drive.dice import Dice, hashed_grid
from rtseg.sources.drive.texture import (
    CLEAR,
    Rgb,
    Texture,
    blank,
    rough_noise,
    smooth_noise,
    speckled,
    texture_from_image,
    to_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CROWNS = 4
CROWN_TEXELS = 256
FENCE_M = 4.0
"""A fence's texture is this long."""


@lru_cache(maxsize=2)
def crowns(seed: int) -> tuple[Texture, ...]:
    """CROWNS crowns of trees, as wide as high."""
    return tuple(_crown(seed, number) for number in range(CROWNS))


def _crown(seed: int, number: int) -> Texture:
    dice = Dice(seed, "crown", number)
    size = CROWN_TEXELS
    bulk = np.full((size, size), -9999, np.int32)
    lit = np.zeros((size, size), np.int32)
    for _ in range(26):
        radius = int(dice.between(26, 54))
        reach = 118 - radius
        x, y = _in_disc(dice)
        _add_clump(bulk, lit, (int(size / 2 + x * reach), int(size / 2 + y * reach * 0.95)), radius)
    leaves = smooth_noise((size, size), 4, seed, number, "leaf")
    fine = hashed_grid((size, size), seed, number, "fine leaf").astype(np.int32)
    ragged = rough_noise((size, size), 32, 4, seed, number, "ragged")
    there = bulk + (leaves - 128) + (ragged - 128) * 2 > 20
    hole = (ragged + leaves // 3 < 92) & (bulk < 170)
    greens: tuple[Rgb, ...] = ((76, 98, 46), (62, 86, 42), (98, 106, 52), (112, 96, 54), (84, 104, 66))
    rgb = greens[(dice.below(3) + number) % len(greens)]
    down = np.arange(size, dtype=np.int32)[:, None]
    shade = np.clip(lit + (leaves - 128) // 2 + (fine - 128) // 3 - (down - 90) // 3, 0, 255)
    canvas = blank(size, size, rgb, CLEAR)
    canvas[..., :3] = to_bytes(speckled(rgb, shade, 170))
    canvas[..., 3] = np.where(there & ~hole, TREE, CLEAR)
    return texture_from_image(canvas, 6)


def _add_clump(bulk: NDArray[np.int32], lit: NDArray[np.int32], at: tuple[int, int], radius: int) -> None:
    """Put a ball of leaves at (column, row): the nearest one wins; it is lit from above and one side."""
    x, y = at
    # Leaves stand out of the ball by half: the caller's threshold lies below its surface.
    reach = radius * 3 // 2
    top, left = max(0, y - reach), max(0, x - reach)
    rows = np.arange(top, min(bulk.shape[0], y + reach), dtype=np.int32)[:, None] - y
    columns = np.arange(left, min(bulk.shape[1], x + reach), dtype=np.int32) - x
    inside = 256 - (rows * rows + columns * columns) * 256 // (radius * radius)
    part = (slice(top, top + rows.shape[0]), slice(left, left + columns.shape[0]))
    nearer = inside > bulk[part]
    lit[part] = np.where(nearer, 128 - rows * 90 // radius - columns * 24 // radius, lit[part])
    bulk[part] = np.maximum(bulk[part], inside)


def _in_disc(dice: Dice) -> tuple[float, float]:
    while True:
        x, y = dice.between(-1, 1), dice.between(-1, 1)
        if x * x + y * y <= 1.0:
            return x, y


@lru_cache(maxsize=2)
def hedge(seed: int) -> Texture:
    """FENCE_M of clipped hedge with an uneven top."""
    dice = Dice(seed, "hedge")
    shape = (64, 128)
    leaves = smooth_noise(shape, 3, seed, "hedge leaf")
    body = rough_noise(shape, 32, 4, seed, "hedge body")
    rgb: Rgb = (int(dice.between(58, 82)), int(dice.between(84, 104)), int(dice.between(38, 52)))
    canvas = blank(*shape, rgb, TREE)
    down = np.arange(64, dtype=np.int32)[:, None]
    canvas[..., :3] = to_bytes(speckled(rgb, np.clip((leaves + body) // 2 + 40 - down, 0, 255), 190))
    canvas[..., 3] = np.where(down * 24 < body // 2 + leaves // 2 - 70, CLEAR, TREE)
    return texture_from_image(canvas)


@lru_cache(maxsize=2)
def fences(seed: int) -> tuple[Texture, ...]:
    """Iron railings, pickets and close boards, each FENCE_M long."""
    return _railings(seed), _pickets(seed), _boards(seed)


def _railings(seed: int) -> Texture:
    rgb: Rgb = Dice(seed, "railings").pick(((38, 40, 42), (34, 52, 44), (88, 92, 94)))
    canvas = blank(64, 160, rgb, CLEAR)
    for column in range(0, 160, 5):
        canvas[4:, column : column + 2, 3] = FENCE
        canvas[4:, column, :3] = tuple(min(255, c + 46) for c in rgb)
    for row in (8, 54):
        canvas[row : row + 4, :, 3] = FENCE
    canvas[:, :6, 3] = FENCE
    return texture_from_image(canvas)


def _pickets(seed: int) -> Texture:
    rgb: Rgb = Dice(seed, "pickets").pick(((216, 214, 204), (150, 122, 90), (122, 130, 120)))
    grain = smooth_noise((64, 160), (16, 2), seed, "picket grain")
    canvas = blank(64, 160, rgb, CLEAR)
    canvas[..., :3] = to_bytes(speckled(rgb, grain, 50))
    for column in range(0, 160, 8):
        canvas[4:, column : column + 5, 3] = FENCE
        canvas[:4, column + 1 : column + 4, 3] = FENCE
    for row in (12, 46):
        canvas[row : row + 6, :, 3] = FENCE
    return texture_from_image(canvas)


def _boards(seed: int) -> Texture:
    rgb: Rgb = Dice(seed, "boards").pick(((132, 98, 68), (112, 92, 76), (96, 104, 84)))
    canvas = blank(64, 160, rgb, FENCE)
    tone = np.repeat(hashed_grid((1, 20), seed, "board"), 8, axis=1).astype(np.int32)
    grain = smooth_noise((64, 160), (32, 2), seed, "board grain")
    canvas[..., :3] = to_bytes(speckled(rgb, (tone + grain) // 2, 80))
    canvas[:, ::8, :3] //= 2
    canvas[:, :4, :3] = canvas[:, :4, :3] * 0 + 90
    return texture_from_image(canvas)


@lru_cache(maxsize=2)
def garden_wall(seed: int) -> Texture:
    """FENCE_M of low brick wall; a wall counts as building."""
    shape = (32, 128)
    canvas = blank(*shape, (0, 0, 0), BUILDING)
    tone = np.repeat(np.repeat(hashed_grid((11, 16), seed, "wall brick"), 3, axis=0), 8, axis=1)[:32].astype(
        np.int32
    )
    colours = speckled((140, 92, 72), (tone + hashed_grid(shape, seed, "wall grit")) // 2, 70)
    colours[::3] = colours[::3] * 3 // 4 + 30
    colours[:4] = 168
    canvas[..., :3] = to_bytes(colours)
    return texture_from_image(canvas)
