"""The overlay as image files: a folder of them, or one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.output import check_place, growing_path
from rtseg.sources import listing
from rtseg.stages.colours import matrix_of, range_of

if TYPE_CHECKING:
    from types import TracebackType

    import av
    from numpy.typing import NDArray
    from typing_extensions import Self

    from rtseg.frame import Painted

ENDINGS = tuple(ending for ending in listing.ENDINGS if ending != ".pgm")
"""File name endings that can be written: those that can be read, without the one that is grey only."""

# swscale's short cut for 4:2:0 rounds down: twice the error, and pictures a level or two too dark. FFmpeg's
# numbers of SWS_BILINEAR, SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT; PyAV has names for them from version 18.
_CAREFUL = 0x2 | 0x40000 | 0x2000


def is_image_output(path: Path) -> bool:
    """Tell whether `path` asks for images: a folder that exists, a name without ending, or an image's."""
    return _is_folder(path) or path.suffix.lower() in ENDINGS


def check_image_output(path: str | Path, source_uri: str, *, among_others: bool = False) -> None:
    """Check that one image, or a folder of them, can be written to `path`. Nothing is made or changed.

    Frames of a film go to a folder that is empty, unless they may go `among_others`.

    Raises:
        OutputError: it is not named as an image or a folder, its place does not exist or cannot be written
            to, or images of the source would be overwritten or mixed with the output.
        InputError: the source is a folder or pattern without images.
    """
    output = Path(path)
    if output.is_dir():
        if not (among_others or listing.is_images(source_uri)) and any(output.iterdir()):
            raise OutputError(
                f"{path}: a folder that is not empty. Give the name of a video file, such as out.mp4, "
                "or of a new folder for one image a frame."
            )
    elif not is_image_output(output):
        raise OutputError(
            f"{path}: not a kind of image that can be written. Let the name end in one of "
            f"{' '.join(ENDINGS)}, or in nothing for a folder of images."
        )
    elif _is_folder(output) and output.exists():
        raise OutputError(f"{path}: a file, so no folder of that name can be made. Choose another name.")
    check_place(output, source_uri)


def image_sink(path: Path, frame_count: int | None) -> ImageFolder | SingleImage:
    """Choose the sink that `path` asks for; `check_image_output` has passed it.

    Args:
        path: a folder, or one image.
        frame_count: how many frames to expect, None where nobody knows.

    Raises:
        OutputError: there are several frames for one image.
    """
    if _is_folder(path):
        return ImageFolder(path)
    if frame_count is not None and frame_count > 1:
        raise OutputError(
            f"{path}: one image, but the source has {frame_count} frames. "
            f"Give a folder, such as {path.with_suffix('')}, or a video."
        )
    return SingleImage(path)


class ImageFolder:
    """Painted pictures as images in a folder: NAME.png, or the frame's index where it has no name.

    Each has its frame's size, and is there whole or not at all. Images of the same names are replaced.

    Attributes:
        warnings: stays empty.
    """

    def __init__(self, folder: Path, *, ending: str = ".png") -> None:
        """Choose the folder and what images end in; nothing is made yet.

        Raises:
            OutputError: images of that ending cannot be written.
        """
        if ending not in ENDINGS:
            raise OutputError(f"{ending}: not a kind of image. There are: {' '.join(ENDINGS)}")
        self.warnings: list[str] = []
        self._folder = folder
        self._ending = ending
        self._is_new = False
        self._reformatter = VideoReformatter()

    def __enter__(self) -> Self:
        """Make the folder; OutputError if it cannot be made."""
        try:
            if not self._folder.is_dir():
                self._folder.mkdir()
                self._is_new = True
        except OSError as error:
            raise OutputError(
                f"{self._folder}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the folder if it was made here and is empty."""
        if self._is_new:
            with suppress(OSError):  # it is not empty, as a rule
                self._folder.rmdir()

    def write(self, painted: Painted) -> None:
        """Write one image; SinkFault if the disk is full, or gone."""
        name = painted.frame.name or f"{painted.frame.index:06d}"
        write_image(self._folder / f"{name}{self._ending}", self.image_from(painted))

    def end_segment(self) -> dict[str, Any]:
        """Do nothing; each image is whole."""
        return {}

    def image_from(self, painted: Painted) -> NDArray[np.uint8]:
        """What is written of a frame: (H, W, 3) BGR, or (H, W) grey."""
        return bgr_from_picture(painted.picture, self._reformatter)


class SingleImage:
    """One painted picture as an image file, of its frame's size. An older file of that name is replaced.

    Attributes:
        warnings: stays empty.
    """

    def __init__(self, path: Path) -> None:
        """Choose the file; its ending decides on the format."""
        self.warnings: list[str] = []
        self._path = path
        self._written = False

    def __enter__(self) -> Self:
        """Do nothing; the file is made when its picture is there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; the file is whole."""

    def write(self, painted: Painted) -> None:
        """Write the image; SinkFault if the disk is full, or gone, or at a second picture."""
        if self._written:
            raise SinkFault(
                f"{self._path}: one image, but the source has more than one; the first is kept. "
                "Give a folder or a video as the output."
            )
        write_image(self._path, bgr_from_picture(painted.picture, VideoReformatter()))
        self._written = True

    def end_segment(self) -> dict[str, Any]:
        """Do nothing; the image is whole."""
        return {}


def bgr_from_picture(
    picture: av.VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Convert a picture, by its own matrix and range; to another `size` (width, height), if one is given.

    Returns:
        uint8, (H, W, 3), BGR, owned by the caller.
    """
    width, height = size or (picture.width, picture.height)
    converted = reformatter.reformat(
        picture,
        width=width,
        height=height,
        format="bgr24",
        src_colorspace=matrix_of(picture).swscale,
        src_color_range=range_of(picture),
        interpolation=_CAREFUL,
        threads=1,
    )
    return np.asarray(converted.to_ndarray(), np.uint8)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, (H, W, 3) BGR or (H, W) grey, in the format of its ending, whole or not at all.

    Raises:
        SinkFault: the disk is full, or gone, or the format does not hold images as large as this.
    """
    encoded = _encoded(path, image)
    growing = growing_path(path)
    try:
        growing.write_bytes(encoded)
        growing.replace(path)
    except OSError as error:
        with suppress(OSError):
            growing.unlink(missing_ok=True)
        raise SinkFault(
            f"{path}: writing failed ({error.strerror}). "
            "What was written before is whole; make room and run again for the rest."
        ) from error


def _encoded(path: Path, image: NDArray[np.uint8]) -> bytes:
    # OpenCV 4 raises where OpenCV 5 gives False.
    try:
        is_encoded, encoded = cv2.imencode(path.suffix.lower(), image)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        height, width = image.shape[:2]
        raise SinkFault(f"{path}: {path.suffix} cannot hold {width}×{height} pixels. Write .png instead.")
    return bytes(encoded)


def _is_folder(path: Path) -> bool:
    return not path.suffix or path.is_dir()
