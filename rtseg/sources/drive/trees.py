"""Trees: where they grow, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import TREE
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.ground import EDGE_M, ROAD_HALF_M
from rtseg.sources.drive.growth import CROWNS, crowns
from rtseg.sources.drive.texture import Rgb, scaled
from rtseg.sources.drive.wall import paint_wall

if TYPE_CHECKING:
    from rtseg.sources.drive.view import View

_BARKS: tuple[Rgb, ...] = ((84, 70, 56), (96, 84, 70), (74, 64, 56))


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree.

    Attributes:
        along_m: along the road.
        out_m: from the centre line, to either side.
        wide_m: of its crown, which is as high.
        crown: number of the crown's looks.
        trunk_m: height where the crown begins.
    """

    along_m: float
    out_m: float
    wide_m: float
    crown: int
    trunk_m: float


def street_trees(dice: Dice, start_m: float, probability: float) -> tuple[Tree, ...]:
    """At most one, near the kerb."""
    if not dice.chance(probability):
        return ()
    along = start_m + dice.between(2.0, 10.0)
    return (Tree(along, ROAD_HALF_M + 0.6, dice.between(3.4, 5.0), dice.below(CROWNS), 2.9),)


def garden_trees(dice: Dice, start_m: float) -> tuple[Tree, ...]:
    """At most one, between the fence and the house."""
    if dice.chance(0.4):
        return ()
    along, out = start_m + dice.between(1.0, 11.0), EDGE_M + dice.between(1.0, 2.4)
    return (Tree(along, out, dice.between(2.2, 3.8), dice.below(CROWNS), 1.0),)


def park_trees(dice: Dice, start_m: float) -> tuple[Tree, ...]:
    """Up to four in three rows; the last row closes the view."""
    trees = []
    for place, (out, probability) in enumerate(((1.6, 0.75), (5.5, 1.0), (10.0, 1.0), (10.0, 1.0))):
        if dice.chance(probability):
            along = start_m + 0.5 + 5.5 * (place % 2) + dice.between(0.0, 5.5)
            out_m = EDGE_M + out + dice.between(-0.8, 1.5)
            trees.append(
                Tree(along, out_m, dice.between(5.0, 7.5), dice.below(CROWNS), dice.between(1.4, 2.8))
            )
    return tuple(trees)


def paint_tree(view: View, seed: int, tree: Tree, x: float, z: float) -> None:
    """Paint a tree: its shadow, trunk and crown."""
    half, trunk = tree.wide_m / 2, tree.trunk_m
    if not view.sees(x, z, half):
        return
    view.shade(x, half * 0.6, z - 0.5, z + 1.5, 0.5 + view.light.shadow / 2)
    bark = Dice(seed, "bark", tree.crown).pick(_BARKS)
    thick, high = 0.035 * tree.wide_m + 0.03, trunk + tree.wide_m * 0.4
    stem = view.flat(x, z)
    stem.polygon(
        ((-thick, 0.0), (-thick * 0.7, high), (thick * 0.7, high), (thick, 0.0)), bark, TREE, view.light.front
    )
    stem.polygon(
        ((0.0, 0.0), (0.0, high), (thick * 0.7, high), (thick, 0.0)),
        scaled(bark, 0.7),
        TREE,
        view.light.front,
    )
    lit = view.light.front * 0.5 + 0.5
    paint_wall(view, crowns(seed)[tree.crown], (x - half, z), (x + half, z), trunk, trunk + tree.wide_m, lit)
