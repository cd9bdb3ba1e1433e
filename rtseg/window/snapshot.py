"""A picture and its labels as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
from av.video.reformatter import ColorRange, VideoReformatter

from rtseg.picture import packed_view
from rtseg.stages.colours import matrix_of, range_of

if TYPE_CHECKING:
    from pathlib import Path

    import av
    import numpy as np
    from numpy.typing import NDArray

    from rtseg.frame import Painted

_MOST = 9999


def bgr_from_picture(
    picture: av.VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Convert a picture for the screen.

    Args:
        picture: yuv420p.
        reformatter: kept by the caller, for the next one.
        size: (width, height) to scale to; None for the picture's.

    Returns:
        BGR, (h, w, 3), rows not adjacent in memory; it keeps its own memory alive.
    """
    width, height = size or (picture.width, picture.height)
    converted = reformatter.reformat(
        picture,
        width,
        height,
        "bgr24",
        src_colorspace=matrix_of(picture).swscale,
        src_color_range=range_of(picture),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return packed_view(converted)


def save_snapshot(painted: Painted, folder: Path) -> Path:
    """Write rtseg-NNNN.png, and class ids at the model's size as rtseg-NNNN-labels.png; the next free number.

    Nothing is ever overwritten. Returns the first file's path; OSError if they cannot be written.
    """
    picture = _png(bgr_from_picture(painted.picture, VideoReformatter()))
    labels = _png(painted.label_map.ids)
    for number in range(1, _MOST + 1):
        path = folder / f"rtseg-{number:04d}.png"
        beside = path.with_name(f"{path.stem}-labels.png")
        if beside.exists():
            continue
        try:
            with path.open("xb") as file:
                file.write(picture)
        except FileExistsError:
            continue
        with beside.open("xb") as file:
            file.write(labels)
        return path
    raise OSError(f"there are {_MOST} snapshots already")


def _png(image: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".png", image)
    return data.tobytes()
