"""From RGB to what encoders want, in integers, so that it is the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

if TYPE_CHECKING:
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray


def picture_from_rgb(image_rgb: NDArray[np.uint8]) -> av.VideoFrame:
    """Convert uint8 (H, W, 3) to yuv420p, BT.709 in limited range, and tag it so; any size, also odd.

    Coefficients are ITU-R BT.709 in 1/256 (luma) and 1/1024 (chroma, of the sum of four pixels).
    """
    height, width = image_rgb.shape[:2]
    picture = av.VideoFrame(width, height, "yuv420p")
    # In steps of one type: older numpy would keep a byte times a small number in a byte.
    red, green, blue = (image_rgb[..., channel].astype(np.uint16) for channel in range(3))
    luma = red * 47 + green * 157 + blue * 16
    luma += 128
    luma >>= 8
    luma += 16
    _fill(picture.planes[0], luma)
    r, g, b = _sums_of_four(image_rgb)
    _fill(picture.planes[1], ((-26 * r - 86 * g + 112 * b + 512) >> 10) + 128)
    _fill(picture.planes[2], ((112 * r - 102 * g - 10 * b + 512) >> 10) + 128)
    picture.colorspace, picture.color_range = Colorspace.ITU709, ColorRange.MPEG
    picture.color_primaries, picture.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return picture


def _sums_of_four(image_rgb: NDArray[np.uint8]) -> list[NDArray[np.int32]]:
    """Each channel's sum over squares of 2 x 2; at an odd edge the last pixel counts twice."""
    height, width = image_rgb.shape[:2]
    if height % 2 or width % 2:
        image_rgb = np.pad(image_rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    pairs = image_rgb[::2].astype(np.uint16)
    pairs += image_rgb[1::2]
    sums = pairs[:, ::2] + pairs[:, 1::2]
    return [sums[..., channel].astype(np.int32) for channel in range(3)]


def _fill(plane: VideoPlane, values: NDArray[np.uint16] | NDArray[np.int32]) -> None:
    rows, columns = values.shape
    target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    target[:rows, :columns] = values
