"""Pedestrians and bicyclists: jointed figures of flat limbs that move as they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import BICYCLIST, PEDESTRIAN
from rtseg.sources.drive.path import wave
from rtseg.sources.drive.shapes import OCTAGON
from rtseg.sources.drive.texture import Rgb, scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.sources.drive.dice import Dice
    from rtseg.sources.drive.view import View

_SKIN: tuple[Rgb, ...] = ((214, 172, 146), (190, 144, 116), (134, 96, 74), (88, 62, 50))
_TOPS: tuple[Rgb, ...] = (
    (40, 42, 50), (36, 40, 70), (150, 34, 40), (90, 94, 98), (186, 180, 168), (52, 74, 62), (198, 150, 60),
    (92, 60, 92), (66, 100, 140), (26, 26, 28),
)  # fmt: skip
_LEGS: tuple[Rgb, ...] = ((38, 44, 66), (30, 30, 34), (74, 68, 60), (60, 74, 104), (104, 96, 84))
_SHOE: Rgb = (28, 28, 30)
_HAIR: tuple[Rgb, ...] = ((40, 32, 28), (86, 62, 40), (160, 132, 86), (120, 118, 116), (24, 22, 22))


@dataclass(frozen=True, slots=True)
class Person:
    """One person's looks and build."""

    height_m: float
    skin: Rgb
    top: Rgb
    legs: Rgb
    hair: Rgb
    coat: bool
    bag: bool
    away: bool


def person_of(dice: Dice, *, away: bool) -> Person:
    """Anybody, walking away from the camera or towards it."""
    return Person(
        dice.between(1.55, 1.88) if dice.chance(0.88) else dice.between(1.1, 1.4),
        dice.pick(_SKIN),
        dice.pick(_TOPS),
        dice.pick(_LEGS),
        dice.pick(_HAIR),
        dice.chance(0.35),
        dice.chance(0.3),
        away,
    )


class _Figure:
    """Paints limbs given in units of the person's height, around one spot."""

    def __init__(
        self, view: View, x: float, z: float, size: float, label: int, *, mirrored: bool = False
    ) -> None:
        self._flat, self._size, self._label = view.flat(x, z), size, label
        self._across = -size if mirrored else size

    def part(self, points: Sequence[tuple[float, float]], rgb: Rgb, factor: float) -> None:
        across, size = self._across, self._size
        self._flat.polygon([(a * across, b * size) for a, b in points], rgb, self._label, factor)

    def box(self, left: float, bottom: float, right: float, top: float, rgb: Rgb, factor: float) -> None:
        self.part([(left, bottom), (left, top), (right, top), (right, bottom)], rgb, factor)

    def limb(
        self, a: tuple[float, float], b: tuple[float, float], thick: float, rgb: Rgb, factor: float
    ) -> None:
        """A limb from a to b; thinner at b."""
        h, k = thick / 2, thick / 3
        if abs(a[0] - b[0]) > abs(a[1] - b[1]):
            self.part([(a[0], a[1] - h), (a[0], a[1] + h), (b[0], b[1] + k), (b[0], b[1] - k)], rgb, factor)
        else:
            self.part([(a[0] - h, a[1]), (a[0] + h, a[1]), (b[0] + k, b[1]), (b[0] - k, b[1])], rgb, factor)

    def head(self, x: float, y: float, person: Person, factor: float) -> None:
        self.part([(x + 0.045 * c, y + 0.062 * s) for c, s in OCTAGON], person.skin, factor)
        if person.away:
            self.part([(x + 0.048 * c, y + 0.012 + 0.058 * s) for c, s in OCTAGON], person.hair, factor)
        else:
            self.part(
                [(x + 0.049 * c, y + 0.028 + 0.042 * s) for c, s in OCTAGON if s >= 0], person.hair, factor
            )


FAR_PX = 30.0
"""Lower than this, a person is painted with few strokes."""


def _paint_afar(figure: _Figure, person: Person, swing: float, lit: float) -> None:
    """Legs, coat and head of somebody far away."""
    for side in (-1, 1):
        step = side * (0.04 + 0.03 * swing)
        figure.box(step - 0.045, 0.0, step + 0.045, 0.5, person.legs, lit)
    figure.part(
        [(-0.09, 0.42), (-0.14, 0.55), (-0.12, 0.83), (0.12, 0.83), (0.14, 0.55), (0.09, 0.42)],
        person.top,
        lit,
    )
    figure.box(-0.045, 0.85, 0.045, 0.99, person.hair if person.away else person.skin, lit)


def paint_pedestrian(view: View, person: Person, x: float, z: float, steps: float) -> None:
    """Paint somebody who walks along the road; `steps` counts double steps since they began."""
    lit, dim = view.light.front * 1.05, view.light.front * 0.8
    swing = wave(steps)
    view.shade(x, 0.28, z - 0.12, z + 0.2, 0.6)
    figure = _Figure(view, x, z, person.height_m, PEDESTRIAN)
    if view.size_px(person.height_m, z) < FAR_PX:
        _paint_afar(figure, person, swing, lit)
        return
    for side in (-1, 1):
        lift = max(0.0, side * swing) * 0.07
        knee = (side * 0.055 + 0.01 * swing, 0.26 + lift * 0.7)
        foot = (side * 0.05 + side * lift * 0.3, 0.03 + lift)
        shade = lit if side * swing > 0 else dim
        figure.limb((side * 0.05, 0.5), knee, 0.1, person.legs, shade)
        figure.limb(knee, foot, 0.075, person.legs, shade)
        figure.box(foot[0] - 0.03, foot[1] - 0.03, foot[0] + 0.03, foot[1] + 0.015, _SHOE, dim)
    for side in (-1, 1):
        hand = (side * 0.15, 0.45 + 0.03 * side * swing)
        figure.limb((side * 0.115, 0.81), hand, 0.065, scaled(person.top, 0.85), dim if side > 0 else lit)
        figure.box(hand[0] - 0.02, hand[1] - 0.03, hand[0] + 0.02, hand[1] + 0.01, person.skin, lit)
    _paint_trunk(figure, person, lit, dim)
    figure.head(0.0, 0.93, person, lit)


