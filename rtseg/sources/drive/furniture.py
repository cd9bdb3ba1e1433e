"""Street furniture: lamps, signs on poles, traffic lights, and the crossings that they stand at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.sources.drive.classes import POLE, ROAD, SIGN
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.ground import ROAD_HALF_M
from rtseg.sources.drive.shapes import CIRCLE, Outline
from rtseg.sources.drive.texture import Rgb, scaled
from rtseg.sources.drive.view import NEAR_M

if TYPE_CHECKING:
    from rtseg.sources.drive.view import Flat, View

STEEL: Rgb = (120, 124, 126)
_TRIANGLE = ((0.0, 1.0), (0.9, -0.6), (-0.9, -0.6))
_SQUARE = ((-0.85, 0.85), (0.85, 0.85), (0.85, -0.85), (-0.85, -0.85))
_BOARD = ((-1.5, 0.7), (1.5, 0.7), (1.5, -0.7), (-1.5, -0.7))
_RED: Rgb = (196, 30, 36)
_WHITE: Rgb = (232, 232, 228)
_BLUE: Rgb = (28, 78, 168)

# Outline, rim and face colours, and the mark on the face.
_SIGNS = (
    (CIRCLE, _RED, _WHITE, "bars"),
    (CIRCLE, _BLUE, _BLUE, "arrow"),
    (_TRIANGLE, _RED, _WHITE, "stroke"),
    (_SQUARE, _WHITE, _BLUE, "arrow"),
    (_BOARD, _WHITE, (22, 96, 64), "bars"),
    (CIRCLE, _RED, _RED, "bar"),
)


_MARKS: dict[str, tuple[Outline, ...]] = {
    "bars": (
        ((-0.45, 0.28), (0.45, 0.28), (0.45, 0.12), (-0.45, 0.12)),
        ((-0.45, -0.1), (0.3, -0.1), (0.3, -0.26), (-0.45, -0.26)),
    ),
    "arrow": (
        ((-0.1, -0.5), (0.1, -0.5), (0.1, 0.2), (-0.1, 0.2)),
        ((-0.32, 0.15), (0.32, 0.15), (0.0, 0.55)),
    ),
    "stroke": (((-0.09, 0.35), (0.09, 0.35), (0.06, -0.2), (-0.06, -0.2)),),
    "bar": (((-0.6, 0.16), (0.6, 0.16), (0.6, -0.16), (-0.6, -0.16)),),
}
SIGN_KINDS = len(_SIGNS)
PLATE_HIGH_M, PLATE_HALF_M = 2.6, 0.42
"""Middle of a sign's plate above the ground, and half its size."""


def paint_lamp(view: View, x: float, z: float, side: int, *, lit: bool) -> None:
    """Paint a street lamp whose arm reaches over the road."""
    if z < NEAR_M:
        return
    high, reach = 6.8, -side
    place = view.flat(x, z)
    _paint_post(place, 0.09, high, STEEL, thick_foot=view.size_px(0.1, z) > 1.0)
    arm = ((0.0, high), (0.0, high - 0.12), (reach * 1.5, high + 0.22), (reach * 1.5, high + 0.32))
    place.polygon(arm, STEEL, POLE, view.light.front)
    head = (
        (reach * 1.4, high + 0.34),
        (reach * 2.1, high + 0.36),
        (reach * 2.05, high + 0.2),
        (reach * 1.4, high + 0.18),
    )
    place.polygon(head, (250, 226, 170) if lit else (150, 152, 154), POLE)


def _paint_post(post: Flat, half: float, high: float, rgb: Rgb, *, thick_foot: bool) -> None:
    post.polygon(((-half, 0.0), (-half * 0.7, high), (half * 0.7, high), (half, 0.0)), rgb, POLE, 0.9)
    if thick_foot:
        post.polygon(((0.0, 0.0), (0.0, high), (half * 0.7, high), (half, 0.0)), scaled(rgb, 0.6), POLE, 0.9)
        post.box(-half * 1.5, 0.0, half * 1.5, 0.9, scaled(rgb, 0.75), POLE, 0.9)


def paint_sign(view: View, x: float, z: float, kind: int) -> None:
    """Paint a traffic sign on its pole, `kind` below SIGN_KINDS."""
    if z < NEAR_M:
        return
    outline, rim, face, mark = _SIGNS[kind]
    near = view.size_px(0.1, z) > 1.0
    place = view.flat(x, z)
    _paint_post(place, 0.045, 2.9, STEEL, thick_foot=near)
    factor = max(0.75, view.light.front)
    _paint_plate(place, outline, 1.0, rim, factor)
    if face != rim:
        _paint_plate(place, outline, 0.72, face, factor)
    if near:
        ink: Rgb = (30, 30, 32) if face == _WHITE else _WHITE
        for points in _MARKS[mark]:
            _paint_plate(place, points, 1.0, ink, factor)


def _paint_plate(place: Flat, points: Outline, scale: float, rgb: Rgb, factor: float) -> None:
    size = PLATE_HALF_M * scale
    place.polygon([(a * size, PLATE_HIGH_M + b * size) for a, b in points], rgb, SIGN, factor)


def paint_traffic_light(view: View, x: float, z: float, state: int) -> None:
    """Paint a traffic light: 0 red, 1 amber, 2 green."""
    place = view.flat(x, z)
    _paint_post(place, 0.06, 2.3, (60, 62, 64), thick_foot=view.size_px(0.1, z) > 1.0)
    place.box(-0.2, 2.2, 0.2, 3.25, (30, 32, 34), SIGN)
    lamps: tuple[tuple[Rgb, Rgb], ...] = (
        ((244, 50, 40), (70, 24, 24)), ((250, 176, 40), (74, 56, 24)), ((60, 232, 150), (22, 62, 48)),
    )  # fmt: skip
    for number, (bright, dull) in enumerate(lamps):
        y = 3.06 - 0.33 * number
        place.polygon(
            [(0.12 * a, y + 0.12 * b) for a, b in CIRCLE], bright if number == state else dull, SIGN
        )


def paint_crossing_marks(view: View, z: float, seed: int, number: int) -> None:
    """Paint a zebra crossing's stripes and the line before it, on the road."""
    dice = Dice(seed, "zebra", number)
    rgb: Rgb = (214, 214, 208) if dice.chance(0.7) else (196, 196, 190)
    factor = min(1.0, view.light.top)
    stripe = -ROAD_HALF_M + 0.35
    while stripe + 0.55 < ROAD_HALF_M:
        view.polygon(
            [
                (stripe, 0.0, z),
                (stripe + 0.55, 0.0, z),
                (stripe + 0.55, 0.0, z + 3.0),
                (stripe, 0.0, z + 3.0),
            ],
            rgb,
            ROAD,
            factor,
        )
        stripe += 1.1
    view.polygon(
        [
            (0.2, 0.0, z - 1.6),
            (ROAD_HALF_M - 0.3, 0.0, z - 1.6),
            (ROAD_HALF_M - 0.3, 0.0, z - 1.2),
            (0.2, 0.0, z - 1.2),
        ],
        rgb,
        ROAD,
        factor,
    )
