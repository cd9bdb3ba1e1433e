"""Live rules: the latest wins, every frame has its slot, and the books balance under any fault."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from rtseg.errors import StageError
from rtseg.frame import Labelled, LabelMap
from rtseg.pipeline import Pipeline
from rtseg.pipeline.clock import NS_PER_MS
from rtseg.pipeline.mailbox import Mailbox, MailboxClosedError
from rtseg.pipeline.rules import LiveRules
from rtseg.pipeline.schedule import Schedule
from rtseg.pipeline.stage import NotShown
from rtseg.pipeline.thinning import Thinning
from tests.pipeline.parts import OnPurposeError, Step, assert_balanced, frame, frames, steps

pytestmark = pytest.mark.live

LATENCY_MS = 80


@dataclass
class Labels(Step):
    """Inference: takes a while, and fails where told to."""

    def process(self, item):
        return Labelled(super().process(item), LabelMap(None))


@dataclass
class Give(Step):
    """Propagation without pixels: a frame's own labels, or "held" ones."""

    labelled: set = field(default_factory=set)

    def process(self, due):
        self.labelled |= {made.frame.index for made in due.labelled}
        if min(self.labelled, default=due.frame.index + 1) > due.frame.index:
            return NotShown("no labels yet")
        super().process(due.frame)
        return Labelled(due.frame, LabelMap(None, "fresh" if due.frame.index in self.labelled else "held"))


@dataclass
class Show(Step):
    """Notes how far from its slot each frame is shown."""

    off_ms: list = field(default_factory=list)

    def process(self, item):
        super().process(item.frame)
        slot = item.frame.slot
        self.off_ms.append((slot.shown_ns - slot.due_ns) / NS_PER_MS)


def slotted(infer_s=0.0, *, every=None, skip_errors=False, infer_fails="", show_s=0.0, latency_ms=LATENCY_MS):
    rules = LiveRules(latency_ns=latency_ms * NS_PER_MS, every=every, skip_errors=skip_errors)
    stages = [
        Step("preprocess"),
        Labels("infer", delay_s=infer_s, fails=infer_fails),
        Give("propagate"),
        Show("present", delay_s=show_s),
    ]
    return rules, stages


def test_a_newer_item_takes_the_place_of_the_oldest():
    mailbox = Mailbox(2, latest_wins=True)
    assert [mailbox.put(item) for item in "abcd"] == [None, None, "a", "b"]
    assert (mailbox.get(), mailbox.get()) == ("c", "d")


def test_a_source_faster_than_the_model_is_never_behind_and_every_frame_is_counted():
    stages = steps("preprocess", "infer", "present")
    stages[1].delay_s = 0.02
    pipeline = Pipeline(frames(200, every_s=0.005), stages, rules=LiveRules())
    outcome = pipeline.run()
    assert_balanced(outcome.books)
    assert outcome.books.captured == 200
    assert outcome.books.dropped["superseded before infer"] > 50
    assert outcome.books.fresh == len(stages[-1].seen)
    # Two waits at most are before it: for the frame in work, and its own.
    assert outcome.latency_ms["end_to_end"]["p50"] < 3 * 20


def test_every_frame_is_shown_in_its_slot_fresh_or_not():
    rules, stages = slotted(infer_s=0.01)
    outcome = Pipeline(frames(60, every_s=0.02), stages, rules=rules).run()
    assert_balanced(outcome.books)
    assert outcome.books.shown == 60
    assert stages[-1].seen == list(range(60))
    assert min(stages[-1].off_ms) >= 0
    assert sorted(stages[-1].off_ms)[30] < 2


def test_labels_that_are_too_late_for_their_frame_serve_the_next_ones():
    rules, stages = slotted(infer_s=0.12, every=8)
    outcome = Pipeline(frames(60, every_s=0.02), stages, rules=rules).run()
    assert_balanced(outcome.books)
    assert outcome.books.held > 40
    assert outcome.books.fresh == 0
    assert outcome.books.dropped.keys() <= {"no labels yet", "late"}
    assert rules.deadline.missed >= 6


def test_a_machine_that_is_too_slow_infers_fewer_frames_and_misses_none_of_those():
    rules, stages = slotted(infer_s=0.05, latency_ms=200)
    outcome = Pipeline(frames(150, every_s=0.02), stages, rules=rules).run()
    assert_balanced(outcome.books)
    assert rules.thinning.every in (3, 4, 5)
    assert outcome.books.fresh == pytest.approx(150 / rules.thinning.every, rel=0.4)
    assert outcome.books.shown > 120


