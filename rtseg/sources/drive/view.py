"""The picture being painted: perspective, polygons and textured walls. Image and labels are one canvas.

Coordinates: `x` metres right of the road's centre line, `y` metres above the road, `z` metres ahead of the
camera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.sources.drive.path import CAMERA_HEIGHT_M, FAR_M

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rtseg.sources.drive.light import Light
    from rtseg.sources.drive.path import Pose
    from rtseg.sources.drive.texture import Rgb

    Point = tuple[float, float, float]

NEAR_M = 0.8
"""Nothing nearer than this is painted."""

SHIFT = 4
UNIT = 1 << SHIFT
"""Polygon corners are in 1/UNIT pixels."""

PLAIN_BELOW_PX = 5
"""A wall narrower than this is painted in its mean colour."""


class View:
    """One frame's canvas; belongs to the call that renders it.

    Attributes:
        pixels: uint8 (H, W, 4): R, G, B, class id.
        focal_px, centre_u, horizon_v: the pinhole camera, in pixels.
    """

    def __init__(self, width: int, height: int, pose: Pose, light: Light) -> None:
        self.width, self.height = width, height
        self.pose, self.light = pose, light
        self.packed: NDArray[np.uint32] = np.empty((height, width), np.uint32)
        self.pixels = self.packed.view(np.uint8).reshape(height, width, 4)
        self.focal_px = focal_px_of(width, height)
        self.centre_u = width / 2
        self.horizon_v = HORIZON * height + pose.pitch * self.focal_px
        # A pixel's centre is at a whole number for cv2, at a half for the camera.
        self._origin_u, self._origin_v = self.centre_u - 0.5, self.horizon_v - 0.5
        self._limit = float(4 * (width + height))

    def project(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Column and row in pixels of a point with z >= NEAR_M."""
        scale = self.focal_px / z
        u = self.centre_u + scale * (x + self.pose.bend(z) - self.pose.sideways_m)
        return u, self.horizon_v + scale * (CAMERA_HEIGHT_M - y)

    def sees(self, x: float, z: float, half_m: float) -> bool:
        """Whether any of what reaches `half_m` to both sides of (x, z) is in the picture."""
        middle = x + self.pose.bend(z) - self.pose.sideways_m
        reach = self.centre_u * z / self.focal_px
        return -reach - half_m < middle < reach + half_m

    def size_px(self, metres: float, z: float) -> float:
        """How large `metres` are in the picture, `z` metres away: what is too small need not be painted."""
        return self.focal_px * metres / z

    def hazed(self, rgb: Rgb, z: float, factor: float = 1.0) -> tuple[int, int, int]:
        """A colour under light `factor`, as seen from `z` metres away."""
        seen = self.light.haze_m / (self.light.haze_m + z)
        lit = seen * factor
        rest = 1.0 - seen
        red, green, blue = self.light.haze
        return (
            min(255, int(rgb[0] * lit + red * rest)),
            min(255, int(rgb[1] * lit + green * rest)),
            min(255, int(rgb[2] * lit + blue * rest)),
        )

    def polygon(self, points: Sequence[Point], rgb: Rgb, label: int, factor: float = 1.0) -> None:
        """Paint a flat polygon, of any simple shape, in one colour and class."""
        corners = self._corners(points)
        if corners is not None:
            colour = (*self.hazed(rgb, max(points[0][2], NEAR_M), factor), label)
            cv2.fillPoly(self.pixels, [corners], colour, cv2.LINE_8, SHIFT)

    def shade(self, x: float, half_m: float, near_m: float, far_m: float, factor: float) -> None:
        """Darken a rectangle of ground; classes stay."""
        corners = self._corners(
            [
                (x - half_m, 0.0, near_m),
                (x + half_m, 0.0, near_m),
                (x + half_m, 0.0, far_m),
                (x - half_m, 0.0, far_m),
            ]
        )
        if corners is None:
            return
        (u0, v0), (u1, v1) = (corners.min(0) >> SHIFT).tolist(), (corners.max(0) >> SHIFT).tolist()
        u0, v0 = max(0, u0), max(0, v0)
        part = self.pixels[v0 : max(0, v1 + 2), u0 : max(0, u1 + 2), :3]
        if part.size == 0:
            return
        share = np.full((*part.shape[:2], 1), 256, np.uint16)
        corners -= np.array([u0 << SHIFT, v0 << SHIFT], np.int32)
        cv2.fillPoly(share, [corners], int(256 * factor), cv2.LINE_8, SHIFT)
        part[...] = (part * share) >> 8

    def flat(self, x: float, z: float) -> Flat:
        """An upright plane at (x, z) that faces the camera, to paint small things on."""
        return Flat(self, x, z)

    def _corners(self, points: Sequence[Point]) -> NDArray[np.int32] | None:
        """Corners in fixed point for cv2, or None where nothing lies beyond NEAR_M. The innermost loop."""
        bends, focal, sideways = self.pose.bends, self.focal_px, self.pose.sideways_m
        origin_u, origin_v, limit = self._origin_u, self._origin_v, self._limit
        corners = []
        for x, y, z in points:
            if z < NEAR_M:
                seen = _clipped(points)
                return self._corners(seen) if len(seen) >= 3 else None
            scale = focal / z
            metre = min(int(z), FAR_M - 1)
            bend = bends[metre] + (z - metre) * (bends[metre + 1] - bends[metre])
            u = origin_u + scale * (x + bend - sideways)
            v = origin_v + scale * (CAMERA_HEIGHT_M - y)
            if not (-limit < u < limit and -limit < v < limit):
                u, v = min(max(u, -limit), limit), min(max(v, -limit), limit)
            corners.append((int(u * UNIT), int(v * UNIT)))
        return np.array(corners, np.int32)


