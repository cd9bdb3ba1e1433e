from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time

import pytest

from rtseg.errors import OutputError
from rtseg.pipeline import Aside
from rtseg.sinks import push
from rtseg.sinks.push import PushSink, check_push_url
from tests.sinks.live import drive, painted
from tests.sinks.rtsp_server import RtspServer

RECEIVER = """
import sys
import av
from rtseg.sources.drive import number_from_strip
is_rtsp = sys.argv[1].startswith("rtsp")
options = {"rtsp_flags": "listen", "listen_timeout": "20"} if is_rtsp else {"fifo_size": "100000"}
print("ready", flush=True)
with av.open(sys.argv[1], options=options) as stream:
    for packet in stream.demux(video=0):
        if packet.is_keyframe:
            data = bytes(packet)
            kinds = {data[at + 3] & 31 for at in range(len(data) - 3) if data[at : at + 3] == b"\\0\\0\\1"}
            print("key", {5, 7, 8} <= kinds, flush=True)
        for picture in packet.decode():
            number = number_from_strip(picture.to_ndarray(format="rgb24"))
            when = "nan" if picture.pts is None else float(picture.pts * picture.time_base)
            print(when, number, flush=True)
"""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["rtsp", "udp"])
def test_a_receiver_gets_every_picture_with_its_time(scheme: str):
    port = free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    url = f"{scheme}://127.0.0.1:{port}" + ("/cam" if scheme == "rtsp" else "")
    for index in range(20):
        painted(index, 0)
    receiver = subprocess.Popen([sys.executable, "-c", RECEIVER, url], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(30, receiver.kill)
    watchdog.start()
    try:
        assert receiver.stdout.readline() == "ready\n"
        time.sleep(1)
        with PushSink(url, drive()) as sink:
            for index in range(90):
                sink.write(painted(index % 20, 1000 + index * 3000))
                time.sleep(0.01)
        time.sleep(0.5)
    finally:
        receiver.kill()
        watchdog.cancel()
        told = receiver.communicate()[0]
    lines = [line.split() for line in told.splitlines()]
    keys = [line[1] for line in lines if line[0] == "key"]
    assert keys == ["True"] * 3
    pictures = [(float(first), second) for first, second in lines if first != "key"]
    assert len(pictures) >= 86  # the last ones may still be on their way through the receiver
    assert [number for _, number in pictures] == [str(index % 20) for index in range(len(pictures))]
    steps = [(b[0] - a[0]) * 30 for a, b in itertools.pairwise(pictures)]
    assert all(abs(step - 1) < 0.01 for step in steps[3:])  # the first ones come before RTP's times are known
    assert sink.warnings == []


def test_what_is_asked_of_a_server():
    with RtspServer() as server:
        with PushSink(server.url, drive()) as sink:
            for index in range(40):
                sink.write(painted(index % 20, index * 3000))
        until(lambda: server.requests[-1].startswith("TEARDOWN"))
    assert [line.split()[0] for line in server.requests] == [
        "OPTIONS",
        "ANNOUNCE",
        "SETUP",
        "RECORD",
        "TEARDOWN",
    ]
    assert "a=rtpmap:96 H264/90000" in server.announced
    assert "profile-level-id=42" in server.announced
    sets = server.announced.partition("sprop-parameter-sets=")[2].partition(";")[0].split(",")
    assert len(sets) == 2
    assert server.packets[0] >= 40
    assert server.packets[1] >= 1


@pytest.mark.parametrize("auth", ["Basic", "Digest"])
def test_passwords(auth: str):
    with RtspServer(auth=auth) as server:
        with PushSink(server.url.replace("//", "//ann:p%40ss@"), drive()) as sink:
            sink.write(painted(0, 0))
            until(lambda: server.packets[0])
        for login, message in (
            ("", "it wants a user and a password"),
            ("bob:secret@", "it wants another user or password"),
        ):
            with pytest.raises(OutputError) as raised:
                PushSink(server.url.replace("//", f"//{login}"), drive()).__enter__()
            assert message in str(raised.value)
            shown = server.url.replace("//", "//***@") if login else server.url
            assert str(raised.value).startswith(f"{shown}: cannot be pushed to: ")
            assert "secret" not in str(raised.value)
            assert "bob" not in str(raised.value)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"says": "403 Forbidden"}, "it answered 403 Forbidden to ANNOUNCE"),
        ({"answers": False}, "no answer within 0.3 s"),
    ],
)
def test_what_a_server_refuses_at_the_start_is_one_line(server: dict, message: str, monkeypatch):
    monkeypatch.setattr(push, "_TIMEOUT_S", 0.3)
    with RtspServer(**server) as refusing, pytest.raises(OutputError) as raised:
        PushSink(refusing.url, drive()).__enter__()
    assert str(raised.value) == (
        f"{refusing.url}: cannot be pushed to: {message}. "
        "Check the address, and that the server runs and takes streams."
    )


def test_nobody_there_or_something_else():
    port = free_port()
    with pytest.raises(OutputError, match="Connection refused"):
        PushSink(f"rtsp://127.0.0.1:{port}/x", drive()).__enter__()
    with socket.create_server(("127.0.0.1", 0)) as other:

        def talk() -> None:
            with other.accept()[0] as connection:
                connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
                connection.recv(100)

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(OutputError, match="no RTSP server"):
            PushSink(f"rtsp://127.0.0.1:{other.getsockname()[1]}/x", drive()).__enter__()
        thread.join()


@pytest.mark.parametrize(
    "url",
    ["rtmp://a/b", "srt://a:1", "http://a", "udp://127.0.0.1", "rtsp://", "udp://a:99999", "udp://:5", "x"],
)
def test_an_address_that_is_none(url: str):
    with pytest.raises(OutputError):
        check_push_url(url)


def test_a_server_that_goes_and_comes_back(monkeypatch):
    monkeypatch.setattr(push, "_FIRST_PAUSE_S", 0.05)
    written = 0

    def write_until(sink: PushSink, condition) -> None:
        nonlocal written
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            sink.write(painted(written % 20, written * 3000))
            written += 1
            time.sleep(0.01)

    server = RtspServer()
    server.__enter__()
    url = server.url.replace("//", "//ann:secret@")
    with PushSink(url, drive()) as sink:
        write_until(sink, lambda: server.packets[0] > 20)
        server.__exit__()
        write_until(sink, lambda: sink.left_out > 20)
        with RtspServer(port=server.port) as again:
            write_until(sink, lambda: again.packets[0] > 20)
    assert sink.broken == 1
    (line,) = sink.warnings
    assert line.startswith(
        f"{server.url.replace('//', '//***@')}: the connection broke (times: 1) and was gone for "
    )
    assert f"{sink.left_out} pictures were not sent" in line
    assert "secret" not in line


def test_a_server_that_reads_nothing_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(push, "_TIMEOUT_S", 0.5)
    size = (960, 540)
    for index in range(2):
        painted(index, 0, size)
    with RtspServer(reads=False) as server:
        sink = PushSink(server.url, drive(size), crf=0)
        longest = 0.0
        with Aside(sink, "push") as aside:
            deadline = time.monotonic() + 20
            index = 0
            while not sink.broken and time.monotonic() < deadline:
                begun = time.monotonic()
                aside.write(painted(index % 2, index * 3000, size))
                longest = max(longest, time.monotonic() - begun)
                index += 1
                time.sleep(0.005)
    assert sink.broken
    assert longest < 0.2
    assert not aside.stuck
    assert any("no answer within 0.5 s" in line for line in aside.warnings)


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
