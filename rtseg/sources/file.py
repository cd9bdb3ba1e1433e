"""Video files, decoded by FFmpeg."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from rtseg.errors import SourceError, SourceFault
from rtseg.frame import Frame
from rtseg.sources.base import Film
from rtseg.sources.decoder import Decoder
from rtseg.sources.opening import declared_end_s, is_cut_off, open_container, pick_stream
from rtseg.sources.orientation import orientation_of
from rtseg.sources.seeking import frame_index
from rtseg.timeline import Holes, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from av.container import InputContainer
    from av.video.stream import VideoStream
    from typing_extensions import Self

_FALLBACK_FPS = Fraction(25)
_USUAL_GAP_S = Fraction(1, 4)
"""How much earlier than the file, with its sound, pictures commonly end."""


@dataclass(slots=True)
class _Met:
    """What the frames were like so far.

    Attributes:
        holes: frames that are missing between them.
        resized: frames of another size than the first.
        interlaced: frames that hold two fields.
        end: when the last one ends, in the film's `time_base` units.
    """

    holes: Holes
    resized: int = 0
    interlaced: int = 0
    end: int = 0

    def see(self, picture: av.VideoFrame, pts: int, size: tuple[int, int]) -> None:
        """Take the next frame: as decoded, its repaired time, and the first one's (width, height)."""
        self.holes.see(pts)
        self.resized += (picture.width, picture.height) != size
        self.interlaced += picture.interlaced_frame
        self.end = pts + (picture.duration or self.holes.nominal)


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
        first_pts: presentation time of the first frame.
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
        self.first_pts = 0
        self.exhausted = False
        self.warnings: list[str] = []
        self._first: av.VideoFrame | None = None
        self._begin = 0
        self._after_pts: int | None = None

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
        timeline, met = Timeline(self.time_base, self.fps), _Met(Holes(self.time_base, self.fps))
        count = self._jump(timeline)
        try:
            for picture in self._all_pictures():
                pts = timeline.repair(picture.pts)
                met.see(picture, pts, self._stored_size)
                if count >= self._begin:
                    shown = self._shown(picture)
                    yield Frame(count, pts, self.time_base, time.monotonic_ns(), shown)
                count += 1
        finally:
            self._warn(timeline.repaired, met)
        self.exhausted = True
        self._check_end(count, met.end * self.time_base)

    def begin_at(self, index: int, after_pts: int | None = None) -> None:
        """Deliver only the frames from `index` on, with the same numbers and times; before the iteration.

        Where the file tells which frame is where, those before are not decoded. `after_pts`, if known, is the
        time of the frame before; where the file tells otherwise, because frames are damaged, all are decoded.
        """
        self._begin = index
        self._after_pts = after_pts

    def _jump(self, timeline: Timeline) -> int:
        """Go to the first frame to deliver, if the file allows it; returns the next frame's number."""
        index = frame_index(self.uri, self._stream.index) if self._begin else None
        if index is None or self._begin > len(index.pts):
            return 0
        before = self._begin - 1
        if self._after_pts not in (None, index.pts[before]):
            return 0
        container = open_container(self.uri)
        stream = pick_stream(container, self.uri, self._stream.index)
        decoder = Decoder(container, stream)
        container.seek(index.key_before(before), stream=stream)
        pictures = iter(decoder)
        # The frame before must be there: only then the next one is surely the one to deliver.
        if not any(picture.pts == index.pts[before] for picture in pictures):
            container.close()
            return 0
        self._container.close()
        self._container, self._stream, self._decoder, self._pictures = container, stream, decoder, pictures
        self._first = None
        timeline.repair(index.pts[before])
        return self._begin

    def _first_picture(self) -> av.VideoFrame:
        picture = next(self._pictures, None)
        if picture is None:
            raise SourceError(
                f"{self.uri}: no frame of it can be decoded. "
                "The file is damaged or cut off; copy or record it again."
            )
        return picture

    def _describe(self, first: av.VideoFrame) -> None:
        self._first = first
        self.first_pts = first.pts or 0
        self._orientation = orientation_of(first)
        self._stored_size = (first.width, first.height)
        turned = self._orientation is not None and self._orientation.transposed
        self.width, self.height = self._stored_size[::-1] if turned else self._stored_size
        stream = self._stream
        ratio = stream.sample_aspect_ratio or Fraction(1)
        self.film = Film(self.uri, stream.index, 1 / ratio if turned else ratio)
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

    def _warn(self, repaired: int, met: _Met) -> None:
        decoder = self._decoder
        counted = (
            (repaired, "timestamps missing or not rising; repaired"),
            (met.holes.missing, "frames missing, by the times of the others: damaged, or never recorded"),
            (met.resized, "frames of another size than the first; scaled to the first's"),
            (met.interlaced, "frames interlaced; both fields are kept, in pictures that are not marked so"),
            (decoder.errors, "packets damaged; frames may be missing there"),
            (decoder.damaged_pictures, "frames damaged; kept as the decoder made them"),
        )
        self.warnings += [f"{self.uri}: {count} {what}" for count, what in counted if count]

    def _check_end(self, count: int, end_s: Fraction) -> None:
        """Compare the end of the last frame with what the file says of its length.

        Raises:
            SourceFault: damage took the end, as opposed to frames in the middle.
        """
        declared_s = declared_end_s(self._stream)
        cut_off = is_cut_off(self._stream, self.uri)
        if self._decoder.errors or cut_off:
            half_frame_s = 1 / (2 * self.fps)
            bad = (
                self._decoder.end_is_bad or cut_off
                if declared_s is None
                else end_s < declared_s - half_frame_s
            )
            if bad:
                raise SourceFault(self._early_end_message(count))
        elif declared_s is None and self._container.duration is not None:
            declared_s = Fraction(self._container.duration, av.time_base)
        missing_s = declared_s - end_s if declared_s is not None else 0
        # AVI numbers frames without a gap; those that are lost are missing at the end.
        usual_s = 1 / (2 * self.fps) if self._container.format.name == "avi" else _USUAL_GAP_S
        if missing_s > usual_s:
            self.warnings.append(
                f"{self.uri}: the pictures end {float(missing_s):.2f} s before the file says they do; "
                "the rest is damaged, or was never recorded"
            )

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
