"""Runs in which nothing goes wrong."""

from __future__ import annotations

import random
import threading
import time
import weakref
from dataclasses import dataclass

import av
import pytest

from rtseg.frame import Frame, LabelMap
from rtseg.pipeline import Pipeline
from rtseg.pipeline.rules import FileRules
from tests.pipeline.parts import Picture, Step, assert_balanced, assert_closed_in_order, frame, frames, steps

STAGES = ("preprocess", "infer", "colorize", "present")


def test_every_frame_goes_through_every_stage_in_order():
    stages = steps(*STAGES)
    pipeline = Pipeline(frames(100), stages)
    assert pipeline.outcome is None
    outcome = pipeline.run()
    assert [stage.seen for stage in stages] == [list(range(100))] * 4
    assert_closed_in_order(stages)
    assert_balanced(outcome.books)
    assert outcome.books.fresh == outcome.books.captured == 100
    assert outcome.books.dropped == {}
    assert (outcome.stopped, outcome.errors, outcome.stuck) == (False, (), ())
    assert pipeline.outcome is outcome
    assert pipeline.books == outcome.books


def test_ten_thousand_frames_with_random_pauses():
    draw = random.Random(2)
    pauses = [0.0] * 39 + [0.0003]

    class Dawdling(Step):
        def process(self, item):
            time.sleep(draw.choice(pauses))
            return super().process(item)

    stages = [Dawdling(name) for name in ("a", "b", "c", "d", "e")]
    outcome = Pipeline(frames(10_000), stages).run()
    assert [stage.seen for stage in stages] == [list(range(10_000))] * 5
    assert outcome.books.fresh == 10_000
    assert_balanced(outcome.books)


def test_real_video(videos):
    """A generator that holds a decoder open: decoded, shown and closed, all in the capture thread."""
    closed_in = []

    def decoded():
        try:
            with av.open(str(videos / "highway.mp4")) as container:
                for index, picture in enumerate(container.decode(video=0)):
                    captured_ns = time.monotonic_ns()
                    yield Frame(index, picture.pts, picture.time_base, captured_ns, picture)
        finally:
            closed_in.append(threading.current_thread().name)

    sink = Step("present")
    outcome = Pipeline(decoded(), [sink]).run()
    assert sink.seen == list(range(221))
    assert outcome.books.fresh == 221
    assert closed_in == ["capture"]


@pytest.mark.parametrize("count", [0, 1])
def test_empty_and_single_frame_sources(count):
    stages = steps(*STAGES)
    outcome = Pipeline(frames(count), stages).run()
    assert outcome.books.captured == outcome.books.fresh == count
    assert outcome.fps == 0
    assert_closed_in_order(stages)


@pytest.mark.parametrize("capacity", [1, 2, 3])
@pytest.mark.parametrize("names", [("present",), ("infer", "colorize", "present")])
def test_back_pressure_bounds_how_far_the_source_runs_ahead(capacity, names):
    stages = steps(*names)
    stages[-1].delay_s = 0.004
    bound = (capacity + 1) * len(names) + 1
    leads = []

    def watched():
        for item in frames(60):
            leads.append(item.index + 1 - len(stages[-1].seen))
            yield item

    Pipeline(watched(), stages, rules=FileRules(capacity)).run()
    assert max(leads) <= bound
    assert max(leads) >= bound - 1, "the test must reach the bound to say anything"


def test_no_frame_outlives_its_way():
    alive: weakref.WeakSet[Picture] = weakref.WeakSet()
    most = 0

    def watched():
        nonlocal most
        for index in range(300):
            item = frame(index)
            alive.add(item.picture)
            most = max(most, len(alive))
            yield item
            del item

    Pipeline(watched(), steps(*STAGES), rules=FileRules(2)).run()
    assert most <= 3 * len(STAGES) + 2
    assert len(alive) == 0


