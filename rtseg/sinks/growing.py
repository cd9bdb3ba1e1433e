"""A video file that grows under a hidden name and takes its own when it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import av

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.companions import Companions
from rtseg.sinks.fragments import drop_torn_fragment
from rtseg.sinks.output import CONTAINERS, check_holds, growing_path

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from av.container import OutputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream
    from typing_extensions import Self

    from rtseg.sinks.encoder import Encoder
    from rtseg.sources.base import Source

_SECONDS_A_FRAGMENT = 2
"""What a full disk costs at most, beside the frames that are still in the encoder."""

# Without delay_moov there is no edit list, and the film starts late by the encoder's reordering.
# Fragments end at key frames: where one ends among reordered frames, FFmpeg 8.1 takes the film to be over
# before its last frame is.
_FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov+frag_keyframe"}
# Sound may begin before the pictures do; Matroska's muxer would move all of it, pictures too, to begin at 0.
_MATROSKA = {"cluster_time_limit": "2000", "avoid_negative_ts": "disabled"}
_MUXER_OPTIONS = {"mp4": _FRAGMENTED, "mov": _FRAGMENTED, "matroska": _MATROSKA}


class GrowingVideo:
    """What sinks that write a film share: pictures into MP4, MOV or Matroska, each at its own time.

    A subclass writes `write`, which makes a picture of what it is given and passes it to `encode`.

    The file gets its name when it is closed, after an error too: what was written plays. MP4 and MOV are
    written in fragments that stand alone and become an ordinary file at the end (FFmpeg's hybrid_fragmented),
    so that a full disk costs the last seconds only. Where not one frame can be read back, no file is left,
    and a file of that name from before stays as it was. Used by one thread.

    Attributes:
        warnings: one line for each oddity met; complete once it is closed.
        written: how many pictures were taken.
    """

    def __init__(self, path: Path, source: Source, encoder: Encoder, *, with_companions: bool) -> None:
        """Choose file and encoder; nothing is written yet.

        Args:
            path: the file; its ending decides on the format.
            source: the entered source of the frames.
            encoder: what encodes them.
            with_companions: whether the sound, subtitles and metadata of the source's film are copied.

        Raises:
            OutputError: the file cannot hold what the encoder writes.
        """
        self.warnings: list[str] = []
        self.written = 0
        self._path = path
        self._growing = growing_path(path)
        self._format = CONTAINERS[path.suffix.lower()]
        check_holds(self._format, encoder.codec, path)
        self._source = source
        self._encoder = encoder
        self._film = source.film if with_companions else None
        self._companions: Companions | None = None
        self._nominal_duration = max(1, round(1 / (source.fps * source.time_base)))
        self._last_pts = 0

    def __enter__(self) -> Self:
        """Make the file and the encoder.

        Raises:
            OutputError: the file cannot be made there.
        """
        try:
            # FFmpeg makes the file only with the first frame; by then it would be too late to refuse.
            self._growing.touch()
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        try:
            self._container: OutputContainer = av.open(
                str(self._growing), "w", format=self._format, options=_MUXER_OPTIONS[self._format]
            )
            self._stream = self._add_stream()
            if self._film is not None:
                self._companions = Companions(self._film.path, self._container, str(self._path))
        except BaseException:
            self._growing.unlink(missing_ok=True)
            raise
        return self

    def encode(self, picture: av.VideoFrame) -> None:
        """Encode one picture, in the encoder's format; the first one's colour tags hold for all.

        Raises:
            SinkFault: the disk is full, or gone.
        """
        if not self.written:
            self._tag(picture)
        try:
            self._encode(picture)
        except av.FFmpegError as error:
            raise self._fault(error) from error
        self.written += 1
        assert picture.pts is not None
        self._last_pts = picture.pts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file and give it its name.

        Raises:
            SinkFault: its end could not be written, and there was no error before.
        """
        failure = self._finish()
        if failure is not None and self._format != "matroska":
            drop_torn_fragment(self._growing)
        if self.written and (failure is None or _plays(self._growing)):
            self._growing.replace(self._path)
        else:
            self._growing.unlink(missing_ok=True)
        if failure is not None and error is None:
            raise self._fault(failure) from failure

    def _add_stream(self) -> VideoStream:
        """Set the encoder up, all but the colour tags, which only the first picture tells."""
        source, encoder = self._source, self._encoder
        stream = cast(
            "VideoStream",
            self._container.add_stream(encoder.name, rate=source.fps, options=dict(encoder.options)),
        )
        codec: VideoCodecContext = stream.codec_context
        codec.width, codec.height = source.width, source.height
        codec.pix_fmt = encoder.pix_fmt
        if source.film is not None:
            codec.sample_aspect_ratio = source.film.sample_aspect_ratio
        codec.time_base = source.time_base
        codec.gop_size = max(1, round(source.fps * _SECONDS_A_FRAGMENT))
        codec.thread_count = _encoder_threads()
        return stream

    def _tag(self, picture: av.VideoFrame) -> None:
        codec = self._stream.codec_context
        codec.colorspace, codec.color_range = picture.colorspace, picture.color_range
        codec.color_primaries, codec.color_trc = picture.color_primaries, picture.color_trc

    def _encode(self, picture: av.VideoFrame | None) -> None:
        """Encode a picture, or with None what the encoder still holds, and write what comes of it."""
        for packet in self._stream.encode(picture):
            # MP4 takes durations from the next frame's time; the last frame has none.
            packet.duration = packet.duration or self._nominal_duration
            if self._companions is not None and packet.dts is not None:
                self._companions.copy_until(packet.dts * packet.time_base)
            self._container.mux(packet)

    def _finish(self) -> av.FFmpegError | None:
        """Flush and close; the first error is returned, so that the caller still renames the file."""
        failure: av.FFmpegError | None = None
        try:
            if self.written:
                self._encode(None)
                self._finish_companions()
        except av.FFmpegError as error:
            failure = error
        try:
            self._container.close()
        except av.FFmpegError as error:
            failure = failure or error
        if self._companions is not None:
            self._companions.close()
            self.warnings += self._companions.warnings
        return failure

    def _finish_companions(self) -> None:
        """Copy what begins before the last picture ends; all that is left if the source is at its end."""
        if self._companions is None:
            return
        if self._source.exhausted:
            self._companions.copy_rest()
        else:
            end = self._last_pts + self._nominal_duration
            self._companions.copy_until(end * self._source.time_base)

    def _fault(self, error: av.FFmpegError) -> SinkFault:
        return SinkFault(
            f"{self._path}: writing failed ({error.strerror}). "
            "What was written before is kept where it plays; make room and run again for the rest."
        )


def _encoder_threads() -> int:
    """Take half the cores, four at most: the model needs the others, and each thread holds frames back."""
    return max(1, min(4, (os.cpu_count() or 1) // 2))


def _plays(path: Path) -> bool:
    """Whether a frame can be read back."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except (av.FFmpegError, IndexError):
        return False
