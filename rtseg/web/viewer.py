"""One viewer's connection. The latest wins: who is slow gets fewer pictures, and nobody waits for anybody.

From here go, as text, JSON with a `type`: `hello` once, `state` twice a second, `pong`, `end`; as binary,
pictures (`packet.py`). From there come, all of them optional:

    {"type": "ping", "t": anything}     answered with t and the server's clock, to set one by the other
    {"type": "paced"}                   from now on the viewer says what it has painted …
    {"type": "painted", "number": N}    … and no more than `AHEAD` pictures are under way to it
    {"type": "pause"} {"type": "go"}    send no pictures for a while
    {"type": "offer", "sdp": text}      send the picture by WebRTC; answered by `answer`, with an sdp or null
    {"type": "jpeg", "wanted": bool}    whether packets are to have the picture, too; at first they do

A viewer that says nothing gets what its connection takes.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from rtseg.pipeline.clock import ms_from_ns

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from rtseg.web.rtc import Peer
    from rtseg.web.shelf import Shelf

AHEAD = 2
"""Pictures under way to a viewer that says what it has painted: one on the line, one being painted."""

MOST_A_SECOND = 200
"""Messages from a viewer; one that sends more is sent away."""

POLICY, GOING_AWAY = 1008, 1001
"""Reasons to close a WebSocket (RFC 6455)."""


class Viewer:
    """Serves one viewer until it leaves, or the run's page ends."""

    def __init__(self, socket: WebSocket, shelf: Shelf, peer: Peer | None) -> None:
        """Begin with an accepted connection, and with what answers an offer of WebRTC, if anything does."""
        self._peer = peer
        self._has_jpeg = True
        self.state: dict[str, Any] | None = None
        self._socket = socket
        self._shelf = shelf
        self._paced = False
        self._paused = False
        self._sent = self._painted = 0
        self._moved = asyncio.Event()
        self._told = asyncio.Event()

    def tell(self, state: dict[str, Any]) -> None:
        """Leave a message that is to be sent soon; a newer one takes its place."""
        self.state = state
        self._told.set()

    async def serve(self, hello: dict[str, Any]) -> None:
        """Serve until it leaves."""
        await self._say(hello)
        tasks = [asyncio.ensure_future(part) for part in (self._listen(), self._show(), self._report())]
        try:
            await _first_of(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._peer is not None:
                await self._peer.close()

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, separators=(",", ":")))

    async def _listen(self) -> None:
        second, count = 0, 0
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            now_ns = time.monotonic_ns()
            second, count = (second, count + 1) if now_ns // 10**9 == second else (now_ns // 10**9, 1)
            message = _parsed(received.get("text"))
            if message is None or count > MOST_A_SECOND:
                await self._socket.close(POLICY, "not understood" if message is None else "too much")
                return
            await self._heed(message, ms_from_ns(now_ns))

    async def _heed(self, message: dict[str, Any], now_ms: float) -> None:
        kind = message.get("type")
        if kind == "ping":
            await self._say({"type": "pong", "t": message.get("t"), "now_ms": now_ms})
        elif kind == "paced":
            self._paced, self._painted = True, self._sent
        elif kind == "painted":
            self._painted = max(self._painted, min(_number(message.get("number")), self._sent))
        elif kind in ("pause", "go"):
            self._paused = kind == "pause"
        elif kind == "jpeg":
            self._has_jpeg = bool(message.get("wanted"))
        elif kind == "offer":
            answer = await self._peer.answer(str(message.get("sdp"))) if self._peer is not None else None
            await self._say({"type": "answer", "sdp": answer})
        self._moved.set()

    async def _show(self) -> None:
        seen, under_way = 0, list[int]()
        while True:
            under_way = [number for number in under_way if self._paced and number > self._painted]
            if self._paused or (self._paced and len(under_way) >= AHEAD):
                self._moved.clear()
                await self._moved.wait()
                continue
            shown = await self._shelf.newer(seen)
            packet = await self._shelf.packet(shown, has_jpeg=self._has_jpeg)
            self._sent = seen = shown.number
            under_way.append(seen)
            await self._socket.send_bytes(packet)

    async def _report(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            if self.state is not None:
                await self._say(self.state)
                if self.state["type"] == "end":
                    await self._socket.close(GOING_AWAY, "the run has ended")
                    return


async def _first_of(tasks: list[asyncio.Task[None]]) -> None:
    """Wait until one of them is over; a connection that was lost is an end like others."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        with suppress(WebSocketDisconnect, RuntimeError):  # Starlette's, for sending after the viewer left
            task.result()


def _parsed(text: str | None) -> dict[str, Any] | None:
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
