"""What stands along the pavement's far edge: terraces, shops, houses with gardens, parks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import BUILDING
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.facades import LOT_M, VARIANTS, facades
from rtseg.sources.drive.ground import EDGE_M
from rtseg.sources.drive.growth import FENCE_M, fences, garden_wall, hedge
from rtseg.sources.drive.texture import Rgb, Texture, scaled
from rtseg.sources.drive.trees import Tree, garden_trees, park_trees, street_trees
from rtseg.sources.drive.view import NEAR_M
from rtseg.sources.drive.wall import paint_wall

if TYPE_CHECKING:
    from rtseg.sources.drive.view import View

LOTS_A_DISTRICT = 3
DISTRICTS = ("terrace", "shops", "houses", "shops", "park")
"""Each side has all of them in turn, from a place of its own: every class is seen every 180 m."""

DEPTH_M = 8.0
"""Of a building, away from the road."""


@dataclass(frozen=True, slots=True)
class Lot:
    """LOT_M of one side of the street.

    Attributes:
        kind: one of DISTRICTS.
        facade: number of the building's looks.
        start_m, end_m: of the building, along the road.
        setback_m: from the pavement's edge to the building.
        boundary: what stands at the pavement's edge: nothing, or the name of a fence.
        trees: those that stand on it, or on the pavement before it.
    """

    kind: str
    facade: int
    start_m: float
    end_m: float
    setback_m: float
    boundary: str
    trees: tuple[Tree, ...]


@lru_cache(maxsize=1024)
def lot_of(seed: int, side: int, number: int) -> Lot:
    """The lot that begins at `number` * LOT_M, on the right (side 1) or left (-1)."""
    turn = Dice(seed, "districts", side).below(len(DISTRICTS))
    kind = DISTRICTS[(number // LOTS_A_DISTRICT + turn) % len(DISTRICTS)]
    dice = Dice(seed, "lot", side, number)
    start, end = number * LOT_M, (number + 1) * LOT_M
    half = VARIANTS // 2
    if kind == "park":
        boundary = "railings" if dice.chance(0.8) else "hedge"
        return Lot(kind, 0, start, end, 0.0, boundary, park_trees(dice, start))
    if kind == "houses":
        boundary = dice.pick(("pickets", "boards", "hedge", "wall", "boards"))
        trees = garden_trees(dice, start)
        return Lot(kind, dice.below(half), start + 1.2, end - 1.2, 4.0, boundary, trees)
    trees = street_trees(dice, start, 0.4 if kind == "shops" else 0.6)
    return Lot(kind, dice.below(half) + (half if kind == "shops" else 0), start, end, 0.0, "", trees)


def paint_lot(view: View, seed: int, side: int, number: int) -> None:
    """Paint a lot's building; trees and boundary come apart, nearer things may stand between."""
    lot = lot_of(seed, side, number)
    if lot.kind == "park":
        return
    facade = facades(seed)[lot.facade]
    z0, z1 = lot.start_m - view.pose.travelled_m, lot.end_m - view.pose.travelled_m
    if z1 <= NEAR_M:
        return
    x = side * (EDGE_M + lot.setback_m)
    back = x + side * DEPTH_M
    facing = view.light.right if side > 0 else view.light.left
    if facade.roof_rgb is not None:
        _paint_roof(view, facade.roof_rgb, (x, (x + back) / 2), (z0, z1), facade.height_m, facing)
    if not _hidden(seed, side, number, facade.height_m):
        if z0 > NEAR_M:
            paint_wall(view, facade.flank, (x, z0), (back, z0), 0.0, facade.height_m, view.light.front)
        if facade.roof_rgb is not None:
            gable = [
                (x, facade.height_m, z0),
                ((x + back) / 2, facade.height_m + 3.2, z0),
                (back, facade.height_m, z0),
            ]
            view.polygon(gable, facade.flank.mean_rgb, BUILDING, view.light.front)
    paint_wall(view, facade.front, (x, z0), (x, z1), 0.0, facade.height_m, facing)
    if facade.roof_rgb is not None and z0 < 60.0:
        eave = facade.height_m
        view.polygon(
            [(x, eave, z0), (x, eave, z1), (x, eave - 0.16, z1), (x, eave - 0.16, z0)],
            (70, 68, 66),
            BUILDING,
            facing,
        )


def _hidden(seed: int, side: int, number: int, height_m: float) -> bool:
    """Whether the neighbour towards the camera covers this building's flank."""
    lot, nearer = lot_of(seed, side, number), lot_of(seed, side, number - 1)
    if nearer.kind == "park" or nearer.end_m < lot.start_m or nearer.setback_m > lot.setback_m:
        return False
    return facades(seed)[nearer.facade].height_m >= height_m


def _paint_roof(
    view: View, rgb: Rgb, x: tuple[float, float], z: tuple[float, float], eave: float, facing: float
) -> None:
    (low, ridge), (z0, z1) = x, z
    top = eave + 3.2
    middle = (z0 + z1) / 2
    for at in (z0 + 1.2, middle + 2.0):
        half = 0.5
        view.polygon(
            [
                (ridge - half, top - 0.8, at),
                (ridge - half, top + 1.1, at),
                (ridge + half, top + 1.1, at),
                (ridge + half, top - 0.8, at),
            ],
            (126, 84, 68),
            BUILDING,
            view.light.front,
        )
    view.polygon(
        [(low, eave, z0), (low, eave, z1), (ridge, top, z1), (ridge, top, z0)], rgb, BUILDING, facing * 1.1
    )
    for part in (0.25, 0.5, 0.75):
        a, b = low + part * (ridge - low), eave + part * 3.2
        c, d = low + (part + 0.05) * (ridge - low), eave + (part + 0.05) * 3.2
        view.polygon(
            [(a, b, z0), (a, b, z1), (c, d, z1), (c, d, z0)], scaled(rgb, 0.86), BUILDING, facing * 1.1
        )


def paint_boundary(view: View, seed: int, side: int, number: int) -> None:
    """Paint the fence, wall or hedge of a lot."""
    lot = lot_of(seed, side, number)
    if not lot.boundary:
        return
    texture, height = _boundary(seed, lot.boundary)
    facing = view.light.right if side > 0 else view.light.left
    x = side * (EDGE_M + 0.1)
    pieces = int(LOT_M / FENCE_M)
    for piece in reversed(range(pieces)):
        z0 = number * LOT_M + piece * FENCE_M - view.pose.travelled_m
        if z0 + FENCE_M > NEAR_M:
            paint_wall(view, texture, (x, z0), (x, z0 + FENCE_M), 0.0, height, max(facing, 0.7))


def _boundary(seed: int, name: str) -> tuple[Texture, float]:
    railings, pickets, boards = fences(seed)
    return {
        "railings": (railings, 1.6),
        "pickets": (pickets, 1.1),
        "boards": (boards, 1.7),
        "hedge": (hedge(seed), 1.5),
        "wall": (garden_wall(seed), 0.9),
    }[name]
