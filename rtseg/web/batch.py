"""A batch in the browser: all films, and what has become of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rtseg.report import rtseg_version
from rtseg.web.openapi import of_batch
from rtseg.web.server import PageServer

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.batch.batch import Batch
    from rtseg.web.server import Serve


class BatchPage:
    """Serves the list; a context manager. The address is taken when it is made.

    Attributes:
        link: what to open in a browser.
        asgi: the application, without its door.
    """

    def __init__(self, serve: Serve, batch: Batch) -> None:
        """Take the address; raises as `PageServer` does."""
        self._server = PageServer(serve)
        self._batch = batch
        self._told: dict[str, Any] = {"running": True, **batch.overview()}
        self.link = self._server.link
        self.asgi = self._application()

    def _application(self) -> Any:  # noqa: ANN401
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        from rtseg.web.files import page_routes

        return Starlette(
            routes=[
                *page_routes("batch.html"),
                Route("/api/batch", lambda _: JSONResponse(self._told)),
                Route("/api/openapi.json", lambda _: JSONResponse(of_batch(rtseg_version()))),
            ]
        )

    def look(self) -> None:
        """See how the batch goes, in the thread that does it; until then what was seen before is told."""
        self._told = {"running": True, **self._batch.overview()}

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nothing: pages ask by themselves."""

    async def tick(self) -> None:
        """Likewise."""

    async def end(self) -> None:
        """Leave pages the time to learn that it is over."""
        self._told = {**self._told, "running": False}
        await asyncio.sleep(1.2)

    def __enter__(self) -> Self:
        """Serve."""
        self._server.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._server.close()
