"""What viewers get: the latest, each at its own pace."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from rtseg.sources.drive import number_from_strip
from rtseg.web.app import MOST_VIEWERS
from rtseg.web.viewer import AHEAD, MOST_A_SECOND
from tests.web.clients import ask, next_picture, next_text, pictures_for, watch
from tests.web.conftest import running

pytestmark = pytest.mark.live


def closing_of(socket):
    """The code with which the server closes; None if it just hung up."""
    try:
        while True:
            socket.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


def test_a_viewer_is_told_what_it_sees(session):
    with watch(session) as socket:
        hello = next_text(socket, "hello")
        assert hello["title"].startswith("synth://")
        assert hello["mode"] == "live"
        assert len(hello["classes"]) == len(hello["palette"]) == 11
        state = next_text(socket, "state")
        while not (state["latency"] and state["fps"]):
            state = next_text(socket, "state")
        assert 0 < state["fps"] < 25
        assert state["latency"]["p50"] <= state["latency"]["p99"]
        assert set(state["stages"]) == {"capture", "preprocess", "infer", "colorize", "present"}
        assert set(state["waiting"]) == {"preprocess", "infer", "colorize", "present"}
        assert state["running"]
        books = state["frames"]
        assert books["captured"] >= books["fresh"] > 0


def test_pictures_are_those_of_the_run_and_rise(session):
    with watch(session) as socket:
        pictures = [next_picture(socket) for _ in range(8)]
    numbers = [picture.header["number"] for picture in pictures]
    assert numbers == sorted(set(numbers))
    for picture in pictures:
        assert picture.image.shape == (360, 480, 3)
        assert number_from_strip(picture.image) == picture.header["index"]
        assert picture.ids.max() < 11
        assert picture.header["fate"] == "fresh"
        stages = picture.header["stages"]
        begins = [stages[name][0] for name in ("preprocess", "infer", "colorize")]
        assert begins == sorted(begins)
        assert 0 < stages["infer"][1] < 1000
    now_ms = time.monotonic_ns() / 1e6
    assert pictures[-1].header["captured_ms"] < pictures[-1].header["shown_ms"] < now_ms
    assert now_ms - pictures[-1].header["captured_ms"] < 5000


def test_clocks_can_be_set(session):
    with watch(session) as socket:
        socket.send(json.dumps({"type": "ping", "t": 12.5}))
        before = time.monotonic_ns() / 1e6
        pong = next_text(socket, "pong")
        assert pong["t"] == 12.5
        assert abs(pong["now_ms"] - before) < 2000


def test_a_paced_viewer_has_no_more_than_it_can_paint(session):
    with watch(session) as socket:
        socket.send(json.dumps({"type": "paced"}))
        time.sleep(0.3)
        before = sum(isinstance(socket.recv(timeout=3), bytes) for _ in range(12))  # some were under way
        assert before < 12
        assert before <= AHEAD + 8
        for _ in range(3):
            assert isinstance(socket.recv(timeout=3), str)
        socket.send(json.dumps({"type": "painted", "number": 10**9}))
        assert next_picture(socket).ids.size


def test_a_paused_viewer_gets_figures_only_and_then_the_latest(session):
    with watch(session) as socket:
        first = next_picture(socket)
        socket.send(json.dumps({"type": "pause"}))
        time.sleep(0.3)
        until = time.monotonic() + 1.2
        kinds = []
        while time.monotonic() < until:
            kinds.append(type(socket.recv(timeout=3)))
        assert str in kinds[-2:]
        assert kinds.count(bytes) < 12
        socket.send(json.dumps({"type": "go"}))
        assert next_picture(socket).header["number"] > first.header["number"] + 3


def test_one_that_does_not_read_holds_up_neither_the_run_nor_others(session):
    # The library of the first reads no further than its queue, so the connection fills.
    with watch(session, max_queue=1, close_timeout=0.1), watch(session) as socket:
        pictures = pictures_for(4, socket)
        behind = session.page.shelf.latest.number - pictures[-1].header["number"]
        in_flight = session.books.in_flight
    shown = pictures[-1].header["number"] - pictures[0].header["number"] + 1
    assert len(pictures) > 0.8 * shown
    assert behind <= 3
    assert in_flight < 8


def test_one_packet_serves_all(session, monkeypatch):
    made = []
    from rtseg.web import shelf

    packet_from = shelf.packet_from

    def counted(shown, **options):
        made.append(shown.number)
        return packet_from(shown, **options)

    monkeypatch.setattr(shelf, "packet_from", counted)
    numbers = [set() for _ in range(6)]

    def look(seen):
        with watch(session) as socket:
            for _ in range(15):
                seen.add(next_picture(socket).header["number"])

    threads = [threading.Thread(target=look, args=[seen]) for seen in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = set().union(*numbers)
    assert len(made) <= len(every) + 4  # one for the past, now and then


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '"x"', "[" * 3000, b"bytes"])
def test_what_is_not_understood_ends_the_connection(session, nonsense):
    with watch(session) as socket:
        socket.send(nonsense)
        assert closing_of(socket) == 1008


@pytest.mark.parametrize(
    "odd", [{}, {"type": 3}, {"type": "painted"}, {"type": "painted", "number": "x"}, {"type": "later"}]
)
def test_what_is_only_odd_is_passed_over(session, odd):
    with watch(session) as socket:
        socket.send(json.dumps(odd))
        for _ in range(3):
            next_picture(socket)


def test_long_messages_and_floods_end_the_connection(session):
    with watch(session) as socket:
        socket.send(json.dumps({"type": "ping", "t": "x" * 20_000}))
        assert closing_of(socket) in (None, 1009)
    with watch(session) as socket:
        with suppress(ConnectionClosed):
            for _ in range(5 * MOST_A_SECOND):
                socket.send('{"type": "go"}')
        assert closing_of(socket) in (None, 1008)


def test_too_many_viewers_are_told_so(everywhere, monkeypatch):
    monkeypatch.setattr("rtseg.web.app.MOST_VIEWERS", 2)
    from tests.web.clients import token_of

    bearing = {"Authorization": f"Bearer {token_of(everywhere)}"}
    with (
        watch(everywhere, additional_headers=bearing) as one,
        watch(everywhere, additional_headers=bearing) as two,
    ):
        next_picture(one)
        next_picture(two)
        with watch(everywhere, additional_headers=bearing) as three:
            assert closing_of(three) == 1013
    assert MOST_VIEWERS >= 32


def test_the_report_so_far_has_the_names_of_the_last(session):
    report = json.loads(ask(session, "/api/report").body)
    assert report["schema"] == 1
    assert report["running"] is True
    assert report["frames"]["captured"] > 0
    assert report["latency_ms"]["end_to_end"]["p50"] > 0
    assert report["mode"] == "live"


def test_prometheus_reads_it(session):
    text = ask(session, "/metrics").body.decode()
    for name in (
        "rtseg_frames_captured_total",
        "rtseg_latency_seconds_bucket",
        'rtseg_frames_waiting{stage="infer"}',
    ):
        assert name in text


def test_pictures_and_labels_as_files(session):
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(ask(session, "/api/frame.jpg").body, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 480, 3)
    labels = cv2.imdecode(np.frombuffer(ask(session, "/api/labels.png").body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8
    assert labels.ndim == 2
    assert labels.max() < 11


def test_the_end_is_told_and_nothing_listens_after_it():
    before = set(threading.enumerate())
    with running() as session, watch(session) as socket:
        next_picture(socket)
        session.stop()
        end = next_text(socket, "end")
        assert end["frames"]["fresh"] > 0
        assert not end["running"]
        assert closing_of(socket) == 1001
    with pytest.raises(OSError, match="refused"):
        ask(session, "/")
    assert set(threading.enumerate()) <= before
