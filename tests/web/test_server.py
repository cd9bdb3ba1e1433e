"""Where the page is served, and how many may be connected."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from rtseg.cli.run import run_command
from rtseg.errors import InputError, OutputError
from rtseg.web.server import PageServer, Serve
from tests.web.clients import ask, next_picture, port_of, watch
from tests.web.conftest import DRIVE, running


def test_an_address_that_is_taken_is_refused_before_anything_begins(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        out = tmp_path / "out.mp4"
        given = [
            "synth://128x96@10?seconds=1",
            "-o",
            str(out),
            "--backend",
            "simulated:1",
            "--serve",
            address,
        ]
        done = CliRunner().invoke(run_command, given)
    assert isinstance(done.exception, OutputError)
    assert address in str(done.exception)
    assert "in use" in str(done.exception)
    assert not out.exists()


@pytest.mark.parametrize(
    "address", ["nowhere.invalid:8080", "127.0.0.1:x", "8.8.8.8:8080", "127.0.0.1:99999"]
)
def test_what_is_no_address_of_this_machine_is_refused(address):
    with pytest.raises(OutputError, match=r"Choose another|Write HOST:PORT"):
        PageServer(Serve(address))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--tls-cert", "c.pem"], "go with --serve"),
        (["--serve", "127.0.0.1:0", "--tls-cert", "c.pem"], "go together"),
        (["--serve", "127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"], "no certificate"),
        (["--serve-name", "x"], "go with --serve"),
    ],
)
def test_tls_options_that_do_not_go_together_are_refused(given, said):
    done = CliRunner().invoke(run_command, [DRIVE, "--realtime", "--backend", "simulated:1", *given])
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_only_this_machine_needs_no_token():
    for address, has_token in (
        ("127.0.0.1:0", False),
        ("localhost:0", False),
        ("0", False),
        ("0.0.0.0:0", True),
    ):
        server = PageServer(Serve(address))
        assert ("?token=" in server.link) == has_token
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder,
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def over_tls(certificate):
    """A run whose page comes over TLS, and what a client trusts."""
    cert, key = certificate
    with running(tls_cert=cert, tls_key=key) as session:
        yield session, ssl.create_default_context(cafile=str(cert))


def test_tls(over_tls):
    session, trust = over_tls
    assert session.page.link.startswith("https://127.0.0.1:")
    page = f"https://localhost:{port_of(session)}/"
    with urllib.request.urlopen(page, context=trust, timeout=5) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match=r"."):
        ask(session, "/")
    with connect(page.replace("https", "wss") + "ws", ssl=trust) as viewer:
        first = next_picture(viewer)
        assert next_picture(viewer).header["number"] > first.header["number"]


def test_keys_and_request_in_one_go_are_answered(over_tls):
    """What comes right behind the last word of the handshake is not lost."""
    session, trust = over_tls
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(coming, going, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", port_of(session)), timeout=5) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(going.read())
                coming.write(connection.recv(65536))
        client.write(f"GET /nowhere HTTP/1.1\r\nHost: localhost:{port_of(session)}\r\n\r\n".encode())
        connection.sendall(going.read())
        answer = b""
        while not answer:
            coming.write(connection.recv(65536))
            with suppress(ssl.SSLWantReadError):
                answer = client.read()
        assert answer.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"])
def test_one_that_does_not_agree_on_keys_is_closed(monkeypatch, over_tls, said):
    session, trust = over_tls
    monkeypatch.setattr("rtseg.web.connections.PATIENCE_S", 0.5)
    monkeypatch.setattr("rtseg.web.connections.MOST_CONNECTIONS", 3)
    where = "127.0.0.1", port_of(session)
    opened = [socket.create_connection(where, timeout=5) for _ in range(3)]
    for connection in opened:
        connection.sendall(said)
    if not said:
        time.sleep(0.2)
        with socket.create_connection(where, timeout=5) as further, suppress(ConnectionResetError):
            assert further.recv(10) == b""
    for connection in opened:
        with connection, suppress(ConnectionResetError):
            while connection.recv(10):  # perhaps an alert, then the end
                pass
    page = f"https://localhost:{where[1]}/"
    with urllib.request.urlopen(page, context=trust, timeout=5) as answer:
        assert answer.status == 200


def test_it_ends_while_keys_are_being_agreed_on(certificate):
    cert, key = certificate
    with running(tls_cert=cert, tls_key=key) as session:
        silent = socket.create_connection(("127.0.0.1", port_of(session)), timeout=5)
        time.sleep(0.2)
    with silent:
        assert silent.recv(10) == b""


def test_a_connection_that_says_nothing_is_closed(monkeypatch, session):
    monkeypatch.setattr("rtseg.web.connections.PATIENCE_S", 0.5)
    for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        with socket.create_connection(("127.0.0.1", port_of(session)), timeout=5) as connection:
            connection.sendall(begun)
            started = time.monotonic()
            assert connection.recv(10) == b""
            assert 0.3 < time.monotonic() - started < 4


def test_one_that_asked_and_then_dawdles_is_closed(monkeypatch, session):
    monkeypatch.setattr("rtseg.web.connections.PATIENCE_S", 0.5)
    request = f"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:{port_of(session)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port_of(session)), timeout=5) as connection:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        connection.sendall(request[:-3])
        while connection.recv(65536):
            pass


def test_a_websocket_outlives_the_patience(monkeypatch, session):
    monkeypatch.setattr("rtseg.web.connections.PATIENCE_S", 0.5)
    with watch(session) as viewer:
        started = time.monotonic()
        while time.monotonic() - started < 1.5:
            next_picture(viewer)


def test_too_many_connections_are_closed(monkeypatch, session):
    monkeypatch.setattr("rtseg.web.connections.MOST_CONNECTIONS", 3)
    opened = [socket.create_connection(("127.0.0.1", port_of(session)), timeout=5) for _ in range(3)]
    time.sleep(0.2)
    further = socket.create_connection(("127.0.0.1", port_of(session)), timeout=5)
    with further, suppress(ConnectionResetError):
        assert further.recv(10) == b""
    for connection in opened:
        connection.close()
    time.sleep(0.2)
    assert ask(session, "/").status == 200


def test_heads_that_are_too_long_are_refused(session):
    with suppress(ConnectionResetError):  # before all was sent
        assert ask(session, "/", {"X-Long": "x" * 200_000}).status == 400


@pytest.mark.parametrize(
    "begun",
    [
        "from rtseg.web.page import RunPage; RunPage(serve)",
        "from rtseg.web.batch import BatchPage; BatchPage(serve, None)",
    ],
)
def test_without_its_libraries_every_page_says_what_to_install(begun):
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from rtseg.errors import MissingDependencyError\n"
        "from rtseg.web.server import Serve\n"
        "serve = Serve('127.0.0.1:0')\n"
        f"try: {begun}\n"
        "except MissingDependencyError as error: sys.exit(0 if 'pip install' in str(error) else str(error))\n"
        "sys.exit('nothing was said')"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_run_without_a_page_loads_no_web_server():
    code = (
        "import sys, rtseg.session, rtseg.live\n"
        "servers = {'starlette', 'uvicorn', 'websockets'}\n"
        "bad = [name for name in sys.modules if name.split('.')[0] in servers]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
