"""Pictures and items that the stages' tests share."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from rtseg.frame import Frame, Labelled, LabelMap
from rtseg.picture import plane_view
from rtseg.stages.colours import matrix_of, range_of, yuv_from_rgb


def yuv_picture(
    size: tuple[int, int],
    *,
    pixel_format: str = "yuv420p",
    colorspace: int = 1,
    color_range: int = 1,
    seed: int = 0,
) -> av.VideoFrame:
    """A smooth picture with noise, (width, height)."""
    picture = av.VideoFrame(*size, pixel_format)
    picture.colorspace, picture.color_range = colorspace, color_range
    picture.pts, picture.time_base = 7, Fraction(1, 25)
    rng = np.random.default_rng(seed)
    for index in range(3):
        view = plane_view(picture, index)
        view[:] = rng.integers(16, 236, view.shape, np.uint8)
    return picture


def flat_picture(
    size: tuple[int, int],
    colour_rgb: tuple[int, int, int],
    *,
    pixel_format: str,
    colorspace: int,
    color_range: int,
) -> av.VideoFrame:
    """A picture of one colour, (width, height)."""
    picture = yuv_picture(size, pixel_format=pixel_format, colorspace=colorspace, color_range=color_range)
    levels = np.rint(yuv_from_rgb([colour_rgb], matrix_of(picture), range_of(picture)))[0]
    for index in range(3):
        plane_view(picture, index)[:] = int(levels[index])
    return picture


def frame_of(picture: av.VideoFrame) -> Frame:
    return Frame(0, 7, Fraction(1, 25), 0, picture)


def labelled(picture: av.VideoFrame, ids: np.ndarray) -> Labelled:
    return Labelled(frame_of(picture), LabelMap(ids))
