"""Where the road goes and where on it the camera is, as functions of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rtseg.sources.drive.dice import Dice

Metres = np.ndarray[tuple[int], np.dtype[np.float64]]

KNOT_M = 60.0
"""Distance between the control points of the road's centre line."""

SWING_M = 5.0
"""How far a control point lies off the straight, at most."""

FAR_M = 220
"""What is farther is part of the backdrop."""

CAMERA_HEIGHT_M = 1.5
LANE_M = 1.45
"""From the centre line to the middle of the lane."""


@lru_cache(maxsize=4096)
def _knot(seed: int, index: int) -> float:
    return Dice(seed, "road", index).between(-SWING_M, SWING_M)


def wave(turns: float) -> float:
    """A smooth wave of period 1 and height ±1 out of two parabolas: a sine would differ between machines."""
    phase = turns - int(turns // 1.0)
    if phase < 0.5:
        return 16.0 * phase * (0.5 - phase)
    return -16.0 * (phase - 0.5) * (1.0 - phase)


def centres_at(seed: int, start_m: float, count: int) -> tuple[Metres, float]:
    """Sideways positions of the centre line at `start_m` and every metre after it; its slope at `start_m`.

    A uniform cubic B-spline; float64 (count,).
    """
    at = (start_m + np.arange(count)) / KNOT_M
    first = int(at[0] // 1.0)
    knots = np.array([_knot(seed, first + k) for k in range(-1, int(count / KNOT_M) + 4)])
    index = np.floor(at).astype(np.int64) - first
    t = at - np.floor(at)
    a, b, c, d = (knots[index + k] for k in range(4))
    r = 1.0 - t
    square, cube = t * t, t * t * t
    back = r * r
    position = (
        back * r * a
        + (3.0 * cube - 6.0 * square + 4.0) * b
        + (3.0 * back * r - 6.0 * back + 4.0) * c
        + cube * d
    ) / 6.0
    slope = (-back * a + (3.0 * square - 4.0 * t) * b + (4.0 * r - 3.0 * back) * c + square * d) / 2.0
    return position, float(slope[0]) / KNOT_M


@dataclass(frozen=True, slots=True)
class Pose:
    """The camera at one moment.

    Attributes:
        seconds: since the drive began.
        travelled_m: along the road.
        sideways_m: right of the centre line.
        heading: slope of the road here, which the camera looks along.
        pitch: how far the horizon is moved down, in focal lengths.
        bends: how far right of where the camera looks the centre line is, in metres, at 0, 1, … FAR_M metres
            ahead.
    """

    seconds: float
    travelled_m: float
    sideways_m: float
    heading: float
    pitch: float
    bends: tuple[float, ...]

    def bend(self, ahead_m: float) -> float:
        """`bends`, interpolated."""
        if ahead_m <= 0.0:
            return self.bends[0]
        if ahead_m >= FAR_M:
            return self.bends[FAR_M]
        metre = int(ahead_m)
        return self.bends[metre] + (ahead_m - metre) * (self.bends[metre + 1] - self.bends[metre])


def travelled_at(seed: int, seconds: float) -> float:
    """Metres along the road: about 10 m/s, between 8 and 12."""
    dice = Dice(seed, "speed")
    speed, phase = dice.between(9.6, 10.4), dice.unit()
    return speed * seconds + 3.0 * (wave(seconds / 15.0 + phase) - wave(phase))


def pose_at(seed: int, seconds: float) -> Pose:
    """Where the camera is, `seconds` after the start."""
    dice = Dice(seed, "sway")
    travelled = travelled_at(seed, seconds)
    centres, heading = centres_at(seed, travelled, FAR_M + 1)
    bends = centres - centres[0] - heading * np.arange(FAR_M + 1)
    sway = 0.14 * wave(seconds / 8.0 + dice.unit())
    pitch = 0.0014 * wave(seconds / 0.9 + dice.unit()) + 0.0030 * wave(seconds / 3.7 + dice.unit())
    return Pose(seconds, travelled, LANE_M + sway, heading, pitch, tuple(bends.tolist()))


def bends_at(pose: Pose, ahead_m: Metres) -> Metres:
    """`Pose.bend` of many distances."""
    bends = np.array(pose.bends)
    clipped = np.clip(ahead_m, 0.0, FAR_M - 1e-6)
    metre = clipped.astype(np.int64)
    between: Metres = bends[metre] + (clipped - metre) * (bends[metre + 1] - bends[metre])
    return between
