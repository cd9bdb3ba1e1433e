from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from rtseg.errors import OutputError, SinkFault
from rtseg.pipeline import Aside

pytestmark = pytest.mark.live


class Sink:
    """Notes what is done to it, and waits or fails where it is told to."""

    def __init__(self, *, opening: Exception | None = None, fails_at: int | None = None) -> None:
        self.opening, self.fails_at = opening, fails_at
        self.warnings: list[str] = []
        self.taken: list[int] = []
        self.threads: set[str] = set()
        self.closed_with: list[object] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __enter__(self) -> Sink:
        self.threads.add(threading.current_thread().name)
        if self.opening is not None:
            raise self.opening
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed_with.append(error)

    def write(self, item) -> None:
        self.threads.add(threading.current_thread().name)
        self.taken.append(item.number)
        assert self.may_go.wait(10)
        if item.number == self.fails_at:
            raise SinkFault("the disk is full")

    def end_segment(self) -> dict:
        return {"never": "called"}


def item(number: int) -> SimpleNamespace:
    return SimpleNamespace(number=number)


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    until(lambda: threading.active_count() == before)


def test_everything_is_written_in_order_in_one_thread_of_its_name():
    sink = Sink()
    with Aside(sink, "push", capacity=100) as aside:
        for number in range(100):
            aside.write(item(number))
        assert aside.end_segment() == {}
    assert sink.taken == list(range(100))
    assert sink.threads == {"push"}
    assert sink.closed_with == [None]
    assert (aside.superseded, aside.stuck, aside.warnings) == (0, False, [])


@pytest.mark.parametrize("capacity", [1, 3])
def test_latest_wins_and_what_was_lost_is_counted(capacity: int):
    sink = Sink()
    sink.may_go.clear()
    with Aside(sink, "push", capacity=capacity) as aside:
        aside.write(item(0))
        until(lambda: sink.taken == [0])
        begun = time.monotonic()
        for number in range(1, 50):
            aside.write(item(number))
        assert time.monotonic() - begun < 1
        sink.may_go.set()
    assert sink.taken == [0, *range(50 - capacity, 50)]
    assert aside.superseded == 49 - capacity
    assert aside.warnings == [f"push: could not keep up; {49 - capacity} pictures were left out"]


@pytest.mark.parametrize("vital", [True, False])
def test_what_cannot_be_opened_is_raised_at_once(vital: bool):
    error = OutputError("refused")
    with pytest.raises(OutputError) as raised:
        Aside(Sink(opening=error), "push", vital=vital).__enter__()
    assert raised.value is error


def test_a_failure_is_a_warning_and_the_sink_is_closed():
    sink = Sink(fails_at=1)
    with Aside(sink, "push", capacity=10) as aside:
        aside.write(item(0))
        aside.write(item(1))
        until(lambda: sink.closed_with)
        until(lambda: aside.warnings)
        aside.write(item(2))
    assert sink.taken == [0, 1]
    assert isinstance(sink.closed_with[0], SinkFault)
    assert aside.warnings == [
        "push: the disk is full",
        "push: had failed; 1 pictures after that were left out",
    ]


def test_a_failure_of_a_vital_sink_is_raised_by_the_next_write_or_the_end():
    for writes_on in (True, False):
        sink = Sink(fails_at=0)
        aside = Aside(sink, "recording", vital=True)
        aside.__enter__()
        aside.write(item(0))
        until(lambda sink=sink: sink.closed_with)
        until(lambda: not any(thread.name == "recording" for thread in threading.enumerate()))
        if writes_on:
            with pytest.raises(SinkFault):
                aside.write(item(1))
        with pytest.raises(SinkFault):
            aside.__exit__(None, None, None)
        assert aside.warnings == []


def test_an_error_elsewhere_is_told_to_the_sink_and_wins():
    sink, error = Sink(), ValueError("elsewhere")
    aside = Aside(sink, "recording", vital=True, capacity=5)
    aside.__enter__()
    aside.write(item(0))
    aside.__exit__(ValueError, error, None)
    assert sink.taken == [0]
    assert sink.closed_with == [error]


def test_a_sink_that_does_not_return_is_left_behind():
    sink = Sink()
    sink.may_go.clear()
    begun = time.monotonic()
    with Aside(sink, "push", capacity=5, close_timeout_s=0.2) as aside:
        for number in range(3):
            aside.write(item(number))
        until(lambda: sink.taken)
    assert 0.1 < time.monotonic() - begun < 2
    assert aside.stuck
    assert aside.warnings == ["push: did not end within 0.2 s; 2 pictures were lost"]
    sink.may_go.set()
    until(lambda: sink.closed_with)


def test_room_for_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Aside(Sink(), "push", capacity=0)
