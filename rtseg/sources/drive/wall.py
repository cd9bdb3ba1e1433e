"""Textured walls: upright, over any line on the ground, in true perspective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtseg.sources.drive.path import CAMERA_HEIGHT_M
from rtseg.sources.drive.texture import CLEAR
from rtseg.sources.drive.view import NEAR_M, SHIFT, UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtseg.sources.drive.texture import Level, Texture
    from rtseg.sources.drive.view import View

    End = tuple[float, float, float]
    Floats = NDArray[np.float64]

PLAIN_BELOW_PX = 5
"""A wall narrower than this is painted in its mean colour."""

FRACTION_BITS = 16
"""Of a row in a texture, in fixed point."""


def paint_wall(
    view: View,
    texture: Texture,
    start: tuple[float, float],
    end: tuple[float, float],
    bottom: float,
    top: float,
    factor: float = 1.0,
) -> None:
    """Put a texture on the wall over the line from `start` to `end`, each (x, z), in the light `factor`.

    The texture's first column is at `start`, its first row at `top` metres; what is clear stays as it was.
    """
    ends = _ends(view, start, end)
    if ends is None:
        return
    (x0, z0, share0), (x1, z1, share1) = ends
    u0, u1 = (view.centre_u + view.focal_px * x / z for x, z in ((x0, z0), (x1, z1)))
    first, last = _column_after(view, min(u0, u1)), _column_after(view, max(u0, u1))
    if first >= last:
        return
    if abs(u1 - u0) < PLAIN_BELOW_PX and texture.solid:
        _paint_plain(view, texture, ((u0, z0), (u1, z1)), (bottom, top), factor)
        return
    ray = (np.arange(first, last) + 0.5 - view.centre_u) / view.focal_px
    along = np.clip((ray * z0 - x0) / ((x1 - x0) - ray * (z1 - z0)), 0.0, 1.0)
    share, depth = share0 + along * (share1 - share0), z0 + along * (z1 - z0)
    _paint_columns(view, texture, first, share, depth, (bottom, top), factor)


def _column_after(view: View, u: float) -> int:
    """The first column of the picture whose middle is right of `u`."""
    return int(min(max(u + 0.5, 0.0), float(view.width)))


def _ends(view: View, start: tuple[float, float], end: tuple[float, float]) -> tuple[End, End] | None:
    """Both ends as (x from the camera, z, share of the texture's width), cut at NEAR_M."""
    a, b = (
        (x + view.pose.bend(z) - view.pose.sideways_m, z, share)
        for (x, z), share in ((start, 0.0), (end, 1.0))
    )
    if a[1] < NEAR_M and b[1] < NEAR_M:
        return None
    return (_cut(a, b) if a[1] < NEAR_M else a), (_cut(b, a) if b[1] < NEAR_M else b)


def _cut(outside: End, inside: End) -> End:
    """The point of a line at NEAR_M."""
    part = (NEAR_M - outside[1]) / (inside[1] - outside[1])
    x, share = (outside[k] + part * (inside[k] - outside[k]) for k in (0, 2))
    return x, NEAR_M, share


def _paint_plain(
    view: View,
    texture: Texture,
    ends: tuple[tuple[float, float], tuple[float, float]],
    extent: tuple[float, float],
    factor: float,
) -> None:
    (u0, z0), (u1, z1) = ends
    bottom, top = extent
    corners = [
        (
            int((u - 0.5) * UNIT),
            int((view.horizon_v - 0.5 + view.focal_px * (CAMERA_HEIGHT_M - y) / z) * UNIT),
        )
        for u, z, y in ((u0, z0, bottom), (u0, z0, top), (u1, z1, top), (u1, z1, bottom))
    ]
    colour = (*view.hazed(texture.mean_rgb, (z0 + z1) / 2, factor), texture.label)
    cv2.fillPoly(view.pixels, [np.array(corners, np.int32)], colour, cv2.LINE_8, SHIFT)


def _paint_columns(
    view: View,
    texture: Texture,
    first: int,
    share: Floats,
    depth: Floats,
    extent: tuple[float, float],
    factor: float,
) -> None:
    """Paint neighbouring columns of the picture, each a stretch of one column of the texture."""
    bottom, top = extent
    scale = view.focal_px / depth
    high = view.horizon_v + scale * (CAMERA_HEIGHT_M - top)
    low = view.horizon_v + scale * (CAMERA_HEIGHT_M - bottom)
    v0, v1 = max(0, int(high.min() // 1.0)), min(view.height, int(low.max()) + 1)
    if v0 >= v1:
        return
    level = _level(texture, float(low[0] - high[0] + low[-1] - high[-1]) / 2)
    step = level.rows / (low - high)
    index = _texel_index(level, (v0 + 0.5 - high) * step, step, v1 - v0)
    index += np.minimum((share * level.columns).astype(np.int32), level.columns - 1)
    texels = level.packed.take(index)
    _light(view, texels, depth, factor)
    labels = texels.view(np.uint8).reshape(*texels.shape, 4)[..., 3]
    np.copyto(view.packed[v0:v1, first : first + len(depth)], texels, where=labels != CLEAR)


def _level(texture: Texture, height_px: float) -> Level:
    """The level whose texels are nearest to a pixel in size."""
    texels_a_pixel = texture.levels[0].rows / height_px
    number = 0
    while texels_a_pixel > 1.5 and number + 1 < len(texture.levels):
        texels_a_pixel /= 2
        number += 1
    return texture.levels[number]


def _texel_index(level: Level, begin: Floats, step: Floats, rows: int) -> NDArray[np.int32]:
    """Index of the first texel of the texture's row that each pixel sees, int32 (rows, columns)."""
    # Kept clear of overflow: beyond the texture it does not matter how far.
    limit = float(1 << 29)
    start = np.clip(begin * (1 << FRACTION_BITS), -limit, limit).astype(np.int32)
    stride = np.clip(step * (1 << FRACTION_BITS), 0.0, limit / rows).astype(np.int32)
    index = np.arange(rows, dtype=np.int32)[:, None] * stride
    index += start
    index >>= FRACTION_BITS
    index += 1
    np.clip(index, 0, level.rows + 1, out=index)
    index *= level.columns
    return index


def _light(view: View, texels: NDArray[np.uint32], depth: Floats, factor: float) -> None:
    """Apply light and haze in place, column by column; the class byte stays."""
    seen = view.light.haze_m / (view.light.haze_m + depth)
    gain = np.empty((len(depth), 4), np.uint16)
    rise = np.zeros((len(depth), 4), np.uint16)
    gain[:, :3] = (seen * (factor * 256)).astype(np.uint16)[:, None]
    gain[:, 3] = 256
    rise[:, :3] = (256.0 * (1.0 - seen)).astype(np.uint16)[:, None] * np.array(view.light.haze, np.uint16)
    channels = texels.view(np.uint8).reshape(*texels.shape, 4)
    if factor > 1.0:
        # Nothing may be brighter than what a byte holds once lit.
        np.minimum(channels, _BRIGHTEST[int(factor * 16) + 1], out=channels)
    lit = channels * gain
    lit += rise
    channels[...] = lit >> np.uint16(8)


_BRIGHTEST = [np.array([255 * 16 // max(sixteenths, 16)] * 3 + [255], np.uint8) for sixteenths in range(33)]
"""By light in sixteenths: the brightest texel that still fits a byte once lit."""
