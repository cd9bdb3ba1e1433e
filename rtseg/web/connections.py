"""How many may be connected, and for how long without a word. uvicorn limits requests, not connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import ssl
    from asyncio import BaseTransport, Task, TimerHandle, Transport

    import h11

MOST_CONNECTIONS = 128
"""Open at once, WebSockets among them; further ones are closed at once."""

PATIENCE_S = 10.0
"""How long a connection may take to agree on keys, and how long to say what it wants, head to end."""


def protocol_over(context: ssl.SSLContext | None) -> type[LimitedProtocol]:
    """What speaks with a connection: over TLS if a context is given."""

    class Protocol(LimitedProtocol):
        tls = context

    return Protocol


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 for a connection, which is closed if there are too many, or it does not come to the point.

    It begins TLS itself: asyncio's servers tell of a connection only when keys are agreed on, and would let
    any number of them be silent for a minute.
    """

    tls: ClassVar[ssl.SSLContext | None] = None
    _timer: TimerHandle | None = None
    _greeting: Task[None] | None = None
    _early = b""
    _upgraded = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin with a connection."""
        plain = cast("Transport", transport)
        super().connection_made(plain)
        if len(self.connections) > MOST_CONNECTIONS:
            plain.abort()
        elif self.tls is None:
            self._wait_for_request()
        else:
            self._greeting = self.loop.create_task(self._greet(plain, self.tls))

    async def _greet(self, plain: Transport, tls: ssl.SSLContext) -> None:
        """Agree on keys, and begin anew over TLS."""
        try:
            secret = await self.loop.start_tls(
                plain, self, tls, server_side=True, ssl_handshake_timeout=PATIENCE_S
            )
        except OSError:  # those of TLS and of time are among them
            secret = None
        if secret is None or secret.is_closing():
            self.connections.discard(self)
            plain.abort()
            return
        self._greeting = None
        super().connection_made(secret)
        self._wait_for_request()
        if self._early:
            self.data_received(self._early)

    def connection_lost(self, exc: Exception | None) -> None:
        """End with it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come: a request, a part of one, or what follows one."""
        if self._greeting is not None:  # keys are agreed on, and `_greet` is about to learn of it
            self._early += data
            return
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
