"""An RTSP client that publishes one H.264 stream: ANNOUNCE and RECORD of RFC 2326, RTP within the connection.

FFmpeg has one too, but PyAV holds Python's lock while that connects: a server that does not answer would stop
the whole program, whatever the thread. Here FFmpeg makes the RTP packets, and the connection is ours.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rtseg.sources.uri import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 554
_KEEP_ALIVE_S = 20.0
_LONGEST_REPLY = 65_536
_RTCP_TYPES = range(200, 208)
_NEEDS_PASSWORD = 401


class RtspError(OSError):
    """The server did not do what it was asked to; says what it answered."""


class RtspPublisher:
    """Publishes to an RTSP server: made connected, then `send`, then `close`. Used by one thread.

    No call takes longer than about `timeout_s` for each answer that it waits for.
    """

    def __init__(self, url: str, parameter_sets: list[bytes], timeout_s: float) -> None:
        """Connect, and announce a stream.

        Args:
            url: rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH.
            parameter_sets: H.264 SPS and PPS, without start codes.
            timeout_s: the longest wait for anything.

        Raises:
            OSError: there is no such server, or it did not answer in time.
            RtspError: it refused.
        """
        address = Address.from_uri(url)
        host, port = address.host, address.port or PORT
        place = f"[{host}]" if ":" in host else host
        self._uri = f"rtsp://{place}:{port}{address.rest or '/'}"
        user, _, password = (address.user_info or "").partition(":")
        self._user, self._password = unquote(user), unquote(password)
        self._challenge: Mapping[str, str] | None = None
        self._sequence = 0
        self._session = ""
        self._unread = b""
        self._timeout_s = timeout_s
        self._socket = socket.create_connection((host, port), timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._begin(_description(place, parameter_sets))
        except BaseException:
            self._socket.close()
            raise
        self._asked_s = time.monotonic()

    def send(self, packet: bytes) -> None:
        """Send one RTP or RTCP packet; OSError if the connection is gone, or stands still."""
        self._discard_answers()
        channel = 1 if packet[1] in _RTCP_TYPES else 0
        self._socket.sendall(b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet)
        if time.monotonic() - self._asked_s > _KEEP_ALIVE_S:
            self._asked_s = time.monotonic()
            self._socket.sendall(self._request("OPTIONS", self._uri))

    def close(self) -> None:
        """Say goodbye, without waiting for an answer, and close."""
        try:
            self._socket.settimeout(0.5)
            self._socket.sendall(self._request("TEARDOWN", self._uri))
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already
        self._socket.close()

    def _begin(self, description: bytes) -> None:
        self._ask("OPTIONS", self._uri)
        self._ask("ANNOUNCE", self._uri, {"Content-Type": "application/sdp"}, description)
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}
        answer = self._ask("SETUP", f"{self._uri}/streamid=0", transport)
        self._session = answer.get("session", "").partition(";")[0]
        self._ask("RECORD", self._uri, {"Range": "npt=0.000-"})

    def _ask(
        self, method: str, uri: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> dict[str, str]:
        """Ask, and return the answer's headers, names in small letters; RtspError if it is not 200."""
        self._socket.sendall(self._request(method, uri, headers, body))
        status, reason, answer = self._answer()
        if status == _NEEDS_PASSWORD and self._challenge is None and self._user:
            self._challenge = _challenge(answer.get("www-authenticate", ""))
            return self._ask(method, uri, headers, body)
        if status == _NEEDS_PASSWORD:
            raise RtspError(
                "it wants another user or password"
                if self._user
                else "it wants a user and a password; write them as rtsp://USER:PASSWORD@…"
            )
        if status != 200:
            raise RtspError(f"it answered {status} {reason} to {method}")
        return answer

    def _request(
        self, method: str, uri: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> bytes:
        self._sequence += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: rtseg"]
        if self._session:
            lines.append(f"Session: {self._session}")
        if self._challenge is not None:
            lines.append(f"Authorization: {self._credentials(method, uri)}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _credentials(self, method: str, uri: str) -> str:
        """The Authorization header: Basic (RFC 7617) or Digest without qop (RFC 2617, 3.2.2)."""
        assert self._challenge is not None
        if "nonce" not in self._challenge:
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        realm, nonce = self._challenge.get("realm", ""), self._challenge["nonce"]
        secret = _md5(f"{self._user}:{realm}:{self._password}")
        response = _md5(f"{secret}:{nonce}:{_md5(f'{method}:{uri}')}")
        return (
            f'Digest username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}"'
        )

    def _answer(self) -> tuple[int, str, dict[str, str]]:
        """Status, reason and headers of the next answer."""
        head = self._read_until_blank_line().decode("utf-8", "replace")
        first, *lines = head.split("\r\n")
        match = re.fullmatch(r"RTSP/\d\.\d (\d{3}) ?(.*)", first)
        if match is None:
            raise RtspError("what answers there is no RTSP server")
        pairs = (line.partition(":") for line in lines)
        answer = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = answer.get("content-length", "0")
        self._read_exactly(int(length) if length.isdigit() else 0)
        return int(match[1]), match[2], answer

    def _read_until_blank_line(self) -> bytes:
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head

    def _read_exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._receive()
        body, self._unread = self._unread[:size], self._unread[size:]
        return body

    def _receive(self) -> None:
        data = self._socket.recv(4096)
        if not data:
            raise RtspError("it closed the connection")
        self._unread += data
        if len(self._unread) > _LONGEST_REPLY:
            raise RtspError("what answers there is no RTSP server")

    def _discard_answers(self) -> None:
        """Read what has come, or it would pile up until the server stood still; RtspError at its end."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(_LONGEST_REPLY):
                pass
        except BlockingIOError:
            return
        finally:
            self._socket.settimeout(self._timeout_s)
        raise RtspError("it closed the connection")


def _description(host: str, parameter_sets: list[bytes]) -> bytes:
    """What is announced: SDP (RFC 8866) of one H.264 stream (RFC 6184, 8.2)."""
    family = "IP6" if host.startswith("[") else "IP4"
    sets = ",".join(base64.b64encode(unit).decode() for unit in parameter_sets)
    profile = parameter_sets[0][1:4].hex().upper()
    return "\r\n".join(
        [
            "v=0",
            f"o=- 0 0 IN {family} {'::1' if family == 'IP6' else '127.0.0.1'}",
            "s=rtseg",
            f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1; sprop-parameter-sets={sets}; profile-level-id={profile}",
            "a=control:streamid=0",
            "",
        ]
    ).encode()


def _challenge(header: str) -> dict[str, str]:
    """The values in a WWW-Authenticate header; those of Basic have no nonce."""
    return dict(re.findall(r'(\w+)="([^"]*)"', header))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
