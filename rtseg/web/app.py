"""The routes. None takes a name of anything on disk: the page's files are read once, at the start."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from rtseg.errors import MissingDependencyError
from rtseg.report import rtseg_version
from rtseg.sinks.metrics import exposition
from rtseg.web.files import page_routes
from rtseg.web.openapi import of_run
from rtseg.web.packet import jpeg_from, labels_png
from rtseg.web.state import Introduction, Ticker
from rtseg.web.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from rtseg.sinks.metrics import Figures
    from rtseg.web.film import Film
    from rtseg.web.rtc import Peer
    from rtseg.web.shelf import Shelf
    from rtseg.web.state import Watched

MOST_VIEWERS = 48
TRY_LATER = 1013
"""Reason to close a WebSocket."""
TICK_S = 0.5


class App:
    """What the browser and others ask for; the ASGI application is `asgi`.

    Attributes:
        asgi: the application, without its door.
    """

    def __init__(
        self,
        watched: Watched,
        shelf: Shelf,
        figures: Callable[[], Figures],
        *,
        opacity: float,
        make_peer: Callable[[Film], Peer] | None = None,
    ) -> None:
        """Set up for one run.

        Args:
            watched: the run.
            shelf: its latest picture.
            figures: its figures for Prometheus.
            opacity: of the colours at first.
            make_peer: makes what answers an offer of WebRTC; None where there is none.
        """
        model = watched.backend.model
        self._watched = watched
        self._shelf = shelf
        self._figures = figures
        self._make_peer = make_peer
        self._ticker = Ticker(watched)
        self._viewers: set[Viewer] = set()
        self._last: dict[str, Any] | None = None
        self._hello = Introduction(
            run=secrets.token_hex(8),
            title=watched.title,
            mode=watched.mode,
            model=f"{model.name} {model.precision}",
            backend=watched.backend.name,
            classes=model.classes,
            opacity=opacity,
            rtc=make_peer is not None,
        ).as_message()
        self.asgi = Starlette(
            routes=[
                *page_routes("index.html"),
                Route("/api/report", self._report),
                Route("/api/frame.jpg", self._frame),
                Route("/api/labels.png", self._labels),
                Route("/api/past", self._past),
                Route("/api/past/{number}", self._past_picture),
                Route("/api/openapi.json", lambda _: JSONResponse(of_run(rtseg_version()))),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self._watch),
            ]
        )

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve in that loop from now on."""
        self._shelf.serve_in(loop)

    async def tick(self) -> None:
        """Tell all viewers how the run goes, twice a second, until cancelled."""
        while True:
            if self._viewers:
                self._tell(self._ticker.message())
            await asyncio.sleep(TICK_S)

    async def end(self) -> None:
        """Tell all viewers that the run is over, and wait until they know, or a moment."""
        self._shelf.serve_in(None)
        self._tell({**self._ticker.message(), "type": "end"})
        for _ in range(20):
            if not self._viewers:
                return
            await asyncio.sleep(0.05)

    def _tell(self, state: dict[str, Any]) -> None:
        self._last = state
        for viewer in self._viewers:
            viewer.tell(state)

    async def _watch(self, socket: WebSocket) -> None:
        await socket.accept()
        if len(self._viewers) >= MOST_VIEWERS:
            await socket.close(TRY_LATER, "too many viewers")
            return
        viewer = Viewer(socket, self._shelf, self._make_peer(self._shelf.film) if self._make_peer else None)
        viewer.tell(self._ticker.message() if not self._viewers or self._last is None else self._last)
        self._viewers.add(viewer)
        try:
            await viewer.serve(self._hello)
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._shelf.tidy()

    async def _report(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._watched.report))

    async def _frame(self, _request: Request) -> Response:
        shown = self._shelf.latest
        if shown is None:
            return _no_picture()
        return Response(await run_in_threadpool(jpeg_from, shown.painted.picture), media_type="image/jpeg")

    async def _labels(self, _request: Request) -> Response:
        shown = self._shelf.latest
        if shown is None:
            return _no_picture()
        return Response(await run_in_threadpool(labels_png, shown), media_type="image/png")

    async def _past(self, _request: Request) -> Response:
        listed = self._shelf.past.listed()
        return JSONResponse([{"number": number, "seconds": round(seconds, 3)} for number, seconds in listed])

    async def _past_picture(self, request: Request) -> Response:
        number = request.path_params["number"]
        packet = self._shelf.past.packet(int(number)) if number.isdecimal() and len(number) < 16 else None
        if packet is None:
            return PlainTextResponse("This picture is not kept.\n", 404)
        return Response(packet, media_type="application/octet-stream")

    async def _metrics(self, _request: Request) -> Response:
        try:
            content, kind = await run_in_threadpool(exposition, self._figures)
        except MissingDependencyError as error:
            return PlainTextResponse(f"{error}\n", 501)
        return Response(content, headers={"Content-Type": kind})


def _no_picture() -> Response:
    return PlainTextResponse("No picture has been shown yet.\n", 503, {"Retry-After": "1"})
