"""Label maps as they are, at the frame's size: a lossless video, or PNG images."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from rtseg.errors import OutputError
from rtseg.picture import plane_view
from rtseg.sinks.encoder import Encoder
from rtseg.sinks.growing import GrowingVideo
from rtseg.sinks.images import check_spares, write_image
from rtseg.sinks.output import check_place

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted
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
    check_spares(path, source_uri)


def label_sink(path: Path, source: Source) -> LabelVideo | LabelImages:
    """Choose the sink that `path` asks for; `check_labels_output` has passed it."""
    if path.suffix.lower() == ".mkv" and not path.is_dir():
        return LabelVideo(path, source)
    return LabelImages(path)


class LabelVideo:
    """Label maps as FFV1 in Matroska, 8-bit grey: a pixel's level is its class id.

    How the file comes to be, and what is left of it after an error, `GrowingVideo` tells.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._video = GrowingVideo(path, source, _FFV1, with_companions=False)

    @property
    def warnings(self) -> list[str]:
        """One line for each oddity met."""
        return self._video.warnings

    def __enter__(self) -> Self:
        """Make the file; OutputError if it cannot be made there."""
        self._video.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file and give it its name; SinkFault if its end could not be written."""
        self._video.close(error)

    def write(self, painted: Painted) -> None:
        """Encode one map; SinkFault if the disk is full, or gone."""
        width, height = painted.picture.width, painted.picture.height
        grey = av.VideoFrame(width, height, "gray")
        cv2.resize(
            painted.label_map.ids, (width, height), dst=plane_view(grey, 0), interpolation=cv2.INTER_NEAREST
        )
        grey.pts, grey.time_base = painted.frame.pts, painted.frame.time_base
        # Levels of limited range would be stretched by whoever converts them.
        grey.color_range = ColorRange.JPEG
        self._video.write(grey)


class LabelImages:
    """Label maps as 8-bit grey PNG images in a folder: NAME.png, or the frame's index where it has no name.

    Attributes:
        warnings: stays empty.
    """

    def __init__(self, folder: Path) -> None:
        self.warnings: list[str] = []
        self._folder = folder

    def __enter__(self) -> Self:
        """Make the folder; OutputError if it cannot be made."""
        self._is_new = not self._folder.exists()
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._folder}: cannot be made ({error.strerror}).") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the folder if it was made here and is empty."""
        if self._is_new:
            with suppress(OSError):  # it is not empty, or someone else has removed it
                self._folder.rmdir()

    def write(self, painted: Painted) -> None:
        """Write one image, whole or not at all; SinkFault if the disk is full, or gone."""
        size = (painted.picture.width, painted.picture.height)
        ids = cv2.resize(painted.label_map.ids, size, interpolation=cv2.INTER_NEAREST)
        path = self._folder / f"{painted.frame.name or f'{painted.frame.index:06d}'}.png"
        write_image(path, np.asarray(ids, np.uint8))
