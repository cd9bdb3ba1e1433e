"""What the routes are, by the OpenAPI 3.1 standard."""

from __future__ import annotations

from typing import Any


def _answer(kind: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"200": {"description": text, "content": {kind: {"schema": schema or {}}}}}


_BINARY = {"type": "string", "format": "binary"}
_NO_PICTURE = {"503": {"description": "No picture has been shown yet."}}

_DOOR = {
    "401": {"description": "The token is missing or wrong."},
    "403": {"description": "A page of another site asked."},
    "421": {"description": "The server does not go by the name in `Host`."},
    "429": {"description": "Too many requests from this address."},
}
"""What may be said to any request (`rtseg/web/door.py`)."""
_TO_ANY = {code: {"$ref": f"#/components/responses/{code}"} for code in _DOOR}

TOKEN = """Off loopback, and behind a proxy, each request bears the token that rtseg printed: as the cookie
that the printed link sets, or as `Authorization: Bearer TOKEN`."""

DESCRIPTION = """What a run of rtseg shows. Instants are milliseconds of the server's monotonic clock.

`GET /ws` is a WebSocket. Text messages are JSON with a `type`: `hello` once (classes, palette, source,
model), `state` twice a second (frames a second, latency, stages, frames by fate, since the state before),
`pong`, and `end` when the run is over. Binary messages are pictures, laid out as `/api/past/{number}` is; the
latest wins. A viewer may send `{"type": "ping", "t": …}`; `{"type": "paced"}` and then `{"type": "painted",
"number": N}` for each picture, so that no more than two are under way; `{"type": "pause"}` and `{"type":
"go"}`."""

PICTURE = """uint32, little endian: length of the header; the header, JSON; a JPEG of the picture as
captured, `jpeg` bytes; class ids at the model's size, row by row, zlib, `labels` bytes. The header has
`number`, `index`, `seconds`, `captured_ms`, `shown_ms`, `size`, `label_size`, `fate`, and `stages`: how long
after capture each began, and how long it took."""


BATCH = "How a batch goes."


def of_run(version: str) -> dict[str, Any]:
    """What `/api/openapi.json` gives for a run."""
    number = {
        "name": "number",
        "in": "path",
        "required": True,
        "description": "As `/api/past` lists it.",
        "schema": {"type": "integer", "minimum": 1},
    }
    kept = {"type": "object", "properties": {"number": {"type": "integer"}, "seconds": {"type": "number"}}}
    paths = {
        "/api/report": _get(
            "The report of the run so far, as `--report` writes it at the end.",
            _answer("application/json", "Schema 1.", {"type": "object"}),
        ),
        "/api/frame.jpg": _get(
            "The picture shown last, as the run paints it.",
            {**_answer("image/jpeg", "At most 1280 pixels wide.", _BINARY), **_NO_PICTURE},
        ),
        "/api/labels.png": _get(
            "Its class ids, 8-bit grey, at the model's size.",
            {**_answer("image/png", "A level is a class id.", _BINARY), **_NO_PICTURE},
        ),
        "/api/past": _get(
            "Pictures from all along the run that can be had.",
            _answer("application/json", "Oldest first.", {"type": "array", "items": kept}),
        ),
        "/api/past/{number}": _get(
            "One of them.",
            {
                **_answer("application/octet-stream", PICTURE, _BINARY),
                "404": {"description": "It is not kept, or no more."},
            },
            [number],
        ),
        "/metrics": _get(
            "Figures for Prometheus.",
            {
                **_answer("text/plain", "Its text format.", {"type": "string"}),
                "501": {"description": "prometheus-client is not installed."},
            },
        ),
    }
    return _document(version, DESCRIPTION, paths)


def of_batch(version: str) -> dict[str, Any]:
    """What it gives for a batch."""
    film = {
        "type": "object",
        "properties": {
            "source": {"type": "string"},
            "state": {"enum": ["waiting", "under way", "done", "done before", "cut", "failed"]},
            "frames": {"type": "integer"},
            "seconds": {"type": "number"},
            "error": {"type": ["string", "null"]},
        },
    }
    schema = {
        "type": "object",
        "properties": {
            "running": {"type": "boolean"},
            "frames": {"type": "integer"},
            "seconds": {"type": "number"},
            "films": {"type": "array", "items": film},
        },
    }
    told = _get(
        "All films, and what has become of each.", _answer("application/json", "As it is now.", schema)
    )
    return _document(version, BATCH, {"/api/batch": told})


def _get(
    summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": responses | _TO_ANY}}


def _document(version: str, description: str, paths: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "rtseg", "version": version, "description": f"{description}\n\n{TOKEN}"},
        "paths": paths,
        "components": {
            "responses": _DOOR,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }
