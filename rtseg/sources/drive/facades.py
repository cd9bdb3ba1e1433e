"""Fronts of buildings: brick or render, windows, doors and shops, as textures of 12 m across."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rtseg.sources.drive.classes import BUILDING
from rtseg.sources.drive.dice import Dice, hashed_grid
from rtseg.sources.drive.texture import (
    Rgb,
    Texture,
    blank,
    rough_noise,
    scaled,
    smooth_noise,
    speckled,
    texture_from_image,
    to_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXELS_A_METRE = 32
LOT_M = 12.0
"""All buildings are this wide along the road."""

VARIANTS = 8
_WALLS: tuple[tuple[str, Rgb], ...] = (
    ("brick", (142, 84, 64)),
    ("brick", (170, 138, 98)),
    ("brick", (116, 74, 62)),
    ("brick", (152, 120, 94)),
    ("render", (208, 200, 182)),
    ("render", (222, 214, 204)),
    ("render", (186, 172, 140)),
    ("stone", (172, 162, 142)),
    ("concrete", (150, 150, 146)),
    ("render", (170, 186, 190)),
)
_GLASS: Rgb = (58, 70, 82)


@dataclass(frozen=True, slots=True)
class Facade:
    """One building's looks.

    Attributes:
        front: the side with windows, towards the road.
        flank: the side wall, without windows.
        height_m: up to the eaves.
        roof_rgb: of a pitched roof, or None where the roof is flat.
    """

    front: Texture
    flank: Texture
    height_m: float
    roof_rgb: Rgb | None


@lru_cache(maxsize=2)
def facades(seed: int) -> tuple[Facade, ...]:
    """VARIANTS buildings; the second half are tall ones with shops."""
    return tuple(_facade(seed, number) for number in range(VARIANTS))


def _facade(seed: int, number: int) -> Facade:
    dice = Dice(seed, "facade", number)
    kind, rgb = _WALLS[(dice.below(3) + number * 3) % len(_WALLS)]
    shop = number >= VARIANTS // 2
    floors = 3 + dice.below(2) if shop else 2 + dice.below(2)
    floor_m = dice.pick((2.875, 3.125, 3.375))
    height = int(floors * floor_m * TEXELS_A_METRE + 24) // 8 * 8
    columns = int(LOT_M * TEXELS_A_METRE)
    wall = _wall(kind, rgb, height, columns, (seed, number))
    flank = wall[:, : columns // 2].copy()
    _windows(wall, dice, floors, int(floor_m * TEXELS_A_METRE), shop)
    if shop:
        _shop(wall, dice, int(floor_m * TEXELS_A_METRE), (seed, number))
    roof = None if shop and dice.chance(0.5) else dice.pick(((86, 80, 82), (112, 72, 58), (72, 74, 80)))
    return Facade(texture_from_image(wall), texture_from_image(flank), height / TEXELS_A_METRE, roof)


def _wall(kind: str, rgb: Rgb, height: int, columns: int, keys: tuple[int, int]) -> NDArray[np.uint8]:
    """A bare wall, (height, columns, 4)."""
    shape = (height, columns)
    dirt = rough_noise(shape, 64, 4, *keys, "wall dirt")
    grain = hashed_grid(shape, *keys, "wall grain").astype(np.int32)
    colours = speckled(rgb, (dirt * 3 + grain) >> 2, 70)
    if kind == "brick":
        tone = np.repeat(
            hashed_grid((height // 3 + 1, columns // 7 + 1), *keys, "brick").astype(np.int32), 3, axis=0
        )
        tone = np.repeat(tone, 7, axis=1)[:height, :columns]
        colours = (colours * (216 + tone * 76 // 256)[..., None]) >> 8
        colours[::3] = colours[::3] * 7 // 8 + 14
    elif kind in ("stone", "concrete"):
        course = 12 if kind == "stone" else 48
        tone = np.repeat(
            hashed_grid((height // course + 1, columns // 24 + 1), *keys, "block"), course, axis=0
        )
        tone = np.repeat(tone, 24, axis=1)[:height, :columns]
        colours = (colours * (232 + tone.astype(np.int32) * 40 // 256)[..., None]) >> 8
        colours[::course] = colours[::course] * 3 // 4
    # Rain marks: darker towards the ground and under the eaves.
    down = np.arange(height, dtype=np.int32)[:, None, None]
    colours = colours * (250 - np.clip(40 - (height - down), 0, 40) - np.clip(24 - down, 0, 24) * 3) >> 8
    canvas = blank(height, columns, (0, 0, 0), BUILDING)
    canvas[..., :3] = to_bytes(colours)
    return canvas


def _windows(wall: NDArray[np.uint8], dice: Dice, floors: int, floor: int, shop: bool) -> None:
    height, columns = wall.shape[:2]
    count = dice.pick((3, 4, 4, 5))
    wide = int(dice.between(1.0, 1.5) * TEXELS_A_METRE)
    tall = min(int(dice.between(1.3, 1.9) * TEXELS_A_METRE), floor - 30)
    frame: Rgb = dice.pick(((226, 226, 222), (226, 226, 222), (70, 60, 54), (52, 60, 66)))
    bars = dice.pick((1, 2, 2))
    door = dice.below(count)
    for storey in range(1 if shop else 0, floors):
        low = height - storey * floor - 28
        for place in range(count):
            left = (2 * place + 1) * columns // (2 * count) - wide // 2
            if storey == 0 and place == door:
                _door(wall, dice, height, left)
            else:
                _window(wall, dice, (low - tall, left), (tall, wide), frame, bars)
    if not shop:
        return
    wall[8:14, :, :3] = to_bytes(wall[8:14, :, :3].astype(np.int32) * 3 // 4 + 50)


def _door(wall: NDArray[np.uint8], dice: Dice, height: int, left: int) -> None:
    rgb: Rgb = dice.pick(((92, 34, 30), (28, 48, 72), (34, 66, 46), (40, 38, 40), (120, 100, 70)))
    top = height - 68
    wall[top - 3 : height, left : left + 36, :3] = (206, 202, 192)
    wall[top:height, left + 3 : left + 33, :3] = rgb
    wall[top + 3 : top + 14, left + 6 : left + 30, :3] = _GLASS
    for panel in (top + 20, top + 44):
        wall[panel : panel + 18, left + 7 : left + 29, :3] = scaled(rgb, 1.25)


def _window(
    wall: NDArray[np.uint8], dice: Dice, at: tuple[int, int], size: tuple[int, int], frame: Rgb, bars: int
) -> None:
    (top, left), (tall, wide) = at, size
    stone = wall[top - 5 : top + tall + 4, left - 2 : left + wide + 2, :3]
    stone[...] = to_bytes(stone.astype(np.int32) // 2 + 84)
    wall[top : top + tall, left : left + wide, :3] = frame
    wall[top, left : left + wide, :3] = 60
    inner = wall[top + 2 : top + tall - 2, left + 2 : left + wide - 2, :3]
    _glaze(inner, dice)
    for bar in range(1, bars + 1):
        column = left + bar * wide // (bars + 1)
        wall[top : top + tall, column - 1 : column + 1, :3] = frame
    middle = top + tall // 2
    wall[middle - 1 : middle + 1, left : left + wide, :3] = frame
    wall[top + tall : top + tall + 3, left - 2 : left + wide + 2, :3] = 196


def _glaze(inner: NDArray[np.uint8], dice: Dice) -> None:
    """Glass: the sky above, a dark room below, sometimes curtains."""
    tall, wide = inner.shape[:2]
    shine = dice.between(0.1, 0.9)
    down = np.arange(tall, dtype=np.int32)[:, None, None]
    sky = np.array((150, 172, 194), np.int32)
    dark = np.array(_GLASS, np.int32)
    share = np.clip((tall * 2 // 3 - down) * int(300 * shine) // tall, 0, 200)
    across = np.arange(wide, dtype=np.int32)[None, :, None]
    slant = np.where((across + down) % (wide + 9) < wide // 2, 20, 0)
    inner[...] = to_bytes((dark * (256 - share) + sky * share >> 8) + slant)
    if dice.chance(0.35):
        cloth = wide // 5
        for part in (inner[:, :cloth], inner[:, wide - cloth :]):
            part[...] = (176, 164, 146)
            part[:, ::3] = (150, 140, 124)


def _shop(wall: NDArray[np.uint8], dice: Dice, floor: int, keys: tuple[int, int]) -> None:
    """A ground floor of shop windows under a fascia, two shops wide."""
    height, columns = wall.shape[:2]
    colours: tuple[Rgb, ...] = (
        (130, 30, 34), (24, 70, 60), (30, 44, 88), (60, 56, 54),
        (186, 150, 60), (170, 90, 40), (210, 206, 198),
    )  # fmt: skip
    for shop in range(2):
        left, right = shop * columns // 2, (shop + 1) * columns // 2
        rgb = dice.pick(colours)
        top = height - floor + 10
        wall[top:, left:right, :3] = scaled(rgb, 0.7)
        wall[top : top + 20, left + 2 : right - 2, :3] = rgb
        _lettering(wall[top + 5 : top + 15, left + 20 : right - 20], dice, keys, shop)
        for pane in range(3):
            a = left + 8 + pane * (right - left - 12) // 3
            b = left + 4 + (pane + 1) * (right - left - 12) // 3
            inner = wall[top + 26 : height - (4 if pane == 1 else 14), a:b, :3]
            _glaze(inner, dice)
            goods = smooth_noise((inner.shape[0] // 2, inner.shape[1]), (6, 9), *keys, shop, pane, "goods")
            lower = inner[inner.shape[0] - goods.shape[0] :]
            lower[...] = to_bytes(lower.astype(np.int32) * (goods[..., None] + 90) // 200)
        if dice.chance(0.4):
            awning = wall[top + 20 : top + 34, left + 2 : right - 2, :3]
            awning[...] = scaled(rgb, 1.2)
            stripes = (np.arange(awning.shape[1]) // 6) % 2 == 0
            awning[:, stripes] = (226, 222, 214)


def _lettering(part: NDArray[np.uint8], dice: Dice, keys: tuple[int, int], shop: int) -> None:
    """Strokes that read as a shop's name from afar."""
    wide = part.shape[1]
    strokes = hashed_grid((2, wide // 2 + 1), *keys, shop, "letters") > 110
    ink = np.repeat(np.repeat(strokes, 5, axis=0), 2, axis=1)[: part.shape[0], :wide]
    gap = (np.arange(wide) // 7) % 6 == dice.below(6)
    part[..., :3] = np.where((ink & ~gap)[..., None], np.uint8(232), part[..., :3])
