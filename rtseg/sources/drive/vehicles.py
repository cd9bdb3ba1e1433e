"""Cars, vans and buses: bodies built from a side contour, seen from behind or in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import CAR
from rtseg.sources.drive.texture import Rgb, scaled

if TYPE_CHECKING:
    from rtseg.sources.drive.dice import Dice
    from rtseg.sources.drive.view import View

    Point = tuple[float, float, float]

GLASS: Rgb = (42, 50, 58)
TYRE: Rgb = (28, 28, 30)
_PAINTS: tuple[Rgb, ...] = (
    (196, 198, 202), (150, 154, 160), (52, 54, 60), (30, 32, 36), (146, 26, 30), (30, 56, 116), (222, 222, 218),
    (70, 92, 74), (96, 118, 146), (178, 160, 120), (110, 36, 44), (84, 86, 92),
)  # fmt: skip
# The outline of half a circle and back, in twelfths: no sine, so that it is the same everywhere.
_CIRCLE = (
    (1.0, 0.0), (0.866025, 0.5), (0.5, 0.866025), (0.0, 1.0), (-0.5, 0.866025), (-0.866025, 0.5),
    (-1.0, 0.0), (-0.866025, -0.5), (-0.5, -0.866025), (0.0, -1.0), (0.5, -0.866025), (0.866025, -0.5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A kind of vehicle.

    Attributes:
        length_m, half_m: length and half the width.
        contour: the upper outline from the rear to the front, (metres from the rear, height, half width, is glass
            from here to the next point).
        belt_m: height where the side windows begin, roof_m where they end.
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
    rgb = dice.pick(((222, 222, 218), (222, 222, 218), (170, 174, 178), (40, 60, 110))) if body is VAN else dice.pick(_PAINTS)
    return Vehicle(body, rgb, dice.pick(((226, 190, 60), (226, 226, 220))))


def bus_of(dice: Dice) -> Vehicle:
    """A bus."""
    return Vehicle(BUS, dice.pick(((160, 30, 34), (36, 84, 140), (216, 214, 206), (40, 110, 80))), (226, 190, 60))


def paint_vehicle(view: View, vehicle: Vehicle, x: float, z: float, *, oncoming: bool) -> None:
    """Paint a vehicle whose near end is `z` metres ahead, its middle `x` metres right of the centre line."""
    body = vehicle.body
    _paint_shadow(view, body, x, z)
    contour = body.contour
    if oncoming:
        contour = _reversed(body)
    at = _Placed(view, vehicle, x, z, contour, oncoming)
    _paint_top(at)
    offset = x + view.pose.bend(z) - view.pose.sideways_m
    if offset > body.half_m:
        _paint_side(at, -1)
    elif offset < -body.half_m:
        _paint_side(at, 1)
    _paint_end(at)


@dataclass(frozen=True, slots=True)
class _Placed:
    view: View
    vehicle: Vehicle
    x: float
    z: float
    contour: tuple[tuple[float, float, float, bool], ...]
    oncoming: bool

    def fill(self, points: list[Point], rgb: Rgb, factor: float) -> None:
        """Paint a polygon given relative to the vehicle."""
        self.view.polygon([(self.x + a, b, self.z + c) for a, b, c in points], rgb, CAR, factor)


def _reversed(body: Body) -> tuple[tuple[float, float, float, bool], ...]:
    """The contour from the front to the rear; the glass of a stretch moves to its other end."""
    points = body.contour
    return tuple(
        (body.length_m - p[0], p[1], p[2], points[i - 1][3] if i else False)
        for i, p in reversed(list(enumerate(points)))
    )


def _paint_shadow(view: View, body: Body, x: float, z: float) -> None:
    half, length = body.half_m + 0.12, body.length_m
    view.shade(
        [(x - half, 0.0, z - 0.15), (x + half, 0.0, z - 0.15), (x + half, 0.0, z + length), (x - half, 0.0, z + length)],
        view.light.shadow,
    )


def _paint_top(at: _Placed) -> None:
    """Bonnet, screens and roof, far ones first."""
    light = at.view.light
    for near, far in reversed(list(zip(at.contour, at.contour[1:], strict=False))):
        steep = abs(far[1] - near[1]) > 0.25 * abs(far[0] - near[0])
        quad = [(-near[2], near[1], near[0]), (near[2], near[1], near[0]), (far[2], far[1], far[0]), (-far[2], far[1], far[0])]
        if near[3]:
            at.fill(quad, scaled(at.vehicle.rgb, 0.8), light.front)
            at.fill(_inset(near, far), GLASS, light.front + 0.25)
            at.fill(_glint(near, far), (104, 120, 136), light.front + 0.1)
        else:
            at.fill(quad, at.vehicle.rgb, light.front if steep else light.top)


def _inset(near: tuple[float, float, float, bool], far: tuple[float, float, float, bool]) -> list[Point]:
    """A screen within its frame."""
    a, b = 0.08, 0.9
    low = tuple(near[k] + a * (far[k] - near[k]) for k in range(3))
    high = tuple(near[k] + b * (far[k] - near[k]) for k in range(3))
    return [
        (-low[2] + 0.07, low[1], low[0]),
        (low[2] - 0.07, low[1], low[0]),
        (high[2] - 0.07, high[1], high[0]),
        (-high[2] + 0.07, high[1], high[0]),
    ]


def _glint(near: tuple[float, float, float, bool], far: tuple[float, float, float, bool]) -> list[Point]:
    """The sky in a screen's upper part."""
    share = 0.62 if far[1] > near[1] else 0.12
    other = 0.9 if far[1] > near[1] else 0.35
    low = tuple(near[k] + share * (far[k] - near[k]) for k in range(3))
    high = tuple(near[k] + other * (far[k] - near[k]) for k in range(3))
    return [
        (-low[2] + 0.09, low[1], low[0]),
        (low[2] * 0.4, low[1], low[0]),
        (high[2] * 0.7, high[1], high[0]),
        (-high[2] + 0.09, high[1], high[0]),
    ]


