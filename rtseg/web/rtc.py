"""The picture over WebRTC, where aiortc is installed: a fraction of what JPEGs take of a line.

Not on loopback, where a line costs nothing: WebRTC would open further ports, on this machine's other
addresses. No server of others is asked for anything (no STUN, no TURN), so it works within a network; where
it does not, the page stays with JPEGs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError

if TYPE_CHECKING:
    import av

    from rtseg.web.film import Film

CODEC = "video/H264"


def without_addresses(offer: str) -> str:
    """An offer without the places where the browser says it can be reached.

    The browser comes to us. So nothing is ever sent to an address that only an offer names.
    """
    lines = [line for line in offer.splitlines() if not line.startswith(("a=candidate", "a=end-of-cand"))]
    return "\r\n".join([*lines, ""])


class FilmTrack(MediaStreamTrack):
    """A film as aiortc takes it: packets that are encoded already."""

    kind = "video"

    def __init__(self, film: Film) -> None:
        super().__init__()
        self._film = film
        self._packets = film.watch()

    async def recv(self) -> av.Packet[Any]:
        """The next packet."""
        return await self._packets.get()

    def stop(self) -> None:
        """Watch no more."""
        super().stop()
        self._film.leave(self._packets)


class Peer:
    """A viewer's connection, once it has offered one."""

    def __init__(self, film: Film) -> None:
        """Begin without."""
        self._film = film
        self._connection: RTCPeerConnection | None = None
        self._track: FilmTrack | None = None

    async def answer(self, offer: str) -> str | None:
        """Answer a browser's first offer, in SDP; None if it is none, or has no H.264 in it."""
        if self._connection is not None:
            return None
        connection = self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = FilmTrack(self._film)
        transceiver = connection.addTransceiver(self._track, direction="sendonly")
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in known if codec.mimeType == CODEC])
        try:
            await connection.setRemoteDescription(RTCSessionDescription(without_addresses(offer), "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except (ValueError, KeyError, IndexError, AttributeError, TypeError, InvalidStateError):
            await self.close()  # aiortc raises any of these for what it cannot read
            return None
        answer: str = connection.localDescription.sdp
        return answer

    async def close(self) -> None:
        """End it."""
        if self._track is not None:
            self._track.stop()
        if self._connection is not None:
            await self._connection.close()