def test_a_sink_that_blocks_costs_the_frames_of_that_time_and_no_latency_after_it():
    rules, stages = slotted()
    show = stages[-1].process

    def block_once(item):
        if len(stages[-1].seen) == 20:
            time.sleep(0.5)
        show(item)

    stages[-1].process = block_once
    outcome = Pipeline(frames(100, every_s=0.02), stages, rules=rules).run()
    assert_balanced(outcome.books)
    assert 10 < outcome.books.dropped["late"] < 40
    assert sorted(stages[-1].off_ms[-20:])[10] < 2


@pytest.mark.parametrize("latency_ms", [None, LATENCY_MS])
def test_a_frame_that_cannot_be_inferred_is_passed_over_if_asked_to(latency_ms):
    if latency_ms is None:
        rules = LiveRules(skip_errors=True)
        stages = steps("preprocess", "infer", "present")
        stages[1].fails = 7
    else:
        rules, stages = slotted(skip_errors=True, infer_fails=7)
    outcome = Pipeline(frames(30, every_s=0.01), stages, rules=rules).run()
    assert_balanced(outcome.books)
    assert rules.forgiven == {"infer": 1}
    assert "on purpose" in rules.last_error["infer"]
    assert outcome.books.dropped.get("infer failed", 0) == (1 if latency_ms is None else 0)


@pytest.mark.parametrize("moment", ["enter", 5, "exit"])
@pytest.mark.parametrize("position", range(4))
def test_each_stage_fails_in_turn(position, moment):
    rules, stages = slotted()
    stages[position].fails = moment
    pipeline = Pipeline(frames(40, every_s=0.005), stages, rules=rules)
    with pytest.raises(StageError) as caught:
        pipeline.run()
    assert caught.value.stage == stages[position].name
    assert isinstance(caught.value.__cause__, OnPurposeError)
    assert_balanced(pipeline.books)


def test_stop_shows_what_waits_and_ends():
    rules, stages = slotted()
    pipeline = Pipeline(frames(10_000, every_s=0.005), stages, rules=rules)
    threading.Timer(0.3, pipeline.stop).start()
    begun = time.monotonic()
    outcome = pipeline.run()
    assert time.monotonic() - begun < 20
    assert_balanced(outcome.books)
    assert not outcome.books.dropped.keys() - {"no labels yet", "late"}


def test_what_the_source_lost_is_captured_and_dropped():
    class Lossy:
        def __init__(self):
            self.losses = {}

        def __iter__(self):
            for one in frames(10):
                if one.index == 5:
                    self.losses = {"decode error": 3}
                yield one
            self.losses = {"decode error": 3, "source gap": 2}

    outcome = Pipeline(Lossy(), steps("infer", "present"), rules=LiveRules()).run()
    assert outcome.books.captured == 15
    assert outcome.books.dropped["decode error"] == 3
    assert outcome.books.dropped["source gap"] == 2
    assert_balanced(outcome.books)


def test_the_schedule_never_holds_more_than_its_latency():
    late = []
    now = [0]
    schedule = Schedule(
        100 * NS_PER_MS, tolerance_ns=10 * NS_PER_MS, on_late=late.append, now_ns=lambda: now[0]
    )
    for index in range(1000):
        one = frame(index)
        now[0] = one.captured_ns
        schedule.expect(one, wanted=True)
    now[0] += 10_000 * NS_PER_MS
    schedule.close()
    with pytest.raises(MailboxClosedError):
        schedule.get()
    assert sum(late) == 1000


@pytest.mark.parametrize(
    ("cost_ms", "interval_ms", "every"),
    [(10, 33, 1), (26, 33, 1), (30, 33, 2), (100, 33, 4), (10_000, 33, 30)],
)
def test_the_rule_takes_the_smallest_step_that_leaves_a_fifth_of_the_time(cost_ms, interval_ms, every):
    thinning = Thinning()
    for index in range(200):
        if thinning.wants(index * interval_ms * NS_PER_MS):
            thinning.inferred(cost_ms * NS_PER_MS)
    assert thinning.every == every


def test_the_rule_does_not_swing_and_recovers():
    thinning = Thinning()

    def play(cost_ms, frames):
        for _ in range(frames):
            now[0] += 33 * NS_PER_MS
            if thinning.wants(now[0]):
                thinning.inferred(cost_ms * NS_PER_MS)

    now = [0]
    play(60, 300)
    assert thinning.every == 3
    play(50, 300)  # two would do, but only just
    assert thinning.every == 3
    play(15, 300)
    assert thinning.every == 1
