"""Where the road goes and where on it the camera is, as functions of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rtseg.sources.drive.dice import Dice

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


def centre_at(seed: int, distance_m: float) -> tuple[float, float]:
    """Sideways position in metres of the centre line, and its slope: a uniform cubic B-spline."""
    index = int(distance_m // KNOT_M)
    t = distance_m / KNOT_M - index
    a, b, c, d = (_knot(seed, index + k) for k in (-1, 0, 1, 2))
    r = 1.0 - t
    position = (
        r * r * r * a
        + (3.0 * t * t * t - 6.0 * t * t + 4.0) * b
        + (3.0 * r * r * r - 6.0 * r * r + 4.0) * c
        + t * t * t * d
    ) / 6.0
    slope = (-r * r * a + (3.0 * t * t - 4.0 * t) * b + (4.0 * r - 3.0 * r * r) * c + t * t * d) / 2.0
    return position, slope / KNOT_M


@dataclass(frozen=True, slots=True)
class Pose:
    """The camera at one moment.

    Attributes:
        seconds: since the drive began.
        travelled_m: along the road.
        sideways_m: right of the centre line.
        heading: slope of the road here, which the camera looks along.
        pitch: how far the horizon is moved down, in focal lengths.
        bends: sideways offset in metres of the centre line from where the camera looks, at 0, 1, … FAR_M metres
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
    here, heading = centre_at(seed, travelled)
    bends = tuple(centre_at(seed, travelled + z)[0] - here - heading * z for z in range(FAR_M + 1))
    sway = 0.14 * wave(seconds / 8.0 + dice.unit())
    pitch = 0.0014 * wave(seconds / 0.9 + dice.unit()) + 0.0030 * wave(seconds / 3.7 + dice.unit())
    return Pose(seconds, travelled, LANE_M + sway, heading, pitch, bends)


def bend_rows(pose: Pose, ahead_m: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """`Pose.bend` of many distances, float64 (N,)."""
    bends = np.array(pose.bends)
    clipped = np.clip(ahead_m, 0.0, FAR_M - 1e-6)
    metre = clipped.astype(np.int64)
    return bends[metre] + (clipped - metre) * (bends[metre + 1] - bends[metre])
