"""Label maps as they are, at the frame's size: a lossless video, or PNG images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from rtseg.errors import OutputError
from rtseg.picture import plane_view
from rtseg.sinks.encoder import Encoder
from rtseg.sinks.growing import GrowingVideo
from rtseg.sinks.images import ImageFolder
from rtseg.sinks.output import check_place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rtseg.frame import Painted
    from rtseg.sinks.kept import Kept
    from rtseg.sources.base import Source

# Each frame stands alone (g=1): damage costs one, and players can jump to any.
_FFV1 = Encoder("ffv1", "ffv1", "gray", {"level": "3", "slicecrc": "1", "slices": "4", "g": "1"})


def check_labels_output(path: Path, source_uri: str) -> None:
    """Check that label maps can be written to `path`: a .mkv file, or a folder. Nothing is made.

    Raises:
        OutputError: it is neither, or its place cannot be written to.
    """
    is_video = path.suffix.lower() == ".mkv"
    if not path.is_dir() and not is_video and (path.suffix or path.exists()):
        raise OutputError(
            f"{path}: not a place for label maps, which must not lose a bit. "
            "Give a name ending in .mkv for one lossless video, or a folder for PNG images."
        )
    check_place(path, source_uri)


def label_sink(path: Path, source: Source, kept: Sequence[Kept] = ()) -> LabelVideo | LabelImages:
    """Choose the sink that `path` asks for; `check_labels_output` has passed it.

    `kept`: see `GrowingVideo`.
    """
    if path.suffix.lower() == ".mkv" and not path.is_dir():
        return LabelVideo(path, source, kept)
    return LabelImages(path)


class LabelVideo(GrowingVideo):
    """Label maps as FFV1 in Matroska, 8-bit grey: a pixel's level is its class id."""

    def __init__(self, path: Path, source: Source, kept: Sequence[Kept] = ()) -> None:
        super().__init__(path, source, _FFV1, with_companions=False, kept=kept)

    def write(self, painted: Painted) -> None:
        """Encode one map; SinkFault if the disk is full, or gone."""
        ids = ids_at_frame_size(painted)
        grey = av.VideoFrame(ids.shape[1], ids.shape[0], "gray")
        np.copyto(plane_view(grey, 0), ids)
        grey.pts, grey.time_base = painted.frame.pts, painted.frame.time_base
        # Levels of limited range would be stretched by whoever converts them.
        grey.color_range = ColorRange.JPEG
        self.encode(grey)


class LabelImages(ImageFolder):
    """Label maps as 8-bit grey PNG images in a folder."""

    def image_from(self, painted: Painted) -> NDArray[np.uint8]:
        """The class ids, (H, W)."""
        return ids_at_frame_size(painted)


def ids_at_frame_size(painted: Painted) -> NDArray[np.uint8]:
    """Class ids enlarged to the frame's size, nearest neighbour: uint8, (H, W), owned by the caller."""
    size = (painted.frame.picture.width, painted.frame.picture.height)
    ids = cv2.resize(painted.label_map.ids, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(ids, np.uint8)