class Flat:
    """An upright plane facing the camera: points are (metres right of its middle, metres above the road)."""

    __slots__ = ("_horizon_v", "_scale", "_u", "_view", "_z")

    def __init__(self, view: View, x: float, z: float) -> None:
        self._view, self._z = view, z
        self._scale = view.focal_px / z * UNIT
        self._u, self._horizon_v = (value * UNIT for value in view.project(x, CAMERA_HEIGHT_M, z))
        self._u, self._horizon_v = self._u - UNIT // 2, self._horizon_v - UNIT // 2

    def polygon(
        self, points: Sequence[tuple[float, float]], rgb: Rgb, label: int, factor: float = 1.0
    ) -> None:
        """Paint a polygon of any simple shape."""
        u, v, scale = self._u, self._horizon_v, self._scale
        corners = np.array(
            [(int(u + a * scale), int(v + (CAMERA_HEIGHT_M - b) * scale)) for a, b in points], np.int32
        )
        colour = (*self._view.hazed(rgb, self._z, factor), label)
        cv2.fillPoly(self._view.pixels, [corners], colour, cv2.LINE_8, SHIFT)

    def box(
        self, left: float, bottom: float, right: float, top: float, rgb: Rgb, label: int, factor: float = 1.0
    ) -> None:
        """Paint an upright rectangle."""
        self.polygon(((left, bottom), (left, top), (right, top), (right, bottom)), rgb, label, factor)


HORIZON = 0.49
"""The horizon's row as a share of the height, on level road."""


def focal_px_of(width: int, height: int) -> float:
    """Focal length in pixels: about 65° across at 4:3 and 70° at 16:9."""
    return 0.43 * (width + height)


def _clipped(points: Sequence[Point]) -> Sequence[Point]:
    """The part of a polygon beyond NEAR_M (Sutherland and Hodgman 1974, for one plane)."""
    kept: list[Point] = []
    for a, b in zip(points, (*points[1:], points[0]), strict=True):
        if a[2] >= NEAR_M:
            kept.append(a)
        if (a[2] >= NEAR_M) != (b[2] >= NEAR_M):
            part = (NEAR_M - a[2]) / (b[2] - a[2])
            kept.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]), NEAR_M))
    return kept
