"""Stages with several threads: to all others they are as one."""

from __future__ import annotations

import random
import threading
import time

import pytest

from rtseg.errors import StageError
from rtseg.pipeline import Pipeline
from tests.pipeline.parts import OnPurposeError, Step, assert_balanced, frames, steps

FRAMES = 60


class Busy(Step):
    """Takes a while, another one each time, and notes how many of its threads are at work."""

    parallel = 3

    def __init__(self, name, fails=""):
        super().__init__(name, fails)
        self.at_work = self.most_at_work = 0
        self.lock = threading.Lock()

    def process(self, item):
        with self.lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        time.sleep(random.Random(item.index).uniform(0, 0.01))
        try:
            return super().process(item)
        finally:
            with self.lock:
                self.at_work -= 1


def line(busy):
    before, after = steps("before", "after")
    return [before, busy, after], after


def test_items_go_on_in_order_though_several_are_at_work():
    busy = Busy("busy")
    stages, after = line(busy)
    pipeline = Pipeline(frames(FRAMES), stages)
    outcome = pipeline.run()
    assert after.seen == list(range(FRAMES))
    assert busy.most_at_work == 3
    assert busy.calls == ["enter", "exit"]
    assert busy.threads == {"busy"}
    assert outcome.books.fresh == FRAMES
    assert_balanced(outcome.books)
    assert {"before", "busy", "after"} <= outcome.latency_ms.keys()
    assert not [thread for thread in threading.enumerate() if thread.name == "busy"]


@pytest.mark.parametrize("moment", [0, 1, 2, FRAMES // 2, FRAMES - 1])
def test_behind_a_lost_item_nothing_goes_on(moment):
    busy = Busy("busy", fails=moment)
    stages, after = line(busy)
    pipeline = Pipeline(frames(FRAMES), stages)
    with pytest.raises(StageError, match="busy: on purpose"):
        pipeline.run()
    assert after.seen == list(range(moment)), "no hole"
    books = pipeline.books
    assert_balanced(books)
    assert books.dropped["busy failed"] == 1
    assert set(books.dropped) <= {
        "busy failed",
        "stopped in busy",
        "stopped before busy",
        "stopped before before",
    }
    assert busy.calls == ["enter", "exit"]
    assert isinstance(busy.exit_error, OnPurposeError)
    assert len(pipeline.outcome.errors) == 1


@pytest.mark.parametrize("moment", ["enter", "exit"])
def test_opening_and_closing_may_fail(moment):
    busy = Busy("busy", fails=moment)
    stages, after = line(busy)
    pipeline = Pipeline(frames(FRAMES), stages)
    with pytest.raises(StageError, match="busy: on purpose"):
        pipeline.run()
    assert after.seen == list(range(FRAMES if moment == "exit" else 0))
    assert_balanced(pipeline.books)


def test_what_comes_after_may_fail():
    busy = Busy("busy")
    stages, after = line(busy)
    after.fails = 20
    pipeline = Pipeline(frames(FRAMES), stages)
    with pytest.raises(StageError, match="after: on purpose"):
        pipeline.run()
    assert after.seen == list(range(20))
    assert_balanced(pipeline.books)
    assert busy.calls == ["enter", "exit"]


def test_stopping_finishes_what_is_under_way():
    busy = Busy("busy")
    stages, after = line(busy)
    pipeline = Pipeline(frames(100_000), stages)
    threading.Timer(0.3, pipeline.stop).start()
    outcome = pipeline.run()
    assert outcome.stopped
    assert after.seen == list(range(outcome.books.captured))
    assert_balanced(outcome.books)


class Hanging(Busy):
    """One of its calls does not return until it is let."""

    released = threading.Event()

    def process(self, item):
        if item.index == 5:
            self.released.wait()
        return super().process(item)


def test_a_call_that_does_not_return_is_given_up():
    busy = Hanging("busy")
    stages, after = line(busy)
    pipeline = Pipeline(frames(FRAMES), stages, join_timeout_s=0.3)
    threading.Timer(0.3, pipeline.stop).start()
    with pytest.raises(StageError, match="did not end"):
        pipeline.run()
    assert after.seen == list(range(5))
    assert pipeline.outcome.stuck == ("busy",)
    assert_balanced(pipeline.books)
    assert pipeline.books.dropped["busy did not end"] == 1
    busy.released.set()
    deadline = time.monotonic() + 5
    while [thread for thread in threading.enumerate() if thread.name == "busy"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
