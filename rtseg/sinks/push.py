"""The overlay pushed live to another machine: RTSP to a media server, or UDP to whoever listens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import av

from rtseg.errors import OutputError
from rtseg.sinks.encoder import find_encoder
from rtseg.sinks.live_encoder import LiveEncoder, times_of
from rtseg.sinks.rtsp import RtspPublisher
from rtseg.sinks.udp import DATAGRAM_BYTES, UdpSender
from rtseg.sources.uri import Address, redacted

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted
    from rtseg.sinks.encoder import Encoder
    from rtseg.sources.base import Source

SCHEMES = ("rtsp", "udp")

_TIMEOUT_S = 3.0
"""For each answer of a server, and for each packet to leave."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
"""Between attempts to connect again; doubled after each."""

_BITS_A_PIXEL = 0.2
"""The most that is sent, by the second: 5.5 Mbit/s at 1280×720 and 30 frames a second."""

_RTP_BYTES = 1400
_SPS, _PPS = 7, 8


class Wire(Protocol):
    """What packets leave by. Made connected."""

    def send(self, data: bytes) -> None:
        """Send; OSError if that fails, within seconds."""

    def close(self) -> None:
        """Close; never fails, and within a second."""


def check_push_url(url: str) -> None:
    """Check the form of an address to push to; nothing is connected.

    Raises:
        OutputError: it is of no kind that can be pushed to, or has no host or port.
    """
    try:
        address = Address.from_uri(url)
    except ValueError as error:
        raise OutputError(f"{redacted(url)}: no address to push to: {error}.") from error
    if address.scheme not in SCHEMES:
        raise OutputError(
            f"{address.scheme}://… cannot be pushed to. Push to rtsp://HOST:PORT/PATH (a media server "
            "makes RTMP, SRT or HLS of it) or to udp://HOST:PORT."
        )
    if not address.host or (address.scheme == "udp" and address.port is None):
        raise OutputError(f"{redacted(url)}: no address to push to. Write {address.scheme}://HOST:PORT.")


