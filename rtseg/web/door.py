"""Who may come in. Stands before all else, as ASGI middleware; who does not pass learns why, and no more.

- Host has to be a name of this server: a name that somebody else's DNS points here is none (DNS rebinding).
- Origin, where a browser tells it, has to be this server's own: pages of others open no WebSocket here and
  post nothing. Nor may they embed anything (Sec-Fetch-Site).
- Off loopback a token is asked for, in the link that was printed; from then on it is a cookie that scripts
  cannot read and other sites cannot send. Programs send it as `Authorization: Bearer TOKEN`.
- Nobody may ask more than `A_SECOND` times a second for long.

Every answer bears headers that forbid a page of ours to load, run or send anything but its own.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from rtseg.web.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

A_SECOND, AT_ONCE = 60.0, 600.0
"""Requests from one address that are answered: in the long run, and in a burst."""

MOST_ADDRESSES = 1024
"""Addresses whose pace is remembered."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), fullscreen=(self)",
    "Cache-Control": "no-store",
}
"""On every answer."""

ENTERED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>rtseg</title>
<link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0;url=/"><p><a href="/">To the picture</a></p></html>
"""
"""Sent with the cookie. Not a redirect: after a link on another site no strict cookie would go with it."""


class Door:
    """Lets requests through to the application, or answers them itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        scheme: str,
        port: int,
        loopback: bool,
        names: Collection[str] = (),
        outside: Origin | None = None,
        token: str | None = None,
    ) -> None:
        """Set up.

        Args:
            app: what is behind the door.
            scheme: of its connections, "http" or "https".
            port: where it listens.
            loopback: whether it listens for this machine only; then only the names of loopback are its own.
            names: off loopback, further names by which it is reached, such as the machine's, in small
                letters; looked into anew for each request. Any address is a name there, too.
            outside: where it is reached besides, as through a proxy.
            token: what is asked for; None: nothing.
        """
        self._app = app
        self._scheme = scheme
        self._port = port
        self._loopback = loopback
        self._names = names
        self._outside = outside
        self._token = token
        self._cookie = f"rtseg_{port}"
        self._paces: dict[str, _Pace] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope)
        if answer is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await answer(scope, receive, send_with_headers)
        else:  # before the handshake: the browser sees 403
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _answer(self, scope: Scope) -> Response | None:
        """What is said at the door; None to whoever may pass."""
        headers = Headers(scope=scope)
        if not self._pace_of(scope).allows():
            return PlainTextResponse("Too many requests.\n", 429, {"Retry-After": "1"})
        origin = self._origin(_single(headers, "host"))
        if origin is None:
            return PlainTextResponse("This server does not go by that name.\n", 421)
        if _is_from_elsewhere(scope, headers, origin):
            return PlainTextResponse("Other sites may not ask here.\n", 403)
        if self._token is None or self._has_token(headers):
            return None
        return self._ask_for_token(scope, secure=origin.scheme == "https")

    def _pace_of(self, scope: Scope) -> _Pace:
        address = (scope.get("client") or ("",))[0]
        if address not in self._paces and len(self._paces) >= MOST_ADDRESSES:
            self._paces.pop(next(iter(self._paces)))
        return self._paces.setdefault(address, _Pace())

    def _origin(self, host: str | None) -> Origin | None:
        """What a browser that sends this Host shows in its address bar; None if that is not us."""
        if host is None:
            return None
        if self._outside is not None and Origin.from_host(self._outside.scheme, host) == self._outside:
            return self._outside
        own = Origin.from_host(self._scheme, host)
        if own is None or own.port != self._port:
            return None
        is_ours = own.name in LOOPBACK_NAMES or (not self._loopback and self._is_name_of_machine(own.name))
        return own if is_ours else None

    def _is_name_of_machine(self, name: str) -> bool:
        return name in self._names or _is_address(name)

    def _has_token(self, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if kind.lower() == "bearer" else []
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            cookie = None
        if cookie is not None:
            given.append(cookie.value)
        return any(self._is_token(text) for text in given)

    def _is_token(self, text: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _ask_for_token(self, scope: Scope, *, secure: bool) -> Response:
        query = scope["query_string"].decode("latin-1")
        given = parse_qs(query, keep_blank_values=True).get("token", [])
        if scope["type"] == "http" and scope["path"] == "/" and len(given) == 1 and self._is_token(given[0]):
            response = HTMLResponse(ENTERED)
            response.set_cookie(
                self._cookie, given[0], path="/", secure=secure, httponly=True, samesite="strict"
            )
            return response
        return PlainTextResponse(
            "Open the link that rtseg has printed; it bears the token that is asked for here.\n",
            401,
            {"WWW-Authenticate": "Bearer"},
        )


class _Pace:
    """How often an address has asked lately (a bucket that fills at `A_SECOND` up to `AT_ONCE`)."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._looked_s = time.monotonic()

    def allows(self) -> bool:
        now_s = time.monotonic()
        self._left = min(self._left + (now_s - self._looked_s) * A_SECOND, AT_ONCE)
        self._looked_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _is_from_elsewhere(scope: Scope, headers: Headers, own: Origin) -> bool:
    """Whether a page of another site than our `own` is behind the request."""
    if "origin" in headers and _single(headers, "origin") != str(own):
        return True
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "")
    is_visit = mode == "navigate" and headers.get("sec-fetch-dest") == "document" and scope["type"] == "http"
    return site not in ("none", "same-origin") and not is_visit


def _single(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
