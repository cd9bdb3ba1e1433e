"""Nobody gets in who should not."""

from __future__ import annotations

import socket
import time
from threading import Event

import pytest
from websockets.exceptions import InvalidStatus

from rtseg.errors import InputError
from rtseg.web.door import A_SECOND, AT_ONCE, HEADERS, _Pace
from rtseg.web.origin import Origin
from tests.web.clients import ask, port_of, token_of, watch
from tests.web.conftest import running

PATHS = (
    "/",
    "/api",
    "/api/report",
    "/api/frame.jpg",
    "/api/labels.png",
    "/api/past",
    "/api/openapi.json",
    "/metrics",
)


def test_every_answer_bears_the_headers(session, everywhere):
    answers = [ask(session, path) for path in (*PATHS, "/page/main.js", "/nowhere", "/api/past/9")]
    answers += [
        ask(session, "/", {"Host": "evil.example"}),
        ask(everywhere, "/"),
        ask(session, "/", method="POST"),
    ]
    assert {answer.status for answer in answers} == {200, 401, 404, 405, 421}
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name.lower()] == value
        assert "server" not in answer.headers
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}@evil.example",
        "localhost.evil.example:{port}",
        "192.168.1.7:{port}",
        "",
        None,
    ],
)
def test_a_name_that_is_not_its_own_is_refused(session, host):
    """A page of evil.example whose name was made to mean 127.0.0.1 sends its own name."""
    host = host and host.format(port=port_of(session))
    for path in PATHS:
        assert ask(session, path, {"Host": host}).status in (400, 421)


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_its_own_names_are_taken(session, host):
    assert ask(session, "/", {"Host": host.format(port=port_of(session))}).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "",
    ],
)
def test_pages_of_others_open_no_websocket_and_read_nothing(session, origin):
    origin = origin.format(port=port_of(session))
    with pytest.raises(InvalidStatus) as refused:
        watch(session, origin=origin)
    assert refused.value.response.status_code == 403
    assert ask(session, "/api/report", {"Origin": origin}).status == 403


def test_its_own_page_may(session):
    with watch(session, origin=f"http://127.0.0.1:{port_of(session)}") as socket:
        assert socket.recv(timeout=5)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_others_embed_nothing(session, site):
    embedded = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert ask(session, "/api/frame.jpg", embedded).status == 403
    framed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert ask(session, "/", framed).status == 403
    followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(session, "/", followed).status == 200


def test_off_loopback_everything_asks_for_the_token(everywhere):
    for path in (*PATHS, "/page/main.js", "/nowhere"):
        answer = ask(everywhere, path)
        assert answer.status == 401
        assert b"link" in answer.body
    with pytest.raises(InvalidStatus):
        watch(everywhere)


def test_the_link_gives_a_cookie_that_opens(everywhere):
    token = token_of(everywhere)
    entered = ask(everywhere, f"/?token={token}")
    assert entered.status == 200
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    bearing = {"Cookie": cookie.partition(";")[0]}
    assert all(ask(everywhere, path, bearing).status == 200 for path in PATHS)
    with watch(everywhere, additional_headers=bearing) as socket:
        assert socket.recv(timeout=5)


def test_programs_send_it_as_bearer(everywhere):
    assert ask(everywhere, "/metrics", {"Authorization": f"Bearer {token_of(everywhere)}"}).status == 200
    assert ask(everywhere, "/metrics", {"Authorization": f"Basic {token_of(everywhere)}"}).status == 401


@pytest.mark.parametrize("guess", ["", "x", "{token}x", "é", "{short}"])
def test_a_wrong_token_is_none(everywhere, guess):
    token = token_of(everywhere)
    guess = guess.format(token=token, short=token[:-1])
    assert ask(everywhere, f"/?token={guess.encode().hex() if not guess.isascii() else guess}").status == 401
    assert ask(everywhere, f"/?token={guess}&token={token}" if guess.isascii() else "/").status == 401
    name = f"rtseg_{port_of(everywhere)}"
    assert ask(everywhere, "/", {"Cookie": f"{name}={guess.encode().decode('latin-1')}"}).status == 401
    assert ask(everywhere, "/", {"Cookie": f"other={token}"}).status == 401


