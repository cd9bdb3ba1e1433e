"""Segments: runs of frames that are encoded as if each were a film of its own.

So a film that is put together from segments, made one after the other, after a crash or on other machines,
holds the same packets as one that was made in one go.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, cast

import av

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext

    from rtseg.sinks.encoder import Encoder
    from rtseg.sources.base import Source

SEGMENT_FRAMES = 120
"""Frames a segment; every film has its seams at multiples of it, wherever it is made."""

_SECONDS_A_GROUP = 2
"""Between key frames. What a full disk costs at most, beside the frames that are still in the encoder."""

_ENCODER_THREADS = 2
"""On every machine: x264's packets depend on it."""

_LENGTH_PREFIXED = {"h264", "hevc"}
"""Codecs whose encoders part units by start codes, and whose containers by lengths."""


class SegmentEncoder:
    """Encodes pictures; at the end of a segment all come out, and an encoder like the first goes on."""

    def __init__(
        self, first: VideoCodecContext, encoder: Encoder, source: Source, size: tuple[int, int]
    ) -> None:
        """Set `first` up, the encoder that belongs to the output's stream; it is not opened here.

        Args:
            first: that encoder.
            encoder: what encodes.
            source: the entered source of the frames.
            size: width and height of the pictures.
        """
        self._first = first
        self._encoder = encoder
        self._source = source
        self._size = size
        self._tags: Mapping[str, int] = {}
        self._context: VideoCodecContext | None = first
        self._set_up(first)

    def tag(self, tags: Mapping[str, int]) -> None:
        """Set the colour tags of all that follows: names of the encoder's attributes, FFmpeg's numbers."""
        self._tags = tags
        self._first.options = self._encoder.options_for(tags)
        for name, value in tags.items():
            setattr(self._first, name, value)

    def encode(self, picture: av.VideoFrame) -> list[Packet[Any]]:
        """Encode one picture; what comes out may be of earlier ones."""
        if self._context is None:
            self._context = self._next_context()
        return self._context.encode(picture)

    def end(self) -> list[Packet[Any]]:
        """Let out all that is still inside."""
        context, self._context = self._context, None
        if context is None or not context.is_open:
            self._context = context
            return []
        return context.encode(None)

    def _next_context(self) -> VideoCodecContext:
        context = cast("VideoCodecContext", av.CodecContext.create(self._encoder.name, "w"))
        self._set_up(context)
        context.framerate = self._source.fps
        context.options = self._encoder.options_for(self._tags)
        context.flags = self._first.flags  # headers in front of the file or in it, as the container wants
        for name, value in self._tags.items():
            setattr(context, name, value)
        return context

    def _set_up(self, codec: VideoCodecContext) -> None:
        source = self._source
        codec.width, codec.height = self._size
        codec.pix_fmt = self._encoder.pix_fmt
        if source.film is not None:
            codec.sample_aspect_ratio = source.film.sample_aspect_ratio
        codec.time_base = source.time_base
        codec.gop_size = max(1, round(source.fps * _SECONDS_A_GROUP))
        codec.thread_count = _ENCODER_THREADS


class DecodeTimes:
    """Decoding times of packets, from their presentation times alone: rising, and never after them."""

    def __init__(self, reordered: int, step: int) -> None:
        """Begin a film.

        Args:
            reordered: how many frames the encoder may hold back before one that is shown earlier.
            step: the usual time between two frames, in the packets' units.
        """
        self._reordered = reordered
        self._step = step
        self._waiting: list[int] = []

    def next(self, pts: int) -> int:
        """The decoding time of the next packet in order of decoding, which is shown at `pts`."""
        heapq.heappush(self._waiting, pts)
        missing = self._reordered + 1 - len(self._waiting)
        if missing > 0:
            return self._waiting[0] - missing * self._step
        return heapq.heappop(self._waiting)


def encoded_packets(film: InputContainer, codec: str) -> Iterator[Packet[Any]]:
    """All packets of a film's pictures, as the encoder of `codec`, FFmpeg's name, gave them."""
    stream = film.streams.video[0]
    for packet in film.demux(stream):
        if packet.size:
            yield _with_start_codes(packet) if codec in _LENGTH_PREFIXED else packet


def frames_on_disk(path: Path, limit: int) -> int:
    """How many frames of a film, in order of decoding, lie in the first `limit` bytes of its file."""
    frames = 0
    try:
        with av.open(str(path)) as film:
            for packet in film.demux(film.streams.video[0]):
                if packet.size and packet.pos is not None and packet.pos + packet.size <= limit:
                    frames += 1
    except (av.FFmpegError, IndexError):
        pass  # it was cut off; what came before counts
    return frames


def _with_start_codes(packet: Packet[Any]) -> Packet[Any]:
    """Part the units by start codes again, as muxers take them; they write 4-byte lengths."""
    data, at, units = bytes(packet), 0, []
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        units.append(data[at + 4 : end])
        at = end
    parted = av.Packet(b"".join(b"\0\0\0\1" + unit for unit in units))
    parted.pts, parted.dts, parted.time_base = packet.pts, packet.dts, packet.time_base
    parted.duration = packet.duration
    parted.is_keyframe = packet.is_keyframe
    return parted