class PushSink:
    """Pushes painted pictures: H.264, no delay in the encoder, a key frame with all headers every second.

    rtsp:// publishes to a server over TCP; udp:// sends an MPEG transport stream. A connection that breaks is
    made again, after pauses that grow to half a minute; pictures meanwhile are left out, and counted.

    `write` may take seconds where the network stands still: use it aside (`rtseg.pipeline.Aside`). Used by
    one thread.

    Attributes:
        broken: how often the connection broke.
        gone_s: how long there was none, in all.
        left_out: how many pictures there was no connection for.
    """

    def __init__(
        self,
        url: str,
        source: Source,
        *,
        codec: str = "h264",
        crf: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Choose address and encoder; nothing is connected yet.

        Args:
            url: rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH or udp://HOST:PORT.
            source: the entered source of the frames.
            codec: "h264", or FFmpeg's name of an encoder that writes it.
            crf: quality on the encoder's own scale, lower is better; None for the usual one.
            size: width and height of the pictures; None for those of the source.

        Raises:
            OutputError: the address is no such, or there is no such encoder here.
        """
        check_push_url(url)
        self._url = url
        self._source = source
        self._size = size or (source.width, source.height)
        self._encoder = find_encoder(codec, crf, *self._size)
        if self._encoder.codec != "h264":
            raise OutputError(f"{redacted(url)}: {codec} cannot be pushed. Choose h264.")
        self._options = _options(self._encoder, source, self._size)
        self._parameter_sets: list[bytes] = []
        self._link: _Link | None = None
        self._retry_s = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._last_failure = ""
        self._gone_since_s: float | None = None
        self.broken = 0
        self.gone_s = 0.0
        self.left_out = 0

    @property
    def warnings(self) -> list[str]:
        """How often the connection broke and what that cost; nothing if it never did."""
        if not self.broken:
            return []
        return [
            f"{redacted(self._url)}: the connection broke (times: {self.broken}) and was gone for "
            f"{self.gone_s:.1f} s; {self.left_out} pictures were not sent; last reason: {self._last_failure}"
        ]

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            OutputError: nobody is there, or it refuses.
        """
        try:
            self._connect()
        except (OSError, av.FFmpegError) as error:
            raise OutputError(
                f"{redacted(self._url)}: cannot be pushed to: {_reason(error)}. "
                "Check the address, and that the server runs and takes streams."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send what is left, and say goodbye."""
        self._count_gone()
        self._disconnect()

    def write(self, painted: Painted) -> None:
        """Send one picture, or try to connect again if it is time; never fails."""
        if self._link is None and not self._reconnect():
            self.left_out += 1
            return
        assert self._link is not None
        try:
            self._link.send(painted.picture, times_of(painted.frame))
            self._pause_s = _FIRST_PAUSE_S
        except (OSError, av.FFmpegError) as error:
            self.left_out += 1
            self.broken += 1
            self._gone_since_s = time.monotonic()
            self._disconnect()
            self._put_off(error)

    def end_segment(self) -> dict[str, Any]:
        """Do nothing: what was sent is gone."""
        return {}

    def _reconnect(self) -> bool:
        if time.monotonic() < self._retry_s:
            return False
        try:
            self._connect()
        except (OSError, av.FFmpegError) as error:
            self._put_off(error)
            return False
        self._count_gone()
        return True

    def _put_off(self, error: OSError | av.FFmpegError) -> None:
        """Try again later, and later each time."""
        self._last_failure = _reason(error)
        self._retry_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _count_gone(self) -> None:
        if self._gone_since_s is not None:
            self.gone_s += time.monotonic() - self._gone_since_s
            self._gone_since_s = None

    def _connect(self) -> None:
        wire: Wire
        if Address.from_uri(self._url).scheme == "udp":
            wire = UdpSender(self._url)
            muxer = ("mpegts", {"flush_packets": "1"}, DATAGRAM_BYTES)
        else:
            self._parameter_sets = self._parameter_sets or _parameter_sets(
                self._encoder, self._source, self._size, self._options
            )
            wire = RtspPublisher(self._url, self._parameter_sets, _TIMEOUT_S)
            muxer = ("rtp", {"packetsize": str(_RTP_BYTES)}, _RTP_BYTES)
        self._link = _Link(wire, muxer, self._encoder, self._source, self._size, self._options)

    def _disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()


class _Link:
    """A connection with an encoder and a muxer of its own, so that it begins with a key frame."""

    def __init__(
        self,
        wire: Wire,
        muxer: tuple[str, dict[str, str], int],
        encoder: Encoder,
        source: Source,
        size: tuple[int, int],
        options: dict[str, str],
    ) -> None:
        """Set it up; nothing is sent before the first picture.

        Args:
            wire: what packets leave by; closed by `close`.
            muxer: FFmpeg's name of it, its options, and the most bytes it gives out at once.
            encoder: what encodes.
            source: the entered source of the frames.
            size: width and height of the pictures.
            options: of the encoder, over its own.
        """
        self._outlet = _Outlet(wire)
        name, muxer_options, block_bytes = muxer
        self._container = av.open(
            self._outlet, "w", format=name, options=muxer_options, buffer_size=block_bytes
        )
        self._encoder = LiveEncoder(self._container, encoder, source, size, options)

    def send(self, picture: av.VideoFrame, pts: int) -> None:
        """Send one picture; OSError or av.FFmpegError if that fails."""
        self._encoder.encode(picture, pts)
        if self._outlet.failure is not None:
            raise self._outlet.failure

    def close(self) -> None:
        """Send what is left if the wire still holds, and close all; never fails."""
        try:
            self._encoder.finish()
            self._container.close()
        except (OSError, av.FFmpegError):
            pass  # what is broken cannot end well
        self._outlet.wire.close()


class _Outlet:
    """What FFmpeg writes to: each call is one packet, and goes to the wire.

    Attributes:
        wire: where to.
        failure: what the wire raised; after that nothing is sent. FFmpeg's own muxers do not tell reliably.
    """

    name = ""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.failure: OSError | None = None

    def write(self, packet: bytes) -> int:
        """Send."""
        if self.failure is None:
            try:
                self.wire.send(bytes(packet))
            except OSError as error:
                self.failure = error
        return len(packet)


def _options(encoder: Encoder, source: Source, size: tuple[int, int]) -> dict[str, str]:
    """Encoder options for a line of limited width that anybody may join at any second."""
    most = str(int(size[0] * size[1] * source.fps * _BITS_A_PIXEL))
    options = {"maxrate": most, "bufsize": most}
    if encoder.name == "libx264":
        options["x264-params"] = "repeat-headers=1"
    return options


def _parameter_sets(
    encoder: Encoder, source: Source, size: tuple[int, int], options: dict[str, str]
) -> list[bytes]:
    """SPS and PPS of what will be encoded, found by encoding one grey picture."""
    outlet = _Outlet(_Packets())
    with av.open(outlet, "w", format="h264") as container:
        live = LiveEncoder(container, encoder, source, size, options)
        live.encode(av.VideoFrame(size[0], size[1], encoder.pix_fmt), 0)
        live.finish()
    assert isinstance(outlet.wire, _Packets)
    units = [unit.rstrip(b"\0") for unit in outlet.wire.data.split(b"\0\0\1")[1:]]
    return [unit for kind in (_SPS, _PPS) for unit in units if unit[0] & 31 == kind][:2]


class _Packets:
    """A wire that keeps what is sent."""

    def __init__(self) -> None:
        self.data = b""

    def send(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        pass


def _reason(error: OSError | av.FFmpegError) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT_S:g} s"
    return error.strerror or str(error)
