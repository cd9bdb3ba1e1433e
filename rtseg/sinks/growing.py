"""A video file that grows under a hidden name and takes its own when it is whole."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import av

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.companions import Companions
from rtseg.sinks.fragments import drop_torn_fragment
from rtseg.sinks.kept import synced_state
from rtseg.sinks.output import CONTAINERS, check_holds, growing_path
from rtseg.sinks.segments import DecodeTimes, SegmentEncoder, encoded_packets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from typing_extensions import Self

    from rtseg.sinks.encoder import Encoder
    from rtseg.sinks.kept import Kept
    from rtseg.sources.base import Source

# What the muxer has given out is in the file, not in a buffer of ours.
_ANY = {"fflags": "+flush_packets"}
# Without delay_moov there is no edit list, and the film starts late by the encoder's reordering.
# Fragments end at key frames: where one ends among reordered frames, FFmpeg 8.1 takes the film to be over
# before its last frame is.
_FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov+frag_keyframe"}
# Sound may begin before the pictures do; Matroska's muxer would move all of it, pictures too, to begin at 0.
_MATROSKA = {"cluster_time_limit": "2000", "avoid_negative_ts": "disabled"}

_LEAST_UNITS = 48_000
"""A second, in MP4 and MOV."""

_TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")


class GrowingVideo:
    """What sinks that write a film share: pictures into MP4, MOV or Matroska, each at its own time.

    A subclass writes `write`, which makes a picture of what it is given and passes it to `encode`.

    The file gets its name when it is closed, after an error too: what was written plays. MP4 and MOV are
    written in fragments that stand alone and become an ordinary file at the end (FFmpeg's hybrid_fragmented),
    so that a full disk costs the last seconds only. Where not one frame can be read back, no file is left,
    and a file of that name from before stays as it was. Used by one thread.

    Attributes:
        warnings: one line for each oddity met; complete once it is closed.
        written: how many pictures were taken, kept ones among them.
        tags: the colour tags of all of them, once there is one: names of PyAV's attributes, FFmpeg's numbers.
    """

    def __init__(
        self,
        path: Path,
        source: Source,
        encoder: Encoder,
        *,
        with_companions: bool,
        size: tuple[int, int] | None = None,
        kept: Sequence[Kept] = (),
    ) -> None:
        """Choose file and encoder; nothing is written yet.

        Args:
            path: the file; its ending decides on the format.
            source: the entered source of the frames.
            encoder: what encodes them.
            with_companions: whether the sound, subtitles and metadata of the source's film are copied.
            size: width and height of the pictures; None for those of the source.
            kept: films of the same kind, encoder and source, whose frames go before all others, not encoded
                again.

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
        self._size = size or (source.width, source.height)
        self._encoder = encoder
        self._kept = kept
        self._film = source.film if with_companions else None
        self._companions: Companions | None = None
        self._nominal_duration = max(1, round(1 / (source.fps * source.time_base)))
        self.tags: dict[str, int] = {}
        self._end_s = Fraction(0)

    def __enter__(self) -> Self:
        """Make the file and the encoder, and take over what is kept.

        Raises:
            OutputError: the file cannot be made there.
            SinkFault: the disk is full, or gone, or what should be kept is not there any more.
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
                str(self._growing), "w", format=self._format, options=self._muxer_options()
            )
            self._add_stream()
            if self._film is not None:
                self._companions = Companions(
                    self._film.path, self._container, str(self._path), shown=self._film.stream
                )
            for kept in self._kept:
                self._take_over(kept)
        except av.FFmpegError as error:
            self._growing.unlink(missing_ok=True)
            raise self._fault(error) from error
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
            self._begin({name: int(getattr(picture, name)) for name in _TAGS})
        try:
            self._mux(self._segments.encode(picture))
        except av.FFmpegError as error:
            raise self._fault(error) from error
        self.written += 1

    def end_segment(self) -> dict[str, Any]:
        """End a segment: what the muxer gives out is on the disk, and the next picture begins afresh.

        FFmpeg's muxers hold the last seconds back, and nothing makes them let go; `frames_on_disk` tells how
        far the file has come. Returns what has to be known to keep it; see `rtseg.sinks.kept`.

        Raises:
            SinkFault: the disk is full, or gone.
        """
        try:
            self._mux(self._segments.end())
            return synced_state(self._growing, tags=self.tags)
        except (av.FFmpegError, OSError) as error:
            raise self._fault(error) from error

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

    def _muxer_options(self) -> dict[str, str]:
        if self._format == "matroska":
            return {**_ANY, **_MATROSKA}
        # A film that begins late says so in these units; milliseconds, which are usual, would be too coarse.
        units = self._source.time_base.denominator
        units *= max(1, -(-_LEAST_UNITS // units))
        return {**_ANY, **_FRAGMENTED, "movie_timescale": str(units)}

    def _add_stream(self) -> None:
        """Set the encoder up, all but the colour tags, which only the first picture tells."""
        encoder = self._encoder
        self._stream = cast(
            "VideoStream",
            self._container.add_stream(encoder.name, rate=self._source.fps, options=dict(encoder.options)),
        )
        self._segments = SegmentEncoder(self._stream.codec_context, encoder, self._source, self._size)

    def _begin(self, tags: dict[str, int]) -> None:
        """Write the head of the file, which needs the colour tags."""
        self.tags = tags
        self._segments.tag(tags)
        self._container.start_encoding()
        assert self._stream.time_base is not None
        step = max(1, round(1 / (self._source.fps * self._stream.time_base)))
        self._decode_times = DecodeTimes(self._encoder.reordered, step)

    def _take_over(self, kept: Kept) -> None:
        """Copy the frames of another film of this kind."""
        if not self.written:
            self._begin(kept.state["tags"])
        with av.open(str(kept.path)) as film:
            packets = encoded_packets(film, self._encoder.codec)
            before = self.written
            for packet in islice(packets, kept.frames):
                self._mux([packet])
                self.written += 1
        if self.written - before < kept.frames:
            raise SinkFault(
                f"{kept.path}: holds fewer frames than it should, so it cannot be gone on with. "
                "Run again with --overwrite and without --resume."
            )

    def _mux(self, packets: Iterable[Packet[Any]]) -> None:
        """Write encoded pictures, with the sound that belongs before them."""
        for packet in packets:
            # MP4 takes durations from the next frame's time; the last frame has none.
            packet.duration = packet.duration or self._nominal_duration
            self._place(packet)
            if self._companions is not None and packet.dts is not None:
                self._companions.copy_until(packet.dts * packet.time_base)
            self._container.mux(packet)

    def _place(self, packet: Packet[Any]) -> None:
        """Give the packet the stream's own units, and a decoding time that follows from the times of showing.

        Encoders number decoding times from their own beginning, so they overlap where segments meet; Matroska
        keeps none. A packet is decoded when the earliest of the frames that may come after it is shown.
        """
        assert packet.pts is not None
        assert packet.duration is not None
        assert self._stream.time_base is not None
        unit = self._stream.time_base
        pts, duration = round(packet.pts * packet.time_base / unit), packet.duration * packet.time_base / unit
        packet.pts, packet.dts, packet.duration = pts, self._decode_times.next(pts), round(duration)
        packet.stream, packet.time_base = self._stream, unit
        self._end_s = max(self._end_s, (pts + packet.duration) * unit)

    def _finish(self) -> av.FFmpegError | OSError | None:
        """Flush and close; the first error is returned, so that the caller still renames the file."""
        failure: av.FFmpegError | OSError | None = None
        try:
            if self.written:
                self._mux(self._segments.end())
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
        try:
            synced_state(self._growing)  # before it gets its name, and the journal goes
        except OSError as error:
            failure = failure or error
        return failure

    def _finish_companions(self) -> None:
        """Copy what begins before the last picture ends; all that is left if the source is at its end."""
        if self._companions is None:
            return
        if self._source.exhausted:
            self._companions.copy_rest()
        else:
            self._companions.copy_until(self._end_s)

    def _fault(self, error: av.FFmpegError | OSError) -> SinkFault:
        return SinkFault(
            f"{self._path}: writing failed ({error.strerror}). "
            "What was written before is kept where it plays; make room and run again with --resume."
        )


def _plays(path: Path) -> bool:
    """Whether a frame can be read back."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except (av.FFmpegError, IndexError):
        return False
