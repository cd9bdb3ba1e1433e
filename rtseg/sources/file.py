"""Video files, decoded by FFmpeg."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING

from rtseg.errors import SourceError, SourceFault
from rtseg.frame import Frame
from rtseg.sources.base import Film
from rtseg.sources.decoder import Decoder
from rtseg.sources.opening import is_cut_off, open_container, pick_stream
from rtseg.sources.orientation import orientation_of
from rtseg.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from typing_extensions import Self

_FALLBACK_FPS = Fraction(25)


class VideoFile:
    """A video file as a source: every frame that decodes, once, in order, the right way up.

    A context manager; the attributes below hold once it is entered. It can be iterated once. Pictures stay in
    the pixel format they were decoded in, except turned ones (see `Orientation`).

    Attributes:
        uri: the path as given.
        width: pixels a row, as shown.
        height: rows, as shown.
        fps: nominal frame rate; single frames may be spaced differently.
        frame_count: how many frames to expect, None where the file does not say. For progress bars only.
        time_base: seconds a unit of `pts`.
        film: the file again, with the shape of its pixels.
        exhausted: whether the last frame was delivered, or what is left cannot be decoded.
        warnings: one line for each kind of oddity met; complete once the iteration has ended.
    """

    def __init__(self, path: str | Path, *, stream: int | None = None) -> None:
        """Name the file; `stream` is the number of a video stream in it, None for the best."""
        self.uri = str(path)
        self._wanted_stream = stream
        self.width = 0
        self.height = 0
        self.fps = _FALLBACK_FPS
        self.frame_count: int | None = None
        self.time_base = Fraction(1)
        self.film: Film | None = None
        self.exhausted = False
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        """Open the file and decode its first picture: only that one tells size and turn for sure.

        Raises:
            SourceNotFoundError: there is no such file.
            SourceError: it cannot be read, or is not a video that can be decoded.
        """
        self._container = open_container(self.uri)
        try:
            self._stream = pick_stream(self._container, self.uri, self._wanted_stream)
            self._decoder = Decoder(self._container, self._stream)
            self._pictures = iter(self._decoder)
            self._describe(self._first_picture())
        except BaseException:
            self._container.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file. Pictures handed out stay valid."""
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Deliver the frames.

        Raises:
            SourceFault: the end of the file is missing or cannot be decoded; all good frames came before.
        """
        timeline = Timeline(self.time_base, self.fps)
        count = resized = last_pts = 0
        try:
            for picture in self._all_pictures():
                resized += (picture.width, picture.height) != self._stored_size
                last_pts = timeline.repair(picture.pts)
                shown = self._shown(picture)
                yield Frame(count, last_pts, self.time_base, time.monotonic_ns(), shown)
                count += 1
        finally:
            self._warn(timeline.repaired, resized)
        self.exhausted = True
        if self._ends_early(last_pts):
            raise SourceFault(self._early_end_message(count))

    def _first_picture(self) -> av.VideoFrame:
        picture = next(self._pictures, None)
        if picture is None:
            raise SourceError(
                f"{self.uri}: no frame of it can be decoded. "
                "The file is damaged or cut off; copy or record it again."
            )
        return picture

    def _describe(self, first: av.VideoFrame) -> None:
        self._first: av.VideoFrame | None = first
        self._orientation = orientation_of(first)
        self._stored_size = (first.width, first.height)
        turned = self._orientation is not None and self._orientation.transposed
        self.width, self.height = self._stored_size[::-1] if turned else self._stored_size
        stream = self._stream
        ratio = stream.sample_aspect_ratio or Fraction(1)
        self.film = Film(self.uri, 1 / ratio if turned else ratio)
        self.fps = stream.guessed_rate or stream.average_rate or _FALLBACK_FPS
        if stream.time_base is not None:
            self.time_base = stream.time_base
        self.frame_count = _estimate_frame_count(self._container, stream, self.fps)

    def _all_pictures(self) -> Iterator[av.VideoFrame]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._pictures

    def _shown(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Bring the picture to the first one's size, upright."""
        if (picture.width, picture.height) != self._stored_size:
            picture = picture.reformat(*self._stored_size, threads=1)
        return self._orientation.upright_from(picture) if self._orientation is not None else picture

    def _warn(self, repaired: int, resized: int) -> None:
        decoder = self._decoder
        counted = (
            (repaired, "timestamps missing or not rising; repaired"),
            (resized, "frames of another size than the first; scaled to the first's"),
            (decoder.errors, "packets damaged; frames may be missing there"),
            (decoder.damaged_pictures, "frames damaged; kept as the decoder made them"),
        )
        self.warnings += [f"{self.uri}: {count} {what}" for count, what in counted if count]

    def _ends_early(self, last_pts: int) -> bool:
        """Whether damage took the end of the film, as opposed to frames in its middle."""
        if not (self._decoder.errors or is_cut_off(self._stream, self.uri)):
            return False
        if self._stream.duration is None:
            return self._decoder.end_is_bad
        half_frame = 1 / (2 * self.fps * self.time_base)
        declared_end = (self._stream.start_time or 0) + self._stream.duration
        return last_pts + half_frame < declared_end - half_frame

    def _early_end_message(self, count: int) -> str:
        of = f" of about {self.frame_count}" if self.frame_count is not None else ""
        return (
            f"{self.uri}: the file is damaged and ends early, after {count}{of} frames. "
            "The outputs hold those; copy or record the file again to have the rest."
        )


def _estimate_frame_count(container: InputContainer, stream: VideoStream, fps: Fraction) -> int | None:
    if stream.frames:
        return stream.frames
    if stream.duration is not None and stream.time_base is not None:
        return round(stream.duration * stream.time_base * fps)
    if container.duration is not None:
        return round(Fraction(container.duration, 1_000_000) * fps)
    return None