def _paint_trunk(figure: _Figure, person: Person, lit: float, dim: float) -> None:
    """Coat or jacket, one side in shade, a bag on the back, and the neck."""
    hem = 0.34 if person.coat else 0.46
    right = [(0.05, 0.85), (0.125, 0.8), (0.085, 0.62), (0.09, hem)]
    left = [(-x, y) for x, y in reversed(right)]
    figure.part([*left, *right], person.top, lit)
    figure.part([(0.02, hem), (0.03, 0.82), *right[1:]], person.top, dim)
    if person.bag and person.away:
        bag = [(-0.075, 0.56), (-0.08, 0.78), (-0.04, 0.82), (0.04, 0.82), (0.08, 0.78), (0.075, 0.56)]
        figure.part(bag, scaled(person.legs, 1.2), lit)
    figure.box(-0.02, 0.84, 0.02, 0.9, person.skin, dim)


def paint_crossing(view: View, person: Person, x: float, z: float, steps: float, *, rightwards: bool) -> None:
    """Paint somebody who crosses the road, seen from the side."""
    lit, dim = view.light.front * 1.05, view.light.front * 0.8
    swing = wave(steps)
    view.shade(x, 0.4, z - 0.12, z + 0.2, 0.6)
    figure = _Figure(view, x, z, person.height_m, PEDESTRIAN, mirrored=not rightwards)
    if view.size_px(person.height_m, z) < FAR_PX:
        _paint_afar(figure, person, swing, lit)
        return
    for side in (-1, 1):
        shade = lit if side > 0 else dim
        stride = side * swing * 0.17
        knee = (stride * 0.6 + 0.02, 0.27)
        figure.limb((0.0, 0.5), knee, 0.1, person.legs, shade)
        figure.limb(knee, (stride, 0.03), 0.075, person.legs, shade)
        figure.part(
            [(stride - 0.03, 0.0), (stride - 0.03, 0.04), (stride + 0.08, 0.02), (stride + 0.08, 0.0)],
            _SHOE,
            dim,
        )
        figure.limb((0.0, 0.8), (-stride * 0.7, 0.47), 0.06, scaled(person.top, 0.85), shade)
    hem = 0.34 if person.coat else 0.46
    figure.part(
        [(-0.07, hem), (-0.075, 0.7), (-0.04, 0.84), (0.04, 0.84), (0.065, 0.7), (0.06, hem)], person.top, lit
    )
    figure.part([(-0.02, 0.83), (-0.02, 0.9), (0.025, 0.9), (0.025, 0.83)], person.skin, dim)
    figure.head(0.01, 0.93, person, lit)


def paint_bicyclist(view: View, person: Person, x: float, z: float, turns: float) -> None:
    """Paint a bicyclist from behind or in front; `turns` counts turns of the pedals."""
    lit, dim = view.light.front * 1.05, view.light.front * 0.78
    view.shade(x, 0.22, z - 0.1, z + 1.4, 0.6)
    figure = _Figure(view, x, z, 1.0, BICYCLIST)
    sway = 0.015 * wave(turns)
    figure.part([(0.032 * c, 0.34 + 0.34 * s) for c, s in OCTAGON], _SHOE, 1.0)
    figure.box(-0.02, 0.34, 0.02, 0.95, (120, 40, 40), dim)
    _paint_pedalling(figure, person, turns, sway, lit)
    for side in (-1, 1):
        grip = side * 0.27
        figure.limb((side * 0.19 + sway, 1.42), (grip, 1.08), 0.1, scaled(person.top, 0.85), dim)
        figure.box(grip - 0.05, 1.04, grip + 0.05, 1.1, _SHOE, 1.0)
    right = [(0.08, 1.5), (0.21 + sway, 1.42), (0.15, 1.2), (0.16 + sway, 0.92)]
    left = [(-0.16 + sway, 0.92), (-0.15, 1.2), (-0.21 + sway, 1.42), (-0.08, 1.5)]
    figure.part([*left, *right], person.top, lit)
    figure.part([(0.03 + sway, 0.92), (0.05, 1.48), *right[1:]], person.top, dim)
    figure.part([(sway + 0.085 * c, 1.62 + 0.115 * s) for c, s in OCTAGON], person.skin, lit)
    figure.part([(sway + 0.1 * c, 1.66 + 0.09 * s) for c, s in OCTAGON if s >= 0.0], person.hair, lit)
    if person.away:
        figure.part([(0.02 * c, 0.78 + 0.03 * s) for c, s in OCTAGON[::2]], (220, 40, 40), 1.0)


def _paint_pedalling(figure: _Figure, person: Person, turns: float, sway: float, lit: float) -> None:
    """Two legs, half a turn apart."""
    for side in (-1, 1):
        pedal = 0.28 + 0.16 * wave(turns + (0.25 if side > 0 else 0.75))
        knee, foot = (side * 0.15, 0.62 + (pedal - 0.28) * 0.7), side * 0.11
        figure.limb((side * 0.09 + sway, 0.98), knee, 0.17, person.legs, lit if side < 0 else lit * 0.75)
        figure.limb(knee, (foot, pedal), 0.12, person.legs, lit * 0.75)
        figure.box(foot - 0.05, pedal - 0.05, foot + 0.05, pedal + 0.03, _SHOE, 1.0)
