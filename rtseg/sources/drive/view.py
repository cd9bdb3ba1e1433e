"""The picture being painted: perspective, polygons and textured walls. Image and labels are one canvas.

Coordinates: `x` metres right of the road's centre line, `y` metres above the road, `z` metres ahead of the camera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.sources.drive.path import CAMERA_HEIGHT_M

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rtseg.sources.drive.light import Light
    from rtseg.sources.drive.path import Pose
    from rtseg.sources.drive.texture import Level, Rgb, Texture

    Point = tuple[float, float, float]

NEAR_M = 0.8
"""Nothing nearer than this is painted."""

SHIFT = 4
"""Polygon corners carry this many bits of a pixel's fraction."""

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
        self._limit = 4 * (width + height)

    def project(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Column and row in pixels of a point with z >= NEAR_M."""
        scale = self.focal_px / z
        u = self.centre_u + scale * (x + self.pose.bend(z) - self.pose.sideways_m)
        return u, self.horizon_v + scale * (CAMERA_HEIGHT_M - y)

    def hazed(self, rgb: Rgb, z: float, factor: float = 1.0) -> tuple[int, int, int]:
        """A colour under light `factor`, as seen from `z` metres away."""
        seen = self.light.haze_m / (self.light.haze_m + z)
        lit = seen * factor
        hr, hg, hb = self.light.haze
        rest = 1.0 - seen
        return (
            min(255, int(rgb[0] * lit + hr * rest)),
            min(255, int(rgb[1] * lit + hg * rest)),
            min(255, int(rgb[2] * lit + hb * rest)),
        )

    def polygon(self, points: Sequence[Point], rgb: Rgb, label: int, factor: float = 1.0) -> None:
        """Paint a flat polygon, of any simple shape, in one colour and class."""
        seen = _clipped(points)
        if len(seen) < 3:
            return
        depth = sum(p[2] for p in seen) / len(seen)
        corners = self._corners([self.project(*p) for p in seen])
        cv2.fillPoly(self.pixels, [corners], (*self.hazed(rgb, depth, factor), label), cv2.LINE_8, SHIFT)

    def shade(self, points: Sequence[Point], factor: float) -> None:
        """Darken what a polygon covers; classes stay."""
        seen = _clipped(points)
        if len(seen) < 3:
            return
        corners = self._corners([self.project(*p) for p in seen])
        low, high = corners.min(0) >> SHIFT, (corners.max(0) >> SHIFT) + 1
        u0, v0 = max(0, int(low[0])), max(0, int(low[1]))
        u1, v1 = min(self.width, int(high[0]) + 1), min(self.height, int(high[1]) + 1)
        if u0 >= u1 or v0 >= v1:
            return
        mask = np.zeros((v1 - v0, u1 - u0), np.uint8)
        cv2.fillPoly(mask, [corners - np.array([u0, v0], np.int32) * (1 << SHIFT)], 1, cv2.LINE_8, SHIFT)
        part = self.pixels[v0:v1, u0:u1]
        where = mask.astype(bool)
        dark = (part[where][:, :3].astype(np.uint16) * int(256 * factor)) >> 8
        part[where, :3] = dark

    def _corners(self, points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        limit = self._limit
        unit = 1 << SHIFT
        return np.array(
            [
                # A pixel's centre is at a whole number for cv2, at a half for the camera.
                (int((min(max(u, -limit), limit) - 0.5) * unit), int((min(max(v, -limit), limit) - 0.5) * unit))
                for u, v in points
            ],
            np.int32,
        )

    def wall(
        self,
        texture: Texture,
        start: tuple[float, float],
        end: tuple[float, float],
        bottom: float,
        top: float,
        factor: float = 1.0,
    ) -> None:
        """Put a texture on an upright wall over the ground line from `start` to `end`, each (x, z).

        The texture's first column is at `start`, its first row at `top` metres.
        """
        ends = self._wall_ends(start, end)
        if ends is None:
            return
        (x0, z0, t0), (x1, z1, t1) = ends
        u0 = self.centre_u + self.focal_px * x0 / z0
        u1 = self.centre_u + self.focal_px * x1 / z1
        first, last = int(max(0.0, np.ceil(min(u0, u1) - 0.5))), int(min(self.width, np.ceil(max(u0, u1) - 0.5)))
        if first >= last:
            return
        if abs(u1 - u0) < PLAIN_BELOW_PX and texture.solid:
            self._plain(texture, (u0, z0), (u1, z1), bottom, top, factor)
            return
        ray = (np.arange(first, last) + 0.5 - self.centre_u) / self.focal_px
        along = np.clip((ray * z0 - x0) / ((x1 - x0) - ray * (z1 - z0)), 0.0, 1.0)
        depth = z0 + along * (z1 - z0)
        self._columns(texture, first, t0 + along * (t1 - t0), depth, (bottom, top), factor)

    def _wall_ends(
        self, start: tuple[float, float], end: tuple[float, float]
    ) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
        """Both ends as (x from the camera, z, share of the texture's width), cut at NEAR_M."""
        ends = []
        for x, z, share in ((*start, 0.0), (*end, 1.0)):
            ends.append((x + self.pose.bend(z) - self.pose.sideways_m, z, share))
        a, b = ends
        if a[1] < NEAR_M and b[1] < NEAR_M:
            return None
        if a[1] < NEAR_M:
            return _between(a, b), b
        if b[1] < NEAR_M:
            return a, _between(b, a)
        return a, b

    def _plain(
        self,
        texture: Texture,
        start: tuple[float, float],
        end: tuple[float, float],
        bottom: float,
        top: float,
        factor: float,
    ) -> None:
        points = []
        for (u, z), y in ((start, bottom), (start, top), (end, top), (end, bottom)):
            points.append((u, self.horizon_v + self.focal_px * (CAMERA_HEIGHT_M - y) / z))
        colour = self.hazed(texture.mean_rgb, (start[1] + end[1]) / 2, factor)
        cv2.fillPoly(self.pixels, [self._corners(points)], (*colour, texture.label), cv2.LINE_8, SHIFT)

    def _columns(
        self,
        texture: Texture,
        first: int,
        share: NDArray[np.float64],
        depth: NDArray[np.float64],
        extent: tuple[float, float],
        factor: float,
    ) -> None:
        """Paint neighbouring columns, each a stretch of one column of the texture."""
        bottom, top = extent
        scale = self.focal_px / depth
        high = self.horizon_v + scale * (CAMERA_HEIGHT_M - top)
        low = self.horizon_v + scale * (CAMERA_HEIGHT_M - bottom)
        v0 = int(max(0.0, np.floor(high.min())))
        v1 = int(min(self.height, np.ceil(low.max())))
        if v0 >= v1:
            return
        level = self._level(texture, low - high)
        step = level.rows / (low - high)
        begin = (v0 + 0.5 - high) * step
        column = np.minimum((share * level.columns).astype(np.int32), level.columns - 1)
        index = _texel_index(level, begin, step, v1 - v0)
        index += column
        texels = level.packed.take(index)
        self._lit(texels, depth, factor)
        target = self.packed[v0:v1, first : first + len(depth)]
        np.copyto(target, texels, where=texels >= np.uint32(0) if texture.solid and False else _there(texels))

    def _level(self, texture: Texture, heights_px: NDArray[np.float64]) -> Level:
        """The level whose texels are nearest to a pixel in size."""
        texels_a_pixel = texture.levels[0].rows / float(heights_px.max() + heights_px.min()) * 2
        index = 0
        while texels_a_pixel > 1.5 and index + 1 < len(texture.levels):
            texels_a_pixel /= 2
            index += 1
        return texture.levels[index]

    def _lit(self, texels: NDArray[np.uint32], depth: NDArray[np.float64], factor: float) -> None:
        """Apply light and haze in place, column by column; the class byte stays."""
        seen = self.light.haze_m / (self.light.haze_m + depth)
        gain = np.empty((len(depth), 4), np.uint32)
        rise = np.zeros((len(depth), 4), np.uint32)
        gain[:, :3] = (seen * (factor * 256)).astype(np.uint32)[:, None]
        gain[:, 3] = 256
        rest = (256.0 * (1.0 - seen)).astype(np.uint32)
        rise[:, :3] = rest[:, None] * np.array(self.light.haze, np.uint32)
        # Where light exceeds 1 the sum could pass 255: clip by giving the haze no more than what is left.
        channels = texels.view(np.uint8).reshape(*texels.shape, 4)
        wide = channels.astype(np.uint32) if factor > 1.0 else channels.astype(np.uint16)
        wide *= gain.astype(wide.dtype)
        wide += rise.astype(wide.dtype)
        wide >>= 8
        if factor > 1.0:
            np.minimum(wide, 255, out=wide)
        channels[...] = wide


HORIZON = 0.49
"""The horizon's row as a share of the height, on level road."""


def focal_px_of(width: int, height: int) -> float:
    """Focal length in pixels: about 65° across at 4:3 and 70° at 16:9."""
    return 0.43 * (width + height)


def _there(texels: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which texels are not clear."""
    labels: NDArray[np.uint8] = texels.view(np.uint8).reshape(*texels.shape, 4)[..., 3]
    return labels != 255


def _texel_index(
    level: Level, begin: NDArray[np.float64], step: NDArray[np.float64], rows: int
) -> NDArray[np.int32]:
    """Index of the first texel of the texture's row that each pixel sees, int32 (rows, columns)."""
    limit = float(1 << 29)
    start = np.clip(begin * 65536.0, -limit, limit).astype(np.int32)
    stride = np.clip(step * 65536.0, 0.0, limit / rows).astype(np.int32)
    index = np.arange(rows, dtype=np.int32)[:, None] * stride
    index += start
    index >>= 16
    index += 1
    np.clip(index, 0, level.rows + 1, out=index)
    index *= level.columns
    return index


def _between(
    outside: tuple[float, float, float], inside: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The point of a line at NEAR_M."""
    part = (NEAR_M - outside[1]) / (inside[1] - outside[1])
    return (
        outside[0] + part * (inside[0] - outside[0]),
        NEAR_M,
        outside[2] + part * (inside[2] - outside[2]),
    )


def _clipped(points: Sequence[Point]) -> Sequence[Point]:
    """The part of a polygon beyond NEAR_M (Sutherland and Hodgman 1974, for one plane)."""
    if min(p[2] for p in points) >= NEAR_M:
        return points
    kept: list[Point] = []
    for a, b in zip(points, (*points[1:], points[0]), strict=True):
        if a[2] >= NEAR_M:
            kept.append(a)
        if (a[2] >= NEAR_M) != (b[2] >= NEAR_M):
            part = (NEAR_M - a[2]) / (b[2] - a[2])
            kept.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]), NEAR_M))
    return kept
