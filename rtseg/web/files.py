"""The files of the pages, read once: no request names anything on disk."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_routes(first: str) -> list[Route]:
    """A route for each file; `first` is the page at /, docs.html the one at /api."""
    routes = []
    for file in files("rtseg.web").joinpath("page").iterdir():
        ending = "." + file.name.rpartition(".")[2]
        if ending not in TYPES:
            continue
        path = {first: "/", "docs.html": "/api"}.get(file.name, f"/page/{file.name}")
        routes.append(Route(path, _giving(file.read_bytes(), TYPES[ending])))
    return routes


def _giving(content: bytes, kind: str) -> Callable[[Request], Response]:
    def give(_request: Request) -> Response:
        return Response(content, headers={"Content-Type": kind})

    return give
