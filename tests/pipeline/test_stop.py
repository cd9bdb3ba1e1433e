"""The end on request: from another thread, from a signal, at any moment, with parts that do not come back."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rtseg.errors import EXIT_FAULT, EXIT_INTERRUPTED, StageError
from rtseg.pipeline import Pipeline
from rtseg.pipeline.rules import FileRules
from tests.pipeline.parts import (
    OnPurposeError,
    Step,
    assert_balanced,
    assert_closed_in_order,
    frame,
    frames,
    steps,
)

STAGES = ("preprocess", "infer", "colorize", "present")
ROOT = Path(__file__).resolve().parents[2]


def stop_after(pipeline: Pipeline, seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, pipeline.stop)
    timer.start()
    return timer


def test_stop_at_random_moments():
    draw = random.Random(3)
    for _ in range(40):
        stages = steps(*STAGES)
        stages[draw.randrange(4)].delay_s = 0.001
        pipeline = Pipeline(frames(1_000_000), stages, rules=FileRules(draw.randint(1, 3)))
        timer = stop_after(pipeline, draw.random() * 0.03)
        outcome = pipeline.run()
        timer.join()
        assert outcome.stopped
        assert_balanced(outcome.books)
        assert outcome.books.dropped == {}, "what is in flight is finished, not thrown away"
        assert stages[-1].seen == list(range(outcome.books.captured))
        assert_closed_in_order(stages)


def test_stop_and_fault_at_the_same_moment():
    draw = random.Random(4)
    for _ in range(40):
        stages = steps(*STAGES)
        stages[draw.randrange(4)].fails = 20
        pipeline = Pipeline(frames(1_000_000, every_s=0.0002), stages)
        timer = stop_after(pipeline, draw.random() * 0.02)
        with contextlib.suppress(StageError):
            assert pipeline.run().stopped
        timer.join()
        assert all(isinstance(error.__cause__, OnPurposeError) for error in pipeline.outcome.errors)
        assert_balanced(pipeline.books)
        assert_closed_in_order(stages)


def test_stop_before_run_captures_nothing():
    stages = steps(*STAGES)
    pipeline = Pipeline(frames(10), stages)
    pipeline.stop()
    outcome = pipeline.run()
    assert outcome.stopped
    assert outcome.books.captured == 0
    assert_closed_in_order(stages)


def test_stop_after_the_end_changes_nothing():
    pipeline = Pipeline(frames(10), steps(*STAGES))
    outcome = pipeline.run()
    pipeline.stop()
    assert not outcome.stopped


def test_a_slow_sink_may_drain_longer_than_the_deadline_of_one_call():
    stages = steps(*STAGES)
    stages[-1].delay_s = 0.1
    pipeline = Pipeline(frames(1_000_000), stages, join_timeout_s=0.5)

    def stop_when_full(progress):
        if progress.books.captured >= 12:
            pipeline.stop()

    outcome = pipeline.run(stop_when_full)
    assert outcome.books.fresh == outcome.books.captured >= 12
    assert_balanced(outcome.books)


class Stuck:
    """Blocks in a call until it is released, as a native call might."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    def block(self) -> None:
        self.reached.set()
        self.release.wait(60)


def run_until_given_up(pipeline: Pipeline, stuck: Stuck, name: str) -> None:
    def stop_soon():
        stuck.reached.wait(60)
        time.sleep(0.1)
        pipeline.stop()

    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    with pytest.raises(StageError, match=rf"^{name}: did not end within 0.3 s$") as caught:
        pipeline.run()
    stopper.join()
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert caught.value.exit_code == EXIT_FAULT
    assert pipeline.outcome.stuck == (name,)
    assert [thread.name for thread in threading.enumerate()].count(name) == 1
    assert_balanced(pipeline.books)


def let_go(stuck: Stuck, name: str) -> None:
    stuck.release.set()
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(10)


