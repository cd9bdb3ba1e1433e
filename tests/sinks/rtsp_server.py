"""An RTSP server for tests that takes one stream at a time, and misbehaves as it is told to."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

REALM, NONCE = "rtseg", "4711"


class RtspServer:
    """Listens until it is left; connections are then cut.

    Attributes:
        requests: the first line of all that it was asked.
        announced: the SDP of the last ANNOUNCE.
        packets: RTP packets received, by channel.
    """

    def __init__(
        self, *, port: int = 0, says: str = "", auth: str = "", reads: bool = True, answers: bool = True
    ) -> None:
        self.says, self.auth, self.reads, self.answers = says, auth, reads, answers
        self.requests: list[str] = []
        self.announced = ""
        self.packets: dict[int, int] = {0: 0, 1: 0}
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._listening.accept()[0]
                self._connections.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection.makefile("rb") as stream:
            while self.answers and (first := stream.peek(1)[:1]):
                if first == b"$":
                    header = stream.read(4)
                    stream.read(int.from_bytes(header[2:], "big"))
                    self.packets[header[1]] += 1
                else:
                    self._answer(connection, stream)
                if not self.reads and self.requests[-1].startswith("RECORD"):
                    break
            self._done.wait()

    def _answer(self, connection: socket.socket, stream) -> None:
        lines = []
        while line := stream.readline().decode().strip():
            lines.append(line)
        if not lines:
            raise EOFError
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        body = stream.read(int(headers.get("content-length", 0))).decode()
        self.requests.append(lines[0])
        method, uri, _ = lines[0].split(" ")
        status, extra = "200 OK", "Session: 12;timeout=60\r\n"
        if self.auth and method != "OPTIONS" and not self._is_allowed(method, uri, headers):
            nonce = f', nonce="{NONCE}"' if self.auth == "Digest" else ""
            status, extra = "401 Unauthorized", f'WWW-Authenticate: {self.auth} realm="{REALM}"{nonce}\r\n'
        elif self.says and method == "ANNOUNCE":
            status = self.says
        elif method == "ANNOUNCE":
            self.announced = body
        connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}\r\n".encode())

    def _is_allowed(self, method: str, uri: str, headers: dict[str, str]) -> bool:
        """Whether it is ann with her password."""
        given = headers.get("authorization", "")
        if self.auth == "Basic":
            return given == "Basic " + base64.b64encode(b"ann:p@ss").decode()
        values = dict(re.findall(r'(\w+)="([^"]*)"', given))
        expected = _md5(f"{_md5(f'ann:{REALM}:p@ss')}:{NONCE}:{_md5(f'{method}:{uri}')}")
        return values.get("response") == expected and values.get("username") == "ann"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