def test_meter_times_capture_stages_and_the_whole_way():
    fast, slow = Step("fast"), Step("slow", delay_s=0.02)
    outcome = Pipeline(frames(10, every_s=0.005), [fast, slow]).run()
    latency_ms = outcome.latency_ms
    assert list(latency_ms) == ["capture", "fast", "slow", "end_to_end"]
    assert latency_ms["capture"]["p50"] >= 5 * 0.995
    assert latency_ms["slow"]["p50"] >= 20 * 0.995
    assert latency_ms["fast"]["p50"] < latency_ms["slow"]["p50"]
    assert latency_ms["end_to_end"]["max"] >= latency_ms["end_to_end"]["mean"] >= latency_ms["slow"]["mean"]
    assert 0 < outcome.fps <= 50
    assert outcome.seconds >= 0.2


def test_no_frame_is_captured_before_all_stages_are_open():
    """So the time that a model takes to load is in no frame's latency."""

    class Slow(Step):
        def __enter__(self):
            time.sleep(0.1)
            return super().__enter__()

    stage, sink = Slow("infer"), Step("present")
    open_at_capture = []

    def watched():
        for item in frames(3):
            open_at_capture.append(stage.calls + sink.calls)
            yield item

    Pipeline(watched(), [stage, sink]).run()
    assert open_at_capture == [["enter", "enter"]] * 3


def test_fate_comes_from_the_labels():
    @dataclass(frozen=True)
    class Shown:
        frame: Frame
        label_map: LabelMap

    class Label(Step):
        def process(self, item):
            fate = ("fresh", "held", "propagated")[item.index % 3]
            return Shown(item, LabelMap(ids=None, fate=fate))

    class Show(Step):
        def process(self, item):
            return super().process(item.frame)

    books = Pipeline(frames(8), [Label("infer"), Show("present")]).run().books
    assert (books.fresh, books.held, books.propagated) == (3, 3, 2)
    assert_balanced(books)


def test_progress_comes_in_the_callers_thread_and_ends_with_the_whole():
    seen = []

    def note(progress):
        seen.append((threading.current_thread(), progress))

    outcome = Pipeline(frames(30, every_s=0.02), steps(*STAGES)).run(note)
    assert {thread for thread, _ in seen} == {threading.main_thread()}
    assert 4 <= len(seen) <= 10 * outcome.seconds + 10
    shown = [progress.books.shown for _, progress in seen]
    assert shown == sorted(shown)
    assert seen[-1][1].books == outcome.books
    assert seen[-1][1].seconds <= outcome.seconds


def test_runs_once():
    pipeline = Pipeline(frames(3), steps("present"))
    pipeline.run()
    with pytest.raises(RuntimeError, match="once"):
        pipeline.run()
    assert pipeline.outcome is not None
    assert pipeline.outcome.books.fresh == 3


@pytest.mark.parametrize("names", [(), ("a", "a"), ("capture",), ("end_to_end",)])
def test_refuses_names_that_are_not_unique(names):
    with pytest.raises(ValueError, match="names of their own"):
        Pipeline(frames(1), steps(*names))


def test_cpu_time_is_the_stages_own_threads_and_opening_is_not_in_it():
    class Busy(Step):
        def __enter__(self) -> Step:
            burn_ms(200)
            return super().__enter__()

        def process(self, item: Frame) -> Frame:
            burn_ms(5)
            return super().process(item)

    busy, idle = Busy("busy"), Step("idle", delay_s=0.005)
    spent_ms = Pipeline(frames(20), [busy, idle]).run().cpu_ms_per_frame
    assert list(spent_ms) == ["capture", "busy", "idle", "runtime threads"]
    assert 5 <= spent_ms["busy"] < 10
    assert spent_ms["idle"] < 2.5
    assert spent_ms["runtime threads"] < 5


def burn_ms(duration_ms: float) -> None:
    begun_ns = time.thread_time_ns()
    while time.thread_time_ns() - begun_ns < duration_ms * 1e6:
        pass