def _paint_side(at: _Placed, side: int) -> None:
    """The side that looks towards the camera; `side` is +1 for the vehicle's right."""
    body, rgb = at.vehicle.body, at.vehicle.rgb
    factor = at.view.light.left if side > 0 else at.view.light.right
    half = side * body.half_m
    outline = [(side * p[2] if p[1] > body.belt_m + 0.1 else half, p[1], p[0]) for p in at.contour]
    at.fill([(half, 0.22, 0.0), *outline, (half, 0.22, body.length_m)], rgb, factor)
    at.fill([(half, 0.22, 0.1), (half, 0.42, 0.0), (half, 0.42, body.length_m), (half, 0.22, body.length_m)], scaled(rgb, 0.62), factor)
    top = side * min(p[2] for p in at.contour)
    for start, end in body.windows:
        if at.oncoming:
            start, end = body.length_m - end, body.length_m - start
        slope = 0.12
        at.fill(
            [(half, body.belt_m, start), (top, body.roof_m, start + slope), (top, body.roof_m, end - slope), (half, body.belt_m, end)],
            GLASS,
            factor + 0.2,
        )
    for along in (0.19 * body.length_m, 0.81 * body.length_m):
        _paint_wheel(at, half, along, body.wheel_m)


def _paint_wheel(at: _Placed, half: float, along: float, radius: float) -> None:
    for size, rgb in ((1.18, (18, 18, 20)), (1.0, TYRE), (0.62, (132, 134, 138)), (0.2, (60, 60, 64))):
        if size < 1.0 and at.z > 25.0:
            return
        r = radius * size
        at.fill([(half, radius + r * c, along + r * s) for c, s in _CIRCLE], rgb, 1.0)


def _paint_end(at: _Placed) -> None:
    """The end that looks towards the camera: panel, bumper, plate, lights, tyres."""
    body, rgb, factor = at.vehicle.body, at.vehicle.rgb, at.view.light.front
    top, half = at.contour[0][1], body.half_m
    tyre = body.wheel_m * 0.62
    for side in (-1, 1):
        a, b = side * (half - 0.02), side * (half - 0.02 - tyre)
        at.fill([(a, 0.0, 0.1), (a, 0.4, 0.1), (b, 0.4, 0.1), (b, 0.0, 0.1)], TYRE, 1.0)
    at.fill([(-half + 0.04, 0.22, 0.0), (-half, 0.5, 0.0), (-at.contour[0][2], top, 0.0),
             (at.contour[0][2], top, 0.0), (half, 0.5, 0.0), (half - 0.04, 0.22, 0.0)], rgb, factor)  # fmt: skip
    at.fill([(-half + 0.06, 0.22, -0.01), (-half, 0.44, -0.01), (half, 0.44, -0.01), (half - 0.06, 0.22, -0.01)],
            scaled(rgb, 0.55), factor)  # fmt: skip
    if at.z > 60.0:
        return
    if top > 1.6:
        _paint_tall_end(at, top)
    _paint_lights(at, min(top, 1.1))
    if at.z < 35.0:
        at.fill([(-0.26, 0.46, -0.02), (-0.26, 0.57, -0.02), (0.26, 0.57, -0.02), (0.26, 0.46, -0.02)],
                (226, 226, 220) if at.oncoming else at.vehicle.plate_rgb, factor)  # fmt: skip


def _paint_tall_end(at: _Placed, top: float) -> None:
    """The upper half of a van's or bus's end: a window each side of the middle, or one."""
    body = at.vehicle.body
    half = body.half_m - 0.18
    low, high = body.belt_m + 0.05, top - 0.3
    panes = ((-half, -0.05), (0.05, half)) if body is VAN else ((-half, half),)
    for a, b in panes:
        at.fill([(a, low, -0.01), (a, high, -0.01), (b, high, -0.01), (b, low, -0.01)], GLASS, 1.0)
        at.fill([(a, high - 0.25, -0.02), (a, high, -0.02), (b, high, -0.02), (b * 0.6 + a * 0.4, high - 0.25, -0.02)],
                (110, 126, 140), at.view.light.front)  # fmt: skip


def _paint_lights(at: _Placed, top: float) -> None:
    half = at.vehicle.body.half_m
    high, low = top - 0.06, top - 0.30
    rgb: Rgb = (236, 236, 226) if at.oncoming else (176, 22, 24)
    if at.oncoming:
        high, low = top - 0.02, top - 0.2
        at.fill([(-half * 0.5, low - 0.02, -0.01), (-half * 0.5, high, -0.01), (half * 0.5, high, -0.01),
                 (half * 0.5, low - 0.02, -0.01)], (36, 38, 40), 1.0)  # fmt: skip
    for side in (-1, 1):
        a, b = side * (half - 0.05), side * (half - (0.36 if at.oncoming else 0.22))
        at.fill([(a, low, -0.02), (a, high, -0.02), (b, high, -0.02), (b, low, -0.02)], rgb, 1.0)
