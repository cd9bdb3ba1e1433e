"""What PyAV's pictures lack: their planes as arrays without copying, and their tags in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.video.reformatter import ColorRange

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray


def plane_view(picture: av.VideoFrame, index: int) -> NDArray[np.uint8]:
    """Give one 8-bit plane of a planar picture, without the padding at the end of its lines.

    Returns:
        uint8, (rows, columns), rows not adjacent in memory. It shares the picture's memory and keeps the
        picture alive; write into it only if you made the picture.
    """
    plane = picture.planes[index]
    return _lines(plane)[:, : plane.width]


def packed_view(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """Give the pixels of an rgb24 picture.

    Returns:
        uint8, (H, W, 3), rows not adjacent in memory. It shares the picture's memory and keeps the
        picture alive.
    """
    plane = picture.planes[0]
    return _lines(plane)[:, : plane.width * 3].reshape(plane.height, plane.width, 3)


def copy_tags(picture: av.VideoFrame, to: av.VideoFrame) -> None:
    """Give `to` the timestamp, the duration and the colour tags of `picture`."""
    to.pts, to.duration = picture.pts, picture.duration
    if picture.time_base is not None:
        to.time_base = picture.time_base
    to.colorspace = picture.colorspace
    # The old "j" formats are full range whether tagged or not; what is made from them needs the tag.
    to.color_range = ColorRange.JPEG if picture.format.name.startswith("yuvj") else picture.color_range
    to.color_primaries = picture.color_primaries
    to.color_trc = picture.color_trc


def _lines(plane: VideoPlane) -> NDArray[np.uint8]:
    size = (plane.height, abs(plane.line_size))
    lines: NDArray[np.uint8] = np.ndarray(size, np.uint8, buffer=memoryview(plane))
    # Some decoders (VP6, raw bitmaps) store pictures bottom-up and say so by a negative line size.
    return lines if plane.line_size > 0 else lines[::-1]
