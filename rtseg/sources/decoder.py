"""The pictures of a video stream, past whatever damage there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream


class Decoder:
    """Decodes a stream to its end, counting and passing over what cannot be decoded.

    Attributes:
        errors: packets that came torn or gave an error. FFmpeg's threads report an error some packets late,
            and may swallow one at the very end.
        damaged_pictures: pictures that the decoder itself marks as damaged.
        end_is_bad: nothing could be decoded, or read, after the last error.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.errors = 0
        self.damaged_pictures = 0
        self.end_is_bad = False
        self._container = container
        self._stream = stream
        stream.thread_type = "AUTO"

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """Decode, in the order of showing. Pictures stay valid after the container is closed."""
        for packet in self._packets():
            yield from self._pictures(packet)

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Read the packets, then None, which makes the decoder give what it still holds."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt:
                    self._count_error()
                yield packet
        except av.FFmpegError:
            self._count_error()
            yield None
            self.end_is_bad = True
        except IndexError:
            # PyAV 18.1 stumbles at the very end over streams that turned up on the way.
            yield None

    def _pictures(self, packet: Packet[VideoStream] | None) -> Iterator[av.VideoFrame]:
        try:
            for picture in self._stream.decode(packet):
                self.end_is_bad = False
                self.damaged_pictures += picture.is_corrupt
                yield picture
        except av.FFmpegError:
            self._count_error()

    def _count_error(self) -> None:
        self.errors += 1
        self.end_is_bad = True
