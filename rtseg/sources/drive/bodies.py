"""Kinds of vehicles: what paint_vehicle builds from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtseg.sources.drive.dice import Dice
    from rtseg.sources.drive.texture import Rgb

_PAINTS: tuple[Rgb, ...] = (
    (196, 198, 202), (150, 154, 160), (52, 54, 60), (30, 32, 36), (146, 26, 30), (30, 56, 116),
    (222, 222, 218), (70, 92, 74), (96, 118, 146), (178, 160, 120), (110, 36, 44), (84, 86, 92),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A kind of vehicle.

    Attributes:
        length_m, half_m: length and half the width.
        contour: the upper outline from the rear to the front, (metres from the rear, height, half width, is
            glass from here to the next point).
        belt_m, roof_m: heights where the side windows begin and end.
        windows: side windows as (from, to) in metres from the rear.
        wheel_m: radius.
    """

    length_m: float
    half_m: float
    contour: tuple[tuple[float, float, float, bool], ...]
    belt_m: float
    roof_m: float
    windows: tuple[tuple[float, float], ...]
    wheel_m: float


HATCHBACK = Body(
    4.0, 0.86,
    ((0.0, 0.92, 0.84, True), (0.5, 1.42, 0.66, False), (2.2, 1.46, 0.66, True), (3.0, 0.98, 0.82, False),
     (3.9, 0.80, 0.80, False), (4.0, 0.62, 0.80, False)),
    0.95, 1.36, ((0.45, 1.45), (1.55, 2.7)), 0.31,
)  # fmt: skip
SALOON = Body(
    4.6, 0.9,
    ((0.0, 0.90, 0.84, False), (0.75, 0.98, 0.84, True), (1.4, 1.40, 0.66, False), (2.7, 1.42, 0.66, True),
     (3.5, 0.95, 0.84, False), (4.5, 0.78, 0.82, False), (4.6, 0.6, 0.8, False)),
    0.95, 1.34, ((1.2, 1.95), (2.05, 3.2)), 0.32,
)  # fmt: skip
OFFROADER = Body(
    4.5, 0.94,
    ((0.0, 1.05, 0.92, True), (0.3, 1.66, 0.78, False), (2.9, 1.70, 0.78, True), (3.5, 1.12, 0.90, False),
     (4.4, 0.98, 0.90, False), (4.5, 0.7, 0.9, False)),
    1.1, 1.6, ((0.35, 1.1), (1.2, 2.0), (2.1, 3.2)), 0.37,
)  # fmt: skip
VAN = Body(
    5.2, 1.0,
    ((0.0, 2.15, 0.94, False), (3.7, 2.2, 0.94, True), (4.45, 1.25, 0.98, False), (5.1, 1.05, 0.96, False),
     (5.2, 0.7, 0.96, False)),
    1.25, 1.95, ((3.1, 4.1),), 0.35,
)  # fmt: skip
BUS = Body(
    10.0, 1.24,
    ((0.0, 3.0, 1.2, False), (9.9, 3.0, 1.2, True), (10.0, 1.1, 1.24, False)),
    1.2, 2.5, ((0.6, 2.4), (2.5, 4.4), (4.5, 6.4), (6.5, 8.4), (8.5, 9.7)), 0.48,
)  # fmt: skip
_FLEET = (HATCHBACK, HATCHBACK, HATCHBACK, SALOON, SALOON, OFFROADER, VAN)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle's looks."""

    body: Body
    rgb: Rgb
    plate_rgb: Rgb


def vehicle_of(dice: Dice) -> Vehicle:
    """Any vehicle but a bus."""
    body = dice.pick(_FLEET)
    rgb = (
        dice.pick(((222, 222, 218), (222, 222, 218), (170, 174, 178), (40, 60, 110)))
        if body is VAN
        else dice.pick(_PAINTS)
    )
    return Vehicle(body, rgb, dice.pick(((226, 190, 60), (226, 226, 220))))


def bus_of(dice: Dice) -> Vehicle:
    """A bus."""
    return Vehicle(
        BUS, dice.pick(((160, 30, 34), (36, 84, 140), (216, 214, 206), (40, 110, 80))), (226, 190, 60)
    )
