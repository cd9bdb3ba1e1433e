"""Clients of another kind than the page: Python's HTTP, and the websockets library."""

from __future__ import annotations

import http.client
import json
import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from websockets.sync.client import connect

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from rtseg.session import Session


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def port_of(session: Session) -> int:
    assert session.page is not None
    return session.page.port


def token_of(session: Session) -> str:
    assert session.page is not None
    return parse_qs(urlsplit(session.page.link).query)["token"][0]


def ask(session: Session, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
    """One request, with just these headers and Host."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(session), timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"127.0.0.1:{port_of(session)}", **(headers or {})}.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer = Answer(
        response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    )
    connection.close()
    return answer


def watch(session: Session, **options: Any) -> ClientConnection:
    """A WebSocket, opened."""
    return connect(f"ws://127.0.0.1:{port_of(session)}/ws", open_timeout=10, **options)


@dataclass
class Picture:
    header: dict[str, Any]
    image: np.ndarray
    ids: np.ndarray


def unpacked(packet: bytes) -> Picture:
    (length,) = struct.unpack_from("<I", packet)
    header = json.loads(packet[4 : 4 + length])
    jpeg_end = 4 + length + header["jpeg"]
    assert len(packet) == jpeg_end + header["labels"]
    image = cv2.imdecode(np.frombuffer(packet[4 + length : jpeg_end], np.uint8), cv2.IMREAD_COLOR)
    width, height = header["label_size"]
    ids = np.frombuffer(zlib.decompress(packet[jpeg_end:]), np.uint8).reshape(height, width)
    return Picture(header, image, ids)


def next_text(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next text message of a type."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        message = socket.recv(timeout=10)
        if isinstance(message, str):
            told = json.loads(message)
            if told["type"] == kind:
                return told
    raise AssertionError(f"no {kind} came")


def next_picture(socket: ClientConnection) -> Picture:
    """The next picture."""
    while True:
        message = socket.recv(timeout=10)
        if isinstance(message, bytes):
            return unpacked(message)


def pictures_for(seconds: float, socket: ClientConnection) -> list[Picture]:
    """All pictures that come within a time."""
    until, pictures = time.monotonic() + seconds, [next_picture(socket)]
    while time.monotonic() < until:
        pictures.append(next_picture(socket))
    return pictures
