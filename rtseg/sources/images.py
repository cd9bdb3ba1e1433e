"""Still images, decoded by OpenCV."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from rtseg.errors import SourceError
from rtseg.frame import Frame
from rtseg.sources.listing import image_names, image_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

_NOMINAL_FPS = Fraction(25)
_NAMED_IN_A_WARNING = 3


class ImageFiles:
    """Image files as a source: one, a folder of them or a pattern; see `rtseg.sources.listing`.

    A context manager; the attributes below hold once it is entered. It can be iterated once. Each file is
    read once, when its turn comes. Pictures are bgr24, the right way up; 16 bits become 8, grey becomes
    colour, and transparency is left out. An image that cannot be decoded is passed over; later ones keep
    their times.

    Attributes:
        uri: what was given.
        width: pixels a row of the first image.
        height: rows of the first image.
        fps: images a second, as far as that means anything.
        frame_count: how many files there are. For progress bars only.
        time_base: seconds an image; `pts` is its number among the files.
        film: None.
        first_pts: 0, also where the first file cannot be decoded.
        scaled: whether images of another size are brought to the first's. Where they are not, `width` and
            `height` hold for the first only.
        exhausted: whether the last image was delivered.
        warnings: one line for each kind of oddity met; complete once the iteration has ended.
    """

    def __init__(self, uri: str | Path, *, fps: Fraction = _NOMINAL_FPS, scaled: bool = True) -> None:
        """Name the images; nothing is read yet."""
        self.uri = str(uri)
        self.width = 0
        self.height = 0
        self.fps = fps
        self.frame_count: int | None = None
        self.time_base = 1 / fps
        self.film = None
        self.first_pts = 0
        self.scaled = scaled
        self.exhausted = False
        self.warnings: list[str] = []
        self._unreadable: list[str] = []
        self._begin = 0

    def __enter__(self) -> Self:
        """List the files and decode the first image that can be decoded: it tells the size.

        Raises:
            SourceNotFoundError: there is no such file, or nothing matches the pattern.
            SourceError: the file or folder cannot be read, or holds no image that can be decoded.
        """
        self._paths = image_paths(self.uri)
        self._names = image_names(self._paths, self.uri)
        self.frame_count = len(self._paths)
        self._pictures = self._decode_all()
        self._first = next(self._pictures, None)
        if self._first is None:
            raise SourceError(self._nothing_decodes())
        picture = self._first[1]
        self.width, self.height = picture.width, picture.height
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is open between two images. Pictures handed out stay valid."""

    def __iter__(self) -> Iterator[Frame]:
        """Deliver the images, in natural order."""
        count = resized = 0
        try:
            for number, picture in self._all_pictures():
                captured_ns = time.monotonic_ns()
                if self.scaled and (picture.width, picture.height) != (self.width, self.height):
                    picture = picture.reformat(self.width, self.height, threads=1)
                    resized += 1
                picture.pts, picture.time_base = number, self.time_base
                if count >= self._begin:
                    yield Frame(count, number, self.time_base, captured_ns, picture, self._names[number])
                count += 1
        finally:
            self._warn(resized)
        self.exhausted = True

    def begin_at(self, index: int, after_pts: int | None = None) -> None:  # noqa: ARG002
        """Deliver only the images from `index` on, of those that can be decoded; before the iteration."""
        self._begin = index

    def _all_pictures(self) -> Iterator[tuple[int, av.VideoFrame]]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
            del first
        yield from self._pictures

    def _decode_all(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode what can be decoded; with each picture goes the number of its file."""
        for number, path in enumerate(self._paths):
            picture = picture_from_file(path)
            if picture is None:
                self._unreadable.append(str(path))
            else:
                yield number, picture

    def _warn(self, resized: int) -> None:
        if self._unreadable:
            named = ", ".join(self._unreadable[:_NAMED_IN_A_WARNING])
            more = len(self._unreadable) - _NAMED_IN_A_WARNING
            self.warnings.append(
                f"{self.uri}: {len(self._unreadable)} images cannot be read; passed over: {named}"
                + (f" and {more} more" if more > 0 else "")
            )
        if resized:
            self.warnings.append(
                f"{self.uri}: {resized} images of another size than the first; scaled to the first's"
            )

    def _nothing_decodes(self) -> str:
        if len(self._paths) > 1:
            return (
                f"{self.uri}: none of its {len(self._paths)} images can be read. "
                "They are damaged or no images; check that they were copied whole."
            )
        return (
            f"{self._paths[0]}: not an image that can be read. "
            "It is damaged, cut off or no image; check that it was copied whole."
        )


def picture_from_file(path: Path) -> av.VideoFrame | None:
    """Decode an image as bgr24; None where it cannot be read, is cut off or is no image."""
    try:
        # Through memory: cv2.imread fills the rest of a JPEG that is cut off with grey and says nothing.
        image_bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    # Copied: swscale reads a little past the last pixel, which only FFmpeg's own memory allows.
    return None if image_bgr is None else av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
