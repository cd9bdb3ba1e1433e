"""How a picture encodes colour: its matrix and its range, and RGB colours in those terms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from av.video.reformatter import ColorRange

if TYPE_CHECKING:
    import av
    from numpy.typing import ArrayLike, NDArray


class Matrix(Enum):
    """The luma weights of red and blue that a picture's Y, U and V were made with (ITU-T H.273, table 4)."""

    BT601 = (0.299, 0.114)
    BT709 = (0.2126, 0.0722)
    BT2020 = (0.2627, 0.0593)
    FCC = (0.30, 0.11)
    SMPTE240M = (0.212, 0.087)

    @property
    def swscale(self) -> int:
        """The number that swscale, and so `VideoFrame.reformat`, calls this matrix by."""
        return _SWSCALE[self]


# FFmpeg's SWS_CS numbers; PyAV names BT.2020 only from version 18 on, which Python 3.10 does not get.
_SWSCALE = {Matrix.BT601: 5, Matrix.BT709: 1, Matrix.BT2020: 9, Matrix.FCC: 4, Matrix.SMPTE240M: 7}

# Keys are H.273 matrix coefficients, as in a decoded frame's `colorspace`.
_MATRICES = {
    1: Matrix.BT709,
    4: Matrix.FCC,
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.SMPTE240M,
    9: Matrix.BT2020,
    10: Matrix.BT2020,
}


def matrix_of(picture: av.VideoFrame) -> Matrix:
    """Find the picture's matrix; where it is not tagged, guess by size as players do (mpv's rule)."""
    tagged = _MATRICES.get(picture.colorspace)
    if tagged is not None:
        return tagged
    return Matrix.BT709 if picture.width >= 1280 or picture.height > 576 else Matrix.BT601


def range_of(picture: av.VideoFrame) -> ColorRange:
    """Find whether luma spans 0…255 (JPEG) or 16…235 (MPEG, also where it is not tagged)."""
    full = picture.color_range == ColorRange.JPEG or picture.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG


def yuv_from_rgb(colours_rgb: ArrayLike, matrix: Matrix, colour_range: ColorRange) -> NDArray[np.float64]:
    """Convert colours as H.273 section 8.3 says.

    Args:
        colours_rgb: (N, 3), levels 0…255.
        matrix: the matrix to convert with.
        colour_range: the range to convert to.

    Returns:
        (N, 3), levels of Y, U and V, not rounded.
    """
    red, green, blue = np.asarray(colours_rgb, np.float64).reshape(-1, 3).T / 255
    kr, kb = matrix.value
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    u = (blue - luma) / (2 * (1 - kb))
    v = (red - luma) / (2 * (1 - kr))
    if colour_range == ColorRange.JPEG:
        return np.stack([255 * luma, 128 + 255 * u, 128 + 255 * v], axis=1)
    return np.stack([16 + 219 * luma, 128 + 224 * u, 128 + 224 * v], axis=1)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How RGB levels, 0…255, follow from Y, U and V: the inverse of `yuv_from_rgb`.

    luma = luma_gain · (Y - luma_zero), red = luma + red_of_v · (V - 128),
    green = luma + green_of_u · (U - 128) + green_of_v · (V - 128), blue = luma + blue_of_u · (U - 128).
    """

    luma_zero: float
    luma_gain: float
    red_of_v: float
    green_of_u: float
    green_of_v: float
    blue_of_u: float


def decoding_of(matrix: Matrix, colour_range: ColorRange) -> Decoding:
    """The factors for pictures of one matrix and range."""
    kr, kb = matrix.value
    kg = 1 - kr - kb
    is_full = colour_range == ColorRange.JPEG
    chroma_gain = 1.0 if is_full else 255 / 224
    red_of_v, blue_of_u = 2 * (1 - kr) * chroma_gain, 2 * (1 - kb) * chroma_gain
    return Decoding(
        luma_zero=0.0 if is_full else 16.0,
        luma_gain=1.0 if is_full else 255 / 219,
        red_of_v=red_of_v,
        green_of_u=-blue_of_u * kb / kg,
        green_of_v=-red_of_v * kr / kg,
        blue_of_u=blue_of_u,
    )
