"""What the routes are, by the OpenAPI 3.1 standard."""

from __future__ import annotations

from typing import Any


def _answer(kind: str, text: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"200": {"description": text, "content": {kind: {"schema": schema or {}}}}}


_BINARY = {"type": "string", "format": "binary"}
_NO_PICTURE = {"503": {"description": "No picture has been shown yet."}}

DESCRIPTION = """What a run of rtseg shows. Instants are milliseconds of the server's monotonic clock.

Off loopback each request bears the token that rtseg printed: as the cookie that the printed link sets, or
as `Authorization: Bearer TOKEN`.

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


def document(version: str) -> dict[str, Any]:
    """The document that `/api/openapi.json` gives."""
    number = {
        "name": "number",
        "in": "path",
        "required": True,
        "description": "As `/api/past` lists it.",
        "schema": {"type": "integer", "minimum": 1},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "rtseg", "version": version, "description": DESCRIPTION},
        "paths": {
            "/api/report": {
                "get": {
                    "summary": "The report of the run so far, as `--report` writes it at the end.",
                    "responses": _answer("application/json", "Schema 1.", {"type": "object"}),
                }
            },
            "/api/frame.jpg": {
                "get": {
                    "summary": "The picture shown last, as the run paints it.",
                    "responses": {
                        **_answer("image/jpeg", "At most 1280 pixels wide.", _BINARY),
                        **_NO_PICTURE,
                    },
                }
            },
            "/api/labels.png": {
                "get": {
                    "summary": "Its class ids, 8-bit grey, at the model's size.",
                    "responses": {**_answer("image/png", "A level is a class id.", _BINARY), **_NO_PICTURE},
                }
            },
            "/api/past": {
                "get": {
                    "summary": "Pictures from all along the run that can be had.",
                    "responses": _answer(
                        "application/json",
                        "Oldest first.",
                        {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"number": {"type": "integer"}, "seconds": {"type": "number"}},
                            },
                        },
                    ),
                }
            },
            "/api/past/{number}": {
                "get": {
                    "summary": "One of them.",
                    "parameters": [number],
                    "responses": {
                        **_answer("application/octet-stream", PICTURE, _BINARY),
                        "404": {"description": "It is not kept, or no more."},
                    },
                }
            },
            "/metrics": {
                "get": {
                    "summary": "Figures for Prometheus.",
                    "responses": {
                        **_answer("text/plain", "Its text format.", {"type": "string"}),
                        "501": {"description": "prometheus-client is not installed."},
                    },
                }
            },
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }
