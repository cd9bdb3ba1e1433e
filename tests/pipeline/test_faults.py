"""Each part fails at each moment: the right error, balanced books, everything closed, no thread left."""

from __future__ import annotations

import threading

import pytest

from rtseg.errors import EXIT_FAULT, EXIT_ON_THE_WAY, SinkFault, SourceFault, StageError
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
FRAMES = 40


def run_to_fault(pipeline: Pipeline) -> StageError:
    with pytest.raises(StageError) as caught:
        pipeline.run()
    assert pipeline.outcome is not None
    assert pipeline.outcome.errors[0] is caught.value
    assert pipeline.outcome.books == pipeline.books
    assert_balanced(pipeline.books)
    return caught.value


@pytest.mark.parametrize("moment", ["enter", 0, FRAMES // 2, FRAMES - 1, "exit"])
@pytest.mark.parametrize("position", range(len(STAGES)))
def test_each_stage_fails_in_turn(position, moment):
    stages = steps(*STAGES)
    failing = stages[position]
    failing.fails = moment
    pipeline = Pipeline(frames(FRAMES), stages)
    error = run_to_fault(pipeline)

    assert error.stage == failing.name
    assert error.__cause__ is failing.error
    assert str(error) == f"{failing.name}: on purpose"
    assert pipeline.outcome.errors == (error,)
    assert_closed_in_order(stages)
    expected_exit_errors = [
        failing.error if stage is failing and moment in range(FRAMES) else None for stage in stages
    ]
    assert [stage.exit_error for stage in stages] == expected_exit_errors

    passed = {"enter": 0, "exit": FRAMES}.get(moment, moment)
    for stage in stages[position:]:
        assert stage.seen == list(range(passed)), "what had passed the failed stage is finished, in order"
    books = pipeline.books
    assert books.fresh == passed
    upstream = [f"stopped before {stage.name}" for stage in stages[: position + 1]]
    assert set(books.dropped) <= {f"{failing.name} failed", *upstream}
    assert books.dropped.get(f"{failing.name} failed", 0) == (moment in range(FRAMES))
    if moment == "enter":
        assert books.captured == 0


@pytest.mark.parametrize("failing", STAGES)
def test_a_fault_while_every_mailbox_is_full(failing):
    stages = steps(*STAGES)
    for stage in stages:
        if stage.name == failing:
            stage.fails, stage.delay_s = 10, 0.005
    pipeline = Pipeline(frames(10_000), stages, rules=FileRules(3))
    assert run_to_fault(pipeline).stage == failing
    position = STAGES.index(failing)
    assert pipeline.books.captured <= 10 + 4 * (position + 1) + 1
    assert pipeline.books.dropped[f"stopped before {failing}"] >= 3
    assert_closed_in_order(stages)


@pytest.mark.parametrize("last", [0, 1, 17])
def test_the_source_fails_in_the_middle(last):
    def breaking():
        yield from frames(last)
        raise SourceFault("clip.mp4 ends early")

    stages = steps(*STAGES)
    pipeline = Pipeline(breaking(), stages)
    error = run_to_fault(pipeline)
    assert (error.stage, error.exit_code) == ("capture", EXIT_ON_THE_WAY)
    assert pipeline.books.fresh == pipeline.books.captured == last
    assert_closed_in_order(stages)


def test_the_source_fails_before_its_first_frame():
    class Broken:
        def __iter__(self):
            raise OnPurposeError("cannot even begin")

    assert run_to_fault(Pipeline(Broken(), steps(*STAGES))).stage == "capture"


def test_the_sources_generator_fails_while_it_is_closed():
    def source():
        try:
            for index in range(10_000):
                yield frame(index)
        finally:
            raise OnPurposeError("cannot close")

    stages = steps(*STAGES)
    stages[1].fails = 5
    pipeline = Pipeline(source(), stages)
    assert run_to_fault(pipeline).stage == "infer"
    assert [error.stage for error in pipeline.outcome.errors] == ["infer", "capture"]


def test_a_generator_is_closed_in_the_capture_thread():
    closed_in = []

    def source():
        try:
            for index in range(10_000):
                yield frame(index)
        finally:
            closed_in.append(threading.current_thread().name)

    stages = steps(*STAGES)
    stages[-1].fails = 5
    run_to_fault(Pipeline(source(), stages))
    assert closed_in == ["capture"]


def test_the_first_error_wins_and_later_ones_are_listed():
    class Leaky(Step):
        def __exit__(self, *_):
            raise OnPurposeError(f"{self.name} does not close")

    stages = [Leaky("preprocess"), Leaky("infer"), Step("colorize", fails=3), Leaky("present")]
    pipeline = Pipeline(frames(FRAMES), stages)
    assert run_to_fault(pipeline).stage == "colorize"
    errors = pipeline.outcome.errors
    assert errors[0].stage == "colorize"
    assert {error.stage for error in errors[1:]} == {"preprocess", "infer", "present"}
    assert len(errors) == 4


def test_a_stage_that_fails_and_then_does_not_close_lists_both():
    class Full(Step):
        def process(self, _):
            raise SinkFault("the disk is full")

        def __exit__(self, *_):
            raise OnPurposeError("still full")

    pipeline = Pipeline(frames(FRAMES), [Full("present")])
    error = run_to_fault(pipeline)
    assert (str(error), error.exit_code) == ("present: the disk is full", EXIT_ON_THE_WAY)
    assert [str(error) for error in pipeline.outcome.errors[1:]] == ["present: still full"]


def test_two_stages_fail_at_once():
    for _ in range(30):
        stages = steps(*STAGES)
        stages[0].fails = stages[3].fails = 7
        pipeline = Pipeline(frames(FRAMES), stages)
        assert run_to_fault(pipeline).stage in {"preprocess", "present"}
        assert_closed_in_order(stages)


def test_an_exit_that_swallows_errors_does_not_hide_the_fault():
    class Swallowing(Step):
        def __exit__(self, *_):
            return True

    stage = Swallowing("infer", fails=4)
    pipeline = Pipeline(frames(FRAMES), [stage, Step("present")])
    assert run_to_fault(pipeline).__cause__ is stage.error
    assert pipeline.books.fresh == 4


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), StopIteration(), GeneratorExit()]
)
@pytest.mark.parametrize("moment", ["enter", 2, "exit"])
def test_any_exception_of_a_stage_is_a_fault(error, moment):
    stage = Step("infer", fails=moment, error=error)
    raised = run_to_fault(Pipeline(frames(FRAMES), [stage, Step("present")]))
    assert raised.__cause__ is error
    assert raised.exit_code == EXIT_FAULT


