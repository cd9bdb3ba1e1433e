"""One connection to a stream: from its opening until it ends, breaks or freezes."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, cast

import av
from av.codec.context import Flags

from rtseg.pipeline.clock import NS_PER_S, ns_from_s
from rtseg.sources.orientation import orientation_of
from rtseg.sources.pace import Pace
from rtseg.sources.patience import interruptible
from rtseg.sources.refusal import Refusal, broken_off_from, refusal_from, timed_out
from rtseg.sources.tally import Tally
from rtseg.sources.units import Units

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from rtseg.sources.live import LiveOptions
    from rtseg.sources.orientation import Orientation
    from rtseg.sources.patience import Patience
    from rtseg.sources.uri import Address

FALLBACK_FPS = Fraction(25)
_HIGHEST_FPS = 1000
_LONGEST_BACKLOG_S = 2.0
_UDP_BUFFER = str(2 << 20)
"""Bytes asked of the kernel, which may give less: a key frame comes at once, and must not overflow it."""
_COME_IN_HEAPS = {"hls", "dash", "mov", "matroska", "avi"}
"""Containers that come in segments, or as fast as they are read: their pictures are paced."""


class ConnectionLost(Exception):
    """No more pictures come this way; `refusal` tells why, `is_over` whether there are no more at all."""

    def __init__(self, refusal: Refusal, *, is_over: bool = False) -> None:
        super().__init__(refusal.what)
        self.refusal = refusal
        self.is_over = is_over


class StreamConnection:
    """A stream as FFmpeg receives it, decoded without delay: no threads that each hold a frame.

    FFmpeg hands on a picture of H.264 or HEVC when the next one begins, as only that tells where it ends; so
    pictures are one frame interval old, two in a transport stream.

    Attributes:
        fps: as the stream says; a guess where it says nothing.
        damaged_pictures: pictures that the decoder itself marks as damaged; delivered all the same.
        passed_over: pictures that had piled up before they were asked for, and were not delivered.
        codec: name of the codec.
        container_format: as FFmpeg names it.
    """

    def __init__(self, address: Address, options: LiveOptions, patience: Patience) -> None:
        """Connect, within the time-out for opening.

        Raises:
            ConnectionLost: that failed, or `patience` was stopped.
        """
        self.damaged_pictures = 0
        self.passed_over = 0
        self._address, self._options, self._patience = address, options, patience
        self._late = timed_out(address, options, connected=False)
        self._waited_ns = 0
        self._container = self._open()
        try:
            if self._patience.over:
                # FFmpeg may have had enough of looking, and be content with what it knows.
                self._late = timed_out(address, options, connected=True)
                raise self._loss_from(TimeoutError())
            self._stream = self._pick_stream()
        except BaseException:
            self._container.close()
            raise
        rate = self._stream.guessed_rate or self._stream.average_rate
        self.fps = rate if rate and rate <= _HIGHEST_FPS else FALLBACK_FPS
        self.codec = self._stream.codec_context.name
        self.container_format = self._container.format.name
        self._unit = self._stream.time_base or Fraction(1, 90_000)
        self._tally = Tally(self._unit)
        self._units = Units()
        self._packets = self._container.demux(self._stream)
        self._decoded = self._decode_all()

    @property
    def losses(self) -> Mapping[str, int]:
        """How many pictures were lost on this connection, by cause."""
        return self._tally.lost

    @property
    def _comes_in_heaps(self) -> bool:
        return not _COME_IN_HEAPS.isdisjoint(self.container_format.split(","))

    @property
    def _is_film(self) -> bool:
        """Whether it says how long it is, so that its end is one."""
        return self._comes_in_heaps and bool(self._container.duration)

    def first_picture(self) -> av.VideoFrame:
        """Wait for a picture, within what is left of the time-out for opening.

        Raises:
            ConnectionLost: none came.
        """
        self._late = timed_out(self._address, self._options, connected=True)
        self._first = next(self._decoded)
        return self._first

    def pictures(self) -> Iterator[av.VideoFrame]:
        """All pictures from now on, the right way up; those that have piled up are passed over.

        Of a film, which has no now, all of them.

        Raises:
            ConnectionLost: the stream ended, broke or froze.
        """
        seconds = self._options.read_timeout_s
        self._late = Refusal(f"nothing came for {seconds:g} s", "")
        if self._comes_in_heaps:
            self._tally.begin()
            yield from Pace(self._patience).paced(chain([self._first], self._decoded), self._unit)
        yield self._newest()
        yield from self._decoded

    def close(self) -> None:
        """Let go of the connection. Pictures handed out stay valid."""
        cast("Generator[object]", self._packets).close()
        self._container.close()

    def _open(self) -> InputContainer:
        options = self._options
        self._patience.allow(options.open_timeout_s)
        try:
            with interruptible(self._patience):
                # PyAV's own time-outs must be there for that; they are the second line of defence.
                longest_s = 1 + max(options.open_timeout_s, options.read_timeout_s)
                return av.open(self._address.for_ffmpeg(), options=self._ffmpeg_options(), timeout=longest_s)
        except (av.FFmpegError, OSError, ValueError) as error:
            failure = error
        raise self._loss_from(failure)

    def _ffmpeg_options(self) -> dict[str, str]:
        """How much FFmpeg looks at before it tells what is in the stream, and how packets come.

        What was looked at is decoded at once, faster than it came, so it is not lost as delay. Transport
        streams repeat their contents about twice a second.
        """
        if self._address.scheme.startswith("rtsp"):
            # Without a time-out of its own FFmpeg refuses to listen.
            seconds = str(math.ceil(self._options.open_timeout_s))
            listen = {"rtsp_flags": "listen", "listen_timeout": seconds} if self._options.listen else {}
            return {
                "rtsp_transport": self._options.transport,
                "allowed_media_types": "video",
                "buffer_size": _UDP_BUFFER,
                "analyzeduration": "500000",
                **listen,
            }
        live_edge = {"live_start_index": "-1"} if ".m3u8" in self._address.rest else {}
        udp = {"overrun_nonfatal": "1", "buffer_size": _UDP_BUFFER} if self._address.scheme == "udp" else {}
        return {"analyzeduration": "1500000", **live_edge, **udp}

    def _pick_stream(self) -> VideoStream:
        stream = cast("VideoStream | None", self._container.streams.best("video"))
        if stream is None or getattr(stream, "codec_context", None) is None:
            what = "it holds no video" if stream is None else "its video codec is unknown to this FFmpeg"
            raise ConnectionLost(Refusal(what, "Check that the address is one of a video stream."))
        stream.thread_type = "SLICE"
        stream.codec_context.flags |= Flags.low_delay
        return stream

    def _newest(self) -> av.VideoFrame:
        """Decode what has piled up, until a picture has to be waited for: that one is of now."""
        enough_ns = round(NS_PER_S / self.fps / 4)
        end_ns = time.monotonic_ns() + ns_from_s(_LONGEST_BACKLOG_S)
        while True:
            self._waited_ns = 0
            picture = next(self._decoded)
            if self._waited_ns >= enough_ns or time.monotonic_ns() >= end_ns:
                self._tally.begin()
                return picture
            self.passed_over += 1

    def _decode_all(self) -> Iterator[av.VideoFrame]:
        """Pictures without end; ConnectionLost is how it ends."""
        orientation: Orientation | None = None
        is_first = True
        while True:
            packet = self._read()
            for picture in self._pictures_of(packet):
                if is_first:
                    orientation, is_first = orientation_of(picture), False
                self._tally.picture(picture.pts, time.monotonic_ns(), is_interlaced=picture.interlaced_frame)
                self.damaged_pictures += picture.is_corrupt
                yield orientation.upright_from(picture) if orientation is not None else picture
                self._patience.allow(self._options.read_timeout_s)
            if packet is None:
                self._tally.end()
                raise ConnectionLost(broken_off_from(EOFError()), is_over=self._is_film)

    def _read(self) -> Packet[VideoStream] | None:
        """Wait for the next packet; None at the end of the stream."""
        begun_ns = time.monotonic_ns()
        try:
            with interruptible(self._patience):
                packet = next(self._packets, None)
        except (av.FFmpegError, OSError, IndexError) as error:
            # IndexError: PyAV 18.1 stumbles at the very end over streams that turned up on the way.
            if self._is_film and not self._patience.over:
                return None  # what the decoder still holds belongs to it
            failure: Exception = error
        else:
            if packet is None or not self._patience.over:
                self._waited_ns += time.monotonic_ns() - begun_ns
                return packet if packet is not None and packet.size else None
            # Told to end, FFmpeg first gives the picture that it held back, as old as the wait was long.
            failure = TimeoutError()
            if not self._patience.stopped:
                self._tally.miss()
        if not self._patience.stopped:
            self._tally.end()
        raise self._loss_from(failure, was_open=True)

    def _pictures_of(self, packet: Packet[VideoStream] | None) -> Iterator[av.VideoFrame]:
        if packet is None:
            yield from self._decode(None)
            return
        for whole in self._units.push(packet):
            self._tally.packet(whole.pts)
            yield from self._decode(whole)

    def _decode(self, packet: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            return self._stream.decode(packet)
        except av.FFmpegError:
            self._tally.error(packet.pts if packet is not None else None)
            return []

    def _loss_from(self, failure: Exception, *, was_open: bool = False) -> ConnectionLost:
        """Say why. To be raised outside the handler: FFmpeg's text, not to be chained, has the password."""
        if self._patience.stopped:
            return ConnectionLost(Refusal("it was stopped", "Start it again."))
        if self._patience.timed_out:
            return ConnectionLost(self._late)
        if was_open:
            return ConnectionLost(broken_off_from(failure))
        return ConnectionLost(refusal_from(failure, self._address, self._options))
