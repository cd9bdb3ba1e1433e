"""Cars, vans and buses: bodies built from a side contour, seen from behind or in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.sources.drive.bodies import VAN
from rtseg.sources.drive.classes import CAR
from rtseg.sources.drive.shapes import CIRCLE
from rtseg.sources.drive.texture import Rgb, scaled
from rtseg.sources.drive.view import NEAR_M

if TYPE_CHECKING:
    from rtseg.sources.drive.bodies import Body, Vehicle
    from rtseg.sources.drive.view import Flat, View

    Point = tuple[float, float, float]

GLASS: Rgb = (42, 50, 58)
TYRE: Rgb = (28, 28, 30)


def paint_vehicle(view: View, vehicle: Vehicle, x: float, z: float, *, oncoming: bool) -> None:
    """Paint a vehicle whose near end is `z` metres ahead, its middle `x` metres right of the centre line."""
    body = vehicle.body
    if z + body.length_m < NEAR_M or not view.sees(x, max(z + body.length_m, NEAR_M), body.half_m + 0.5):
        return
    _paint_shadow(view, body, x, z)
    contour = body.contour
    if oncoming:
        contour = _reversed(body)
    at = _Placed(view, vehicle, x, z, contour, oncoming, view.size_px(0.1, max(z, NEAR_M)) > 1.2)
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
    near: bool

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
    view.shade(x, half, z - 0.15, z + length, view.light.shadow)


def _paint_top(at: _Placed) -> None:
    """Bonnet, screens and roof, far ones first."""
    light = at.view.light
    for near, far in reversed(list(zip(at.contour, at.contour[1:], strict=False))):
        steep = abs(far[1] - near[1]) > 0.25 * abs(far[0] - near[0])
        quad = [
            (-near[2], near[1], near[0]),
            (near[2], near[1], near[0]),
            (far[2], far[1], far[0]),
            (-far[2], far[1], far[0]),
        ]
        if near[3]:
            at.fill(quad, scaled(at.vehicle.rgb, 0.8), light.front)
            at.fill(_inset(near, far), GLASS, light.front + 0.25)
            if at.near:
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
    outline = [(side * p[2], p[1], p[0]) for p in at.contour]
    at.fill([(half, 0.22, 0.0), *outline, (half, 0.22, body.length_m)], rgb, factor)
    if at.near:
        sill = [
            (half, 0.22, 0.1),
            (half, 0.42, 0.0),
            (half, 0.42, body.length_m),
            (half, 0.22, body.length_m),
        ]
        at.fill(sill, scaled(rgb, 0.62), factor)
    top = side * min(p[2] for p in at.contour)
    for start, end in body.windows:
        if at.oncoming:
            start, end = body.length_m - end, body.length_m - start
        slope = 0.12
        at.fill(
            [
                (half, body.belt_m, start),
                (top, body.roof_m, start + slope),
                (top, body.roof_m, end - slope),
                (half, body.belt_m, end),
            ],
            GLASS,
            factor + 0.2,
        )
    for along in (0.19 * body.length_m, 0.81 * body.length_m):
        _paint_wheel(at, half, along, body.wheel_m)


def _paint_wheel(at: _Placed, half: float, along: float, radius: float) -> None:
    rings = ((1.18, (18, 18, 20)), (1.0, TYRE), (0.62, (132, 134, 138)), (0.2, (60, 60, 64)))
    for size, rgb in rings if at.near else rings[1:2]:
        r = radius * size
        at.fill([(half, radius + r * c, along + r * s) for c, s in CIRCLE], rgb, 1.0)


def _paint_end(at: _Placed) -> None:
    """The end that looks towards the camera: panel, bumper, plate, lights, tyres."""
    if at.z <= NEAR_M:
        return
    body, rgb, factor = at.vehicle.body, at.vehicle.rgb, at.view.light.front
    top, half, upper = at.contour[0][1], body.half_m, at.contour[0][2]
    end = at.view.flat(at.x, at.z)
    tyre = body.wheel_m * 0.62
    for side in (-1, 1):
        outer = side * (half - 0.02)
        end.box(outer, 0.0, outer - side * tyre, 0.4, TYRE, CAR, 1.0)
    panel = [(-half, 0.22), (-upper, top), (upper, top), (half, 0.22)]
    end.polygon(panel, rgb, CAR, factor)
    if at.view.size_px(0.2, at.z) < 1.0:
        return
    bumper = [(-half, 0.22), (-half, 0.44), (half, 0.44), (half, 0.22)]
    end.polygon(bumper, scaled(rgb, 0.55), CAR, factor)
    if top > 1.6:
        _paint_tall_end(at, end, top)
    _paint_lights(at, end, min(top, 1.1))
    if at.near:
        end.box(
            -0.26, 0.46, 0.26, 0.57, (226, 226, 220) if at.oncoming else at.vehicle.plate_rgb, CAR, factor
        )


def _paint_tall_end(at: _Placed, end: Flat, top: float) -> None:
    """The upper half of a van's or bus's end: a window each side of the middle, or one."""
    body = at.vehicle.body
    half = body.half_m - 0.18
    low, high = body.belt_m + 0.05, top - 0.3
    for a, b in ((-half, -0.05), (0.05, half)) if body is VAN else ((-half, half),):
        end.box(a, low, b, high, GLASS, CAR, 1.0)
        glint = [(a, high - 0.25), (a, high), (b, high), (b * 0.6 + a * 0.4, high - 0.25)]
        end.polygon(glint, (110, 126, 140), CAR, at.view.light.front)


def _paint_lights(at: _Placed, end: Flat, top: float) -> None:
    half = at.vehicle.body.half_m
    if at.oncoming:
        end.box(-half * 0.5, top - 0.22, half * 0.5, top - 0.02, (36, 38, 40), CAR, 1.0)
        for side in (-1, 1):
            end.box(
                side * (half - 0.05), top - 0.2, side * (half - 0.36), top - 0.02, (228, 226, 208), CAR, 1.0
            )
        return
    for side in (-1, 1):
        end.box(side * (half - 0.05), top - 0.3, side * (half - 0.22), top - 0.06, (176, 22, 24), CAR, 1.0)