def test_an_item_without_a_frame_is_a_fault_of_the_stage_that_saw_it_last():
    class Forgetful(Step):
        def process(self, _):
            return "no frame here"

    class Blind(Step):
        def process(self, _):
            return None

    pipeline = Pipeline(frames(FRAMES), [Forgetful("colorize"), Blind("present")])
    assert run_to_fault(pipeline).stage == "present"
    assert pipeline.books.fresh == 0


@pytest.mark.parametrize("error", [OnPurposeError("bar"), KeyboardInterrupt()])
def test_an_error_in_on_progress_ends_the_run_in_order(error):
    def fail_later(progress):
        if progress.books.shown > 20:
            raise error

    stages = steps(*STAGES)
    pipeline = Pipeline(frames(100_000, every_s=0.001), stages)
    with pytest.raises(type(error)) as caught:
        pipeline.run(fail_later)
    assert caught.value is error
    assert pipeline.outcome.stopped
    assert pipeline.books.fresh == pipeline.books.captured
    assert_balanced(pipeline.books)
    assert_closed_in_order(stages)


@pytest.mark.parametrize("refused", ["capture", *STAGES])
def test_a_thread_that_cannot_be_started(monkeypatch, refused):
    start = threading.Thread.start

    def start_unless_refused(thread):
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_unless_refused)
    stages = steps(*STAGES)
    pipeline = Pipeline(frames(FRAMES), stages)
    with pytest.raises(RuntimeError, match="can't start"):
        pipeline.run()
    assert pipeline.books.captured == 0
    assert_closed_in_order([stage for stage in stages if stage.calls])
