"""Only key frames are inferred: the others pass inference by and wait for the labels on both sides."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rtseg.errors import StageError
from rtseg.pipeline import Pipeline
from rtseg.pipeline.gaps import Gaps
from rtseg.pipeline.key_rules import KeyRules
from rtseg.pipeline.mailbox import MailboxClosedError
from tests.pipeline.parts import OnPurposeError, Step, assert_balanced, frame, frames

if TYPE_CHECKING:
    from rtseg.frame import Frame

EVERY = 5


@dataclass(frozen=True)
class Followed:
    """As much of `rtseg.frame.Followed` as the pipeline looks at."""

    frame: Frame
    is_key: bool


@dataclass(frozen=True)
class Labels:
    """Stands in for `Labelled`."""

    frame: Frame


class Follow(Step):
    """Every 5th frame is a key frame."""

    def process(self, item: Any) -> Followed:
        super().process(item)
        return Followed(item, item.index % EVERY == 0)


class Infer(Step):
    """Two at a time; the second of two is done first."""

    parallel = 2

    def process(self, item: Any) -> Labels:
        time.sleep(0.002 * (item.index % (2 * EVERY) == 0))
        super().process(item)
        return Labels(item)


class Propagate(Step):
    """Notes what each frame lies between."""

    def process(self, item: Any) -> Frame:
        self.placed = [*getattr(self, "placed", []), item]
        return super().process(item.frame)


def stages() -> list[Step]:
    return [Follow("follow"), Step("preprocess"), Infer("infer"), Propagate("propagate"), Step("present")]


def run(parts: list[Step], source: Any, room: int = 3 * EVERY, **options: Any) -> Pipeline:
    return Pipeline(source, parts, rules=KeyRules(room), **options)


@pytest.mark.parametrize("room", [EVERY + 2, 3 * EVERY])
def test_every_frame_comes_in_order_between_its_key_frames(room):
    parts = stages()
    outcome = run(parts, frames(48), room).run()
    assert_balanced(outcome.books)
    assert parts[-1].seen == list(range(48))
    assert sorted(parts[2].seen) == list(range(0, 48, EVERY))
    for placed in parts[3].placed:
        index = placed.frame.index
        before = index - index % EVERY
        assert placed.before.frame.index == before
        if index == before or before == 45:  # a key frame; no other comes after the last one
            assert placed.after is None
            assert placed.until == ()
        else:
            assert placed.after.frame.index == before + EVERY
            assert [one.frame.index for one in placed.until] == list(range(index + 1, before + EVERY + 1))


@pytest.mark.parametrize("count", [0, 1, 2, EVERY, EVERY + 1])
def test_short_films(count):
    parts = stages()
    outcome = run(parts, frames(count)).run()
    assert_balanced(outcome.books)
    assert parts[-1].seen == list(range(count))


@pytest.mark.parametrize("moment", ["enter", 10, "exit"])
@pytest.mark.parametrize("position", range(5))
def test_each_stage_fails_in_turn_and_no_hole_is_left(position, moment):
    parts = stages()
    parts[position].fails = moment
    pipeline = run(parts, frames(60))
    with pytest.raises(StageError) as caught:
        pipeline.run()
    assert caught.value.stage == parts[position].name
    assert isinstance(caught.value.__cause__, OnPurposeError)
    assert_balanced(pipeline.books)
    assert parts[-1].seen == list(range(len(parts[-1].seen)))
    if moment == 10 and position < 3:
        assert len(parts[-1].seen) >= EVERY  # what had passed is finished


def test_a_source_that_fails_has_all_its_frames_shown():
    def breaks():
        yield from frames(13)
        raise OnPurposeError

    parts = stages()
    pipeline = run(parts, breaks())
    with pytest.raises(StageError, match="capture"):
        pipeline.run()
    assert_balanced(pipeline.books)
    assert parts[-1].seen == list(range(13))


def test_stop_finishes_what_is_under_way():
    parts = stages()
    pipeline = run(parts, frames(100_000, every_s=0.001))
    threading.Timer(0.2, pipeline.stop).start()
    outcome = pipeline.run()
    assert_balanced(outcome.books)
    assert outcome.books.dropped == {}
    assert parts[-1].seen == list(range(outcome.books.captured))


def test_inference_that_hangs_is_left_behind_and_the_books_balance():
    release = threading.Event()
    parts = stages()
    works = parts[2].process

    def hangs(item):
        if item.index == 2 * EVERY:
            release.wait(20)
        return works(item)

    parts[2].process = hangs
    pipeline = run(parts, frames(100_000, every_s=0.001), join_timeout_s=0.3)
    threading.Timer(0.2, pipeline.stop).start()
    with pytest.raises(StageError, match="infer"):
        pipeline.run()
    assert_balanced(pipeline.books)
    release.set()
    while any(thread.name == "infer" for thread in threading.enumerate()):
        time.sleep(0.01)


def test_no_more_frames_are_held_than_there_is_room_for():
    captured = []

    def counted():
        for one in frames(400):
            captured.append(one.index)
            yield one

    parts = stages()
    ahead = []
    show = parts[-1].process
    parts[-1].process = lambda item: (
        time.sleep(0.0005),
        ahead.append(captured[-1] - item.index),
        show(item),
    )[2]
    run(parts, counted(), room=EVERY + 2).run()
    assert max(ahead) <= EVERY + 2 + 12  # two mailboxes on each side, and one frame in each hand


def test_a_frame_waits_while_there_is_no_room_and_is_turned_away_at_the_end():
    gaps = Gaps(2, on_lost=lambda _: None)
    gaps.expect(Followed(frame(0), is_key=True))
    gaps.expect(Followed(frame(1), is_key=False))
    refused = []

    def one_more():
        try:
            gaps.expect(Followed(frame(2), is_key=False))
        except MailboxClosedError:
            refused.append(2)

    thread = threading.Thread(target=one_more)
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    assert [one.frame.index for one in gaps.cancel()] == [0, 1]
    thread.join()
    assert refused == [2]
    with pytest.raises(MailboxClosedError):
        gaps.put(Labels(frame(0)))
    with pytest.raises(MailboxClosedError):
        gaps.get()