def test_a_source_that_blocks_for_ever():
    stuck, closed_in = Stuck(), []

    def source():
        try:
            yield from frames(5)
            stuck.block()
            yield frame(5)
        finally:
            closed_in.append(threading.current_thread().name)

    stages = steps(*STAGES)
    pipeline = Pipeline(source(), stages, join_timeout_s=0.3)
    run_until_given_up(pipeline, stuck, "capture")
    assert_closed_in_order(stages)
    books = pipeline.books
    assert books.fresh == 5
    let_go(stuck, "capture")
    assert pipeline.books == books, "a frame that comes after the end is nobody's"
    assert closed_in == ["capture"]


@pytest.mark.parametrize("position", range(4))
def test_a_stage_that_blocks_for_ever(position):
    stuck = Stuck()

    class Blocking(Step):
        def process(self, item):
            if item.index == 3:
                stuck.block()
            return super().process(item)

    stages = steps(*STAGES)
    name = STAGES[position]
    stages[position] = Blocking(name)
    pipeline = Pipeline(frames(1_000_000), stages, join_timeout_s=0.3)
    run_until_given_up(pipeline, stuck, name)
    books = pipeline.books
    assert books.fresh == 3
    assert books.dropped[f"{name} did not end"] == 1
    assert books.dropped[f"stopped before {name}"] >= 1
    assert_closed_in_order([stage for stage in stages if stage.name != name])
    let_go(stuck, name)
    assert pipeline.books == books
    assert_closed_in_order(stages)


@pytest.mark.parametrize("call", ["__enter__", "__exit__"])
@pytest.mark.parametrize("position", range(4))
def test_a_stage_that_never_opens_or_closes(position, call):
    stuck = Stuck()

    def blocking(self, *arguments):
        stuck.block()
        return getattr(Step, call)(self, *arguments)

    name = STAGES[position]
    stages = steps(*STAGES)
    stages[position] = type("Blocking", (Step,), {call: blocking})(name)
    pipeline = Pipeline(frames(10), stages, join_timeout_s=0.3)
    run_until_given_up(pipeline, stuck, name)
    assert_closed_in_order([stage for stage in stages if stage.name != name])
    let_go(stuck, name)
    assert_closed_in_order(stages)


def test_a_fault_starts_the_deadline_too():
    stuck = Stuck()

    def source():
        yield from frames(3)
        stuck.block()

    class FailsOnceTheSourceIsStuck(Step):
        def process(self, item):
            if item.index == 2:
                stuck.reached.wait(60)
            return super().process(item)

    stages = [FailsOnceTheSourceIsStuck("infer", fails=2), Step("present")]
    pipeline = Pipeline(source(), stages, join_timeout_s=0.3)
    with pytest.raises(StageError, match=r"^infer: on purpose$"):
        pipeline.run()
    assert [str(error) for error in pipeline.outcome.errors[1:]] == ["capture: did not end within 0.3 s"]
    assert pipeline.outcome.stuck == ("capture",)
    assert_balanced(pipeline.books)
    let_go(stuck, "capture")


def test_no_deadline_while_nobody_asks_for_the_end():
    stages = [Step("infer", delay_s=0.3), Step("present")]
    outcome = Pipeline(frames(3), stages, join_timeout_s=0.05).run()
    assert outcome.books.fresh == 3


@pytest.mark.parametrize(
    ("handler", "number"), [("stop", signal.SIGINT), ("stop", signal.SIGTERM), ("python", signal.SIGINT)]
)
def test_a_signal_ends_the_run_in_order(handler, number):
    command = [sys.executable, "-m", "tests.pipeline.child_run", handler]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        time.sleep(0.05)
        child.send_signal(number)
        told = json.loads(child.stdout.readline())
        assert child.wait(20) == EXIT_INTERRUPTED
    assert told["balanced"]
    assert told["stopped"]
    assert told["captured"] == told["fresh"] == told["written"] > 0
    assert told["closed"] == ["enter", "exit"]
    assert told["threads"] == ["MainThread"]
