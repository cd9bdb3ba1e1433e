"""The thread in which a run's page is served."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol

from rtseg.errors import InputError, MissingDependencyError, OutputError
from rtseg.sinks.metrics import host_and_port
from rtseg.web.origin import Origin

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:8080"
MOST_BYTES = 16384
"""In a message from a viewer; an offer of WebRTC takes most."""
END_S = 3.0
"""The longest that the end may take."""


@dataclass(frozen=True, slots=True)
class Serve:
    """Where a page is served, and to whom.

    Attributes:
        address: HOST:PORT, :PORT or PORT; without a host only this machine can come. Port 0 is any.
        tls_cert: the certificate, and those above it, PEM; None for no TLS.
        tls_key: its private key.
        name: where it is reached besides, as through a proxy: NAME, NAME:PORT or https://NAME. Then a token
            is asked for on loopback, too.
        stays: whether the page stays when the run is over, until the session is closed.
    """

    address: str = DEFAULT_ADDRESS
    tls_cert: Path | None = None
    tls_key: Path | None = None
    name: str | None = None
    stays: bool = False


class Application(Protocol):
    """What is served."""

    asgi: Any
    """The ASGI application, without its door."""

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Get ready to be served in that loop."""

    async def tick(self) -> None:
        """Do what is to be done all the while, until cancelled."""

    async def end(self) -> None:
        """Say that it is over."""


class PageServer:
    """Serves an application, from `start` to `close`. The address is taken when it is made.

    Attributes:
        link: what to open in a browser, with the token if one is asked for.
        port: where it listens.
        is_loopback: whether only this machine can come.
    """

    def __init__(self, serve: Serve) -> None:
        """Take the address.

        Raises:
            OutputError: it is no address, is taken, or is not this machine's.
            InputError: certificate and key cannot be used, or one of them is missing; the name is none.
            MissingDependencyError: Starlette or uvicorn are not installed.
        """
        self._uvicorn = _load()
        self._tls = _tls_of(serve)
        host, port = host_and_port(serve.address)
        self._socket = _bound(serve.address, host, port)
        bound_host, self.port = self._socket.getsockname()[:2]
        self.is_loopback = _is_loopback(bound_host)
        self._scheme = "http" if serve.tls_cert is None else "https"
        try:
            self._outside = (
                None if serve.name is None else Origin.from_text(serve.name, self._scheme, self.port)
            )
        except InputError:
            self._socket.close()
            raise
        is_private = self.is_loopback and self._outside is None
        self._token = None if is_private else secrets.token_urlsafe(32)
        self._names = {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        self.link = self._link(host)
        self._ready = Event()
        self._app: Application | None = None

    def start(self, app: Application) -> None:
        """Begin to serve an application, in a thread."""
        self._app = app
        if not self.is_loopback:
            Thread(target=self._learn_full_name, name="web name", daemon=True).start()
        self._thread = Thread(target=self._run, name="web", daemon=False)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Tell everybody that it is over, and end; without `start`, only the address is given back."""
        if self._app is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        self._socket.close()

    def _learn_full_name(self) -> None:
        """Ask for this machine's name with its domain; without a network that may take very long."""
        self._names.add(socket.getfqdn().lower())

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            self._ready.set()

    async def _main(self) -> None:
        assert self._app is not None
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = self._uvicorn.Server(self._config())
        serving = asyncio.ensure_future(server.serve(sockets=[self._socket]))
        ticking = asyncio.ensure_future(self._app.tick())
        self._app.begin(self._loop)
        self._ready.set()
        await self._over.wait()
        ticking.cancel()
        await self._app.end()
        server.should_exit = True
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(serving, END_S)
        for connection in list(server.server_state.connections):  # of those who do not read
            connection.transport.abort()
        await asyncio.sleep(0)

    def _config(self) -> Any:  # noqa: ANN401
        from rtseg.web.connections import protocol_over
        from rtseg.web.door import Door

        assert self._app is not None
        door = Door(
            self._app.asgi,
            scheme=self._scheme,
            port=self.port,
            loopback=self.is_loopback,
            names=self._names,
            outside=self._outside,
            token=self._token,
        )
        return self._uvicorn.Config(
            door,
            http=protocol_over(self._tls),
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws_max_size=MOST_BYTES,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=16384,
            timeout_graceful_shutdown=1,
        )

    def _link(self, host: str) -> str:
        name = socket.gethostname() if host in ("0.0.0.0", "::") else host
        origin = self._outside or Origin(self._scheme, name, self.port)
        return f"{origin}/" + (f"?token={self._token}" if self._token else "")


def _bound(address: str, host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(address, error) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise _unusable(address, error) from error
    return bound


def _unusable(address: str, error: OSError) -> OutputError:
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"{address}: no page can be served there ({reason}). Choose another host or port.")


def _tls_of(serve: Serve) -> ssl.SSLContext | None:
    """What agrees on keys; None for no TLS."""
    if (serve.tls_cert is None) != (serve.tls_key is None):
        raise InputError("--tls-cert and --tls-key go together: give both.")
    if serve.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(serve.tls_cert, serve.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"{serve.tls_cert}, {serve.tls_key}: no certificate with its key ({error.strerror or error})."
        ) from error
    return context


def _is_loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")


def _load() -> Any:  # noqa: ANN401
    try:
        import starlette
        import uvicorn
        import websockets
    except ImportError as error:
        raise MissingDependencyError(
            "a web server (starlette, uvicorn, websockets)", extra="serve"
        ) from error
    assert starlette
    assert websockets
    return uvicorn
