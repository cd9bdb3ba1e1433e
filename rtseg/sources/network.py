"""Streams from the network: RTSP, HTTP, UDP and what else this FFmpeg can receive."""

from __future__ import annotations

from typing import Any

from rtseg.errors import SourceError
from rtseg.sources.connection import StreamConnection
from rtseg.sources.live import LiveOptions
from rtseg.sources.reconnecting import Reconnecting
from rtseg.sources.uri import Address, redacted

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtp", "srt", "rtmp", "rtmps", "tcp")
"""What a stream's address may begin with. Whether FFmpeg has a scheme turns out when it is opened."""


class NetworkStream(Reconnecting):
    """A stream as a live source, decoded with as little delay as FFmpeg allows (see `StreamConnection`)."""

    def __init__(self, uri: str, options: LiveOptions | None = None) -> None:
        """Name the stream, with user and password where it wants them; nothing is opened yet.

        Raises:
            SourceError: `uri` is no address.
        """
        super().__init__(redacted(uri), options or LiveOptions())
        self._address = _address_from(uri, self.uri)
        self._facts: dict[str, Any] = {"kind": "stream", "protocol": self._address.scheme}
        if self._address.scheme.startswith("rtsp"):
            self._facts["transport"] = self._options.transport

    def _connect(self) -> StreamConnection:
        connection = StreamConnection(self._address, self._options, self._patience)
        self._facts |= {
            "codec": connection.codec,
            "format": connection.container_format,
            "nominal_fps": round(float(connection.fps), 3),
        }
        return connection

    def _facts_of_connection(self) -> dict[str, Any]:
        return dict(self._facts)


def _address_from(uri: str, shown: str) -> Address:
    try:
        address = Address.from_uri(uri)
    except ValueError as error:
        raise SourceError(f"{shown}: {error}. An example: rtsp://192.168.1.20:554/stream1") from None
    listens = address.scheme in ("udp", "rtp")
    if listens and address.port is None:
        raise SourceError(f"{shown}: names no port to listen at. An example: {address.scheme}://0.0.0.0:5000")
    if not listens and not address.host:
        raise SourceError(f"{shown}: names no host. An example: rtsp://192.168.1.20:554/stream1")
    return address