def test_the_token_is_of_no_use_elsewhere(everywhere):
    assert ask(everywhere, f"/api/report?token={token_of(everywhere)}").status == 401


def test_off_loopback_addresses_are_names_and_other_names_are_not(everywhere):
    bearing = {"Authorization": f"Bearer {token_of(everywhere)}"}
    port = port_of(everywhere)
    assert ask(everywhere, "/", {**bearing, "Host": f"192.168.1.7:{port}"}).status == 200
    for name in (socket.gethostname().upper(), f"{socket.gethostname()}.local"):
        assert ask(everywhere, "/", {**bearing, "Host": f"{name}:{port}"}).status == 200
    assert ask(everywhere, "/", {**bearing, "Host": f"evil.example:{port}"}).status == 421


def test_on_loopback_the_machine_s_name_is_none(session):
    assert ask(session, "/", {"Host": f"{socket.gethostname()}:{port_of(session)}"}).status == 421


def test_nobody_waits_for_the_machine_s_full_name(monkeypatch):
    """Without a network, who is asked for it may not answer for a minute."""
    told = Event()

    def full_name():
        told.wait(60)
        return "Jetson.Example"

    monkeypatch.setattr(socket, "getfqdn", full_name)
    with running("0.0.0.0:0") as session:
        full = {"Authorization": f"Bearer {token_of(session)}", "Host": f"jetson.example:{port_of(session)}"}
        assert ask(session, "/", full).status == 421
        told.set()
        until = time.monotonic() + 10
        while (status := ask(session, "/", full).status) != 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 200


@pytest.fixture(scope="module")
def proxied():
    """One on loopback that a proxy with TLS stands before."""
    with running(name="https://cam.example") as session:
        yield session


def test_behind_a_proxy_the_link_is_the_proxy_s_and_the_cookie_is_for_tls_only(proxied):
    server = proxied.page
    assert server.link.startswith("https://cam.example/?token=")
    token = token_of(proxied)
    assert ask(proxied, "/", {"Host": "cam.example"}).status == 401
    entered = ask(proxied, f"/?token={token}", {"Host": "cam.example"})
    assert entered.status == 200
    assert "secure" in entered.headers["set-cookie"].lower()
    bearing = {"Cookie": entered.headers["set-cookie"].partition(";")[0], "Host": "cam.example"}
    assert ask(proxied, "/api/report", bearing | {"Origin": "https://cam.example"}).status == 200
    for origin in ("http://cam.example", "https://cam.example:8443", "https://evil.example"):
        assert ask(proxied, "/api/report", bearing | {"Origin": origin}).status == 403
    for host in ("cam.example:8443", "evil.example", "cam.example.evil.example"):
        assert ask(proxied, "/", bearing | {"Host": host}).status == 421


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("cam.example", "http://cam.example:8080"),
        ("Cam.Example:80", "http://cam.example"),
        ("https://cam.example/", "https://cam.example"),
        ("https://cam.example:8443", "https://cam.example:8443"),
        ("http://[fd00::7]", "http://[fd00::7]"),
    ],
)
def test_how_a_name_can_be_written(text, origin):
    assert str(Origin.from_text(text, "http", 8080)) == origin


@pytest.mark.parametrize(
    "text", ["", "ftp://cam", "https://", "://cam", "https://a@cam", "cam/path", "cam:x", "cam:99999", "a b"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(InputError, match="no name of a server"):
        Origin.from_text(text, "http", 8080)


def test_a_burst_is_answered_and_a_flood_is_not(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("rtseg.web.door.time.monotonic", lambda: now[0])
    pace = _Pace()
    assert sum(pace.allows() for _ in range(2000)) == AT_ONCE
    now[0] += 1
    assert 0.9 * A_SECOND <= sum(pace.allows() for _ in range(500)) <= 1.1 * A_SECOND


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page//etc/passwd",
        "/page/main.js/..",
        "/api/past/../../etc/passwd",
        "/api/past/" + "9" * 5000,
        "/api/past/٣",
        "/page/main.js%00",
    ],
)
def test_no_path_reaches_the_disk(session, path):
    answer = ask(session, path.encode().decode("latin-1") if path.isascii() else "/api/past/%D9%A3")
    assert answer.status in (400, 404)
