"""How many may be connected, and for how long without a word. uvicorn limits requests, not connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import BaseTransport, TimerHandle, Transport

    import h11

MOST_CONNECTIONS = 128
"""Open at once, WebSockets among them; further ones are closed at once."""

PATIENCE_S = 10.0
"""How long a connection may take to say what it wants, head to end."""


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 for a connection, which is closed if there are too many, or it does not come to the point."""

    _timer: TimerHandle | None = None
    _upgraded = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin with a connection."""
        super().connection_made(cast("Transport", transport))
        if len(self.connections) > MOST_CONNECTIONS:
            cast("Transport", transport).abort()
            return
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come: a request, a part of one, or what follows one."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._timer is None:
            self._wait_for_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over, which is a WebSocket's now."""
        self._upgraded = True
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def _wait_for_request(self) -> None:
        if not self._upgraded:
            self._timer = self.loop.call_later(PATIENCE_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
