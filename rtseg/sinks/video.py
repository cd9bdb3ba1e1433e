"""A video file as a sink: H.264, every frame at its own time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.reformatter import VideoReformatter

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.fragments import drop_torn_fragment
from rtseg.sinks.output import CONTAINERS, growing_path

if TYPE_CHECKING:
    from types import TracebackType

    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from typing_extensions import Self

    from rtseg.frame import Painted
    from rtseg.sources.base import Source

_PRESET = "veryfast"
_CRF = "20"
_SECONDS_A_FRAGMENT = 2
"""What a full disk costs at most, beside the frames that are still in the encoder."""

# Without delay_moov there is no edit list, and the film starts late by the encoder's reordering.
# Fragments end at key frames: where one ends among reordered frames, FFmpeg 8.1 takes the film to be over
# before its last frame is.
_FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov+frag_keyframe"}
_MUXER_OPTIONS = {"mp4": _FRAGMENTED, "mov": _FRAGMENTED, "matroska": {"cluster_time_limit": "2000"}}


class VideoSink:
    """Writes painted pictures as H.264 into MP4, MOV or Matroska.

    The file grows under a hidden name beside the final one and takes that when it is closed, after an error
    too: what was written plays. MP4 and MOV are written in fragments that stand alone and become an ordinary
    file at the end (FFmpeg's hybrid_fragmented), so that a full disk costs the last seconds only. Where
    not one frame can be read back, no file is left, and a file of that name from before stays as it was.

    Attributes:
        warnings: one line for each oddity met.
    """

    def __init__(self, path: str | Path, source: Source) -> None:
        self.warnings: list[str] = []
        self._path = Path(path)
        self._growing = growing_path(self._path)
        self._format = CONTAINERS[self._path.suffix.lower()]
        self._source = source
        self._reformatter = VideoReformatter()
        self._nominal_duration = max(1, round(1 / (source.fps * source.time_base)))
        self._written = 0

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
        self._container: OutputContainer = av.open(
            str(self._growing), "w", format=self._format, options=_MUXER_OPTIONS[self._format]
        )
        self._stream = self._add_stream()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file and give it its name.

        Raises:
            SinkFault: its end could not be written.
        """
        failure = self._finish()
        if failure is not None and self._format != "matroska":
            drop_torn_fragment(self._growing)
        if self._written and (failure is None or _plays(self._growing)):
            self._growing.replace(self._path)
        else:
            self._growing.unlink(missing_ok=True)
        if failure is not None and error is None:
            raise self._fault(failure) from failure

    def write(self, painted: Painted) -> None:
        """Encode one picture.

        Raises:
            SinkFault: the disk is full, or gone.
        """
        picture = painted.picture
        if picture.format.name != self._stream.codec_context.pix_fmt:
            picture = self._reformatter.reformat(
                picture, format=self._stream.codec_context.pix_fmt, threads=1
            )
        if not self._written:
            self._tag(picture)
        try:
            self._encode(picture)
        except av.FFmpegError as error:
            raise self._fault(error) from error
        self._written += 1

    def _encode(self, picture: av.VideoFrame | None) -> None:
        """Encode a picture, or with None what the encoder still holds, and write what comes of it."""
        for packet in self._stream.encode(picture):
            # MP4 takes durations from the next frame's time; the last frame has none.
            packet.duration = packet.duration or self._nominal_duration
            self._container.mux(packet)

    def _add_stream(self) -> VideoStream:
        """Set the encoder up, all but the colour tags, which only the first picture tells."""
        source = self._source
        stream = self._container.add_stream(
            "libx264", rate=source.fps, options={"preset": _PRESET, "crf": _CRF}
        )
        codec = stream.codec_context
        codec.width, codec.height = source.width, source.height
        codec.pix_fmt = "yuv420p"
        if source.width % 2 or source.height % 2:
            # H.264 4:2:0 has even sizes only; cropping or padding would change the picture's size.
            codec.pix_fmt = "yuv444p"
            self.warnings.append(
                f"{self._path}: {source.width}x{source.height} is odd, and H.264 holds odd sizes only as "
                "4:4:4; some players cannot show that"
            )
        codec.time_base = source.time_base
        codec.gop_size = max(1, round(source.fps * _SECONDS_A_FRAGMENT))
        codec.thread_count = _encoder_threads()
        return stream

    def _tag(self, picture: av.VideoFrame) -> None:
        codec = self._stream.codec_context
        codec.colorspace, codec.color_range = picture.colorspace, picture.color_range
        codec.color_primaries, codec.color_trc = picture.color_primaries, picture.color_trc

    def _finish(self) -> av.FFmpegError | None:
        """Flush and close; the first error is returned, so that the caller still renames the file."""
        failure: av.FFmpegError | None = None
        try:
            if self._written:
                self._encode(None)
        except av.FFmpegError as error:
            failure = error
        try:
            self._container.close()
        except av.FFmpegError as error:
            failure = failure or error
        return failure

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
