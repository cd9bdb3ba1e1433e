"""Street furniture: lamps, signs on poles, traffic lights, and the crossings that they stand at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import POLE, ROAD, SIGN
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.ground import ROAD_HALF_M
from rtseg.sources.drive.texture import Rgb, scaled

if TYPE_CHECKING:
    from rtseg.sources.drive.view import View

STEEL: Rgb = (120, 124, 126)
_CIRCLE = (
    (1.0, 0.0), (0.866025, 0.5), (0.5, 0.866025), (0.0, 1.0), (-0.5, 0.866025), (-0.866025, 0.5),
    (-1.0, 0.0), (-0.866025, -0.5), (-0.5, -0.866025), (0.0, -1.0), (0.5, -0.866025), (0.866025, -0.5),
)  # fmt: skip
_TRIANGLE = ((0.0, 1.0), (0.9, -0.6), (-0.9, -0.6))
_SQUARE = ((-0.85, 0.85), (0.85, 0.85), (0.85, -0.85), (-0.85, -0.85))
_BOARD = ((-1.5, 0.7), (1.5, 0.7), (1.5, -0.7), (-1.5, -0.7))
_RED: Rgb = (196, 30, 36)
_WHITE: Rgb = (232, 232, 228)
_BLUE: Rgb = (28, 78, 168)

# Outline, rim and face colours, and the mark on the face.
_SIGNS = (
    (_CIRCLE, _RED, _WHITE, "bars"),
    (_CIRCLE, _BLUE, _BLUE, "arrow"),
    (_TRIANGLE, _RED, _WHITE, "stroke"),
    (_SQUARE, _WHITE, _BLUE, "arrow"),
    (_BOARD, _WHITE, (22, 96, 64), "bars"),
    (_CIRCLE, _RED, _RED, "bar"),
)


def paint_lamp(view: View, x: float, z: float, side: int, *, lit: bool) -> None:
    """Paint a street lamp whose arm reaches over the road."""
    high = 6.8
    _paint_post(view, x, z, 0.09, high, STEEL)
    tip = x - side * 1.5
    view.polygon([(x, high, z), (x, high - 0.12, z), (tip, high + 0.22, z), (tip, high + 0.32, z)], STEEL, POLE, view.light.front)
    head = [(tip + side * 0.1, high + 0.34, z), (tip - side * 0.6, high + 0.36, z), (tip - side * 0.55, high + 0.2, z), (tip + side * 0.1, high + 0.18, z)]
    view.polygon(head, (250, 226, 170) if lit else (150, 152, 154), POLE, 1.0)


def _paint_post(view: View, x: float, z: float, half: float, high: float, rgb: Rgb) -> None:
    view.polygon([(x - half, 0.0, z), (x - half * 0.7, high, z), (x + half * 0.7, high, z), (x + half, 0.0, z)], rgb, POLE, view.light.front)
    view.polygon([(x, 0.0, z), (x, high, z), (x + half * 0.7, high, z), (x + half, 0.0, z)], scaled(rgb, 0.6), POLE, view.light.front)
    if z < 30.0:
        view.polygon([(x - half * 1.5, 0.0, z), (x - half * 1.5, 0.9, z), (x + half * 1.5, 0.9, z), (x + half * 1.5, 0.0, z)], scaled(rgb, 0.75), POLE, view.light.front)


def paint_sign(view: View, x: float, z: float, kind: int) -> None:
    """Paint a traffic sign on its pole."""
    outline, rim, face, mark = _SIGNS[kind % len(_SIGNS)]
    centre, size = 2.6, 0.42
    _paint_post(view, x, z, 0.045, 2.9, STEEL)
    factor = max(0.75, view.light.front)

    def plate(points: tuple[tuple[float, float], ...], scale: float, rgb: Rgb, near: float) -> None:
        view.polygon([(x + a * size * scale, centre + b * size * scale, z - near) for a, b in points], rgb, SIGN, factor)

    plate(outline, 1.0, rim, 0.01)
    plate(outline, 0.72, face, 0.02)
    ink = (30, 30, 32) if face == _WHITE else _WHITE
    marks = {
        "bars": (((-0.45, 0.28), (0.45, 0.28), (0.45, 0.12), (-0.45, 0.12)), ((-0.45, -0.1), (0.3, -0.1), (0.3, -0.26), (-0.45, -0.26))),
        "arrow": (((-0.1, -0.5), (0.1, -0.5), (0.1, 0.2), (-0.1, 0.2)), ((-0.32, 0.15), (0.32, 0.15), (0.0, 0.55))),
        "stroke": (((-0.09, 0.35), (0.09, 0.35), (0.06, -0.2), (-0.06, -0.2)),),
        "bar": (((-0.6, 0.16), (0.6, 0.16), (0.6, -0.16), (-0.6, -0.16)),),
    }[mark]
    if z < 40.0:
        for points in marks:
            plate(points, 1.0, ink, 0.03)


def paint_traffic_light(view: View, x: float, z: float, state: int) -> None:
    """Paint a traffic light: 0 red, 1 amber, 2 green."""
    _paint_post(view, x, z, 0.06, 2.3, (60, 62, 64))
    view.polygon([(x - 0.2, 2.2, z), (x - 0.2, 3.25, z), (x + 0.2, 3.25, z), (x + 0.2, 2.2, z)], (30, 32, 34), SIGN, 1.0)
    lamps: tuple[tuple[Rgb, Rgb], ...] = (
        ((244, 50, 40), (70, 24, 24)), ((250, 176, 40), (74, 56, 24)), ((60, 232, 150), (22, 62, 48)),
    )  # fmt: skip
    for number, (bright, dull) in enumerate(lamps):
        y = 3.06 - 0.33 * number
        view.polygon([(x + 0.12 * a, y + 0.12 * b, z - 0.02) for a, b in _CIRCLE], bright if number == state else dull, SIGN, 1.0)


def paint_crossing_marks(view: View, z: float, seed: int, number: int) -> None:
    """Paint a zebra crossing's stripes and the line before it, on the road."""
    dice = Dice(seed, "zebra", number)
    rgb: Rgb = (214, 214, 208) if dice.chance(0.7) else (196, 196, 190)
    factor = min(1.0, view.light.top)
    stripe = -ROAD_HALF_M + 0.35
    while stripe + 0.55 < ROAD_HALF_M:
        view.polygon([(stripe, 0.0, z), (stripe + 0.55, 0.0, z), (stripe + 0.55, 0.0, z + 3.0), (stripe, 0.0, z + 3.0)], rgb, ROAD, factor)
        stripe += 1.1
    view.polygon([(0.2, 0.0, z - 1.6), (ROAD_HALF_M - 0.3, 0.0, z - 1.6), (ROAD_HALF_M - 0.3, 0.0, z - 1.2), (0.2, 0.0, z - 1.2)], rgb, ROAD, factor)
