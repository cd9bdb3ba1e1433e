"""Labels of the frames between two key frames: how they follow, when a key frame is due, what comes of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from rtseg.errors import InputError
from rtseg.frame import Frame, Labelled, LabelMap
from rtseg.pipeline.gaps import Placed
from rtseg.stages.between import Between
from rtseg.stages.flow import composed, inverted
from rtseg.stages.follow import Follow
from rtseg.stages.keys import LARGEST, KeyRule, key_rule_for
from rtseg.stages.vote import merged
from tests.stages.test_motion import at, blobs, texture, window

SIZE = (480, 360)
PERIOD = 120


def frame_of(index: int, picture) -> Frame:
    return Frame(index, index, Fraction(1, 25), 0, picture)


def pan(count: int, *, first: int = 0, image=None, dx: int = 4) -> list[Frame]:
    """A camera that turns over a textured wall."""
    image = texture() if image is None else image
    return [
        frame_of(first + index, window(image, 60 + dx * index, 80, SIZE, "yuv420p")) for index in range(count)
    ]


def follow(frames, every=None, period=PERIOD):
    rule = KeyRule(every)
    stage = Follow(rule, period)
    return [stage.process(one) for one in frames], rule


def keys_in(followed):
    return [one.frame.index for one in followed if one.is_key]


def labelled(followed, ids):
    return Labelled(followed.frame, LabelMap(ids))


def test_key_frames_come_by_number():
    followed, rule = follow(pan(14), every=4)
    assert keys_in(followed) == [0, 4, 8, 12]
    assert rule.summary() == {"rule": "fixed", "frames_by_n": {"4": 12}}


def test_a_cut_begins_anew_and_nothing_is_moved_across_it():
    followed, _ = follow([*pan(6), *pan(6, first=6, image=texture(5))], every=4)
    assert keys_in(followed) == [0, 4, 6, 10]
    assert followed[6].back is None
    ids = at(blobs(), 60, 80, SIZE)
    cut = Placed(followed[5], labelled(followed[4], ids), labelled(followed[6], ids * 0), (followed[6],))
    made = Between().process(cut)
    assert made.label_map.fate == "propagated"
    assert (made.label_map.ids != 0).mean() > 0.8  # of the labels behind the cut there is nothing


def test_pictures_that_have_nothing_to_do_with_each_other_are_all_inferred():
    frames = [frame_of(seed, window(texture(seed), 60, 80, SIZE, "rgb24")) for seed in range(5)]
    frames += [frame_of(5, window(texture(4), 60, 80, (320, 240), "rgb24"))]
    for every in (None, 6):
        assert keys_in(follow(frames, every)[0]) == list(range(6))


def test_each_period_stands_alone():
    """Key frames at both of its ends, and the same in between whether a run began there or before."""
    whole, _ = follow(pan(24, dx=2), every=4, period=10)
    later, _ = follow(pan(24, dx=2)[10:], every=4, period=10)
    assert keys_in(whole) == [0, 4, 8, 9, 10, 14, 18, 19, 20]
    assert keys_in(later) == [key for key in keys_in(whole) if key >= 10]
    for one, other in zip(whole[10:], later, strict=True):
        assert (one.from_key is None) == (other.from_key is None)
        assert one.from_key is None or np.array_equal(one.from_key, other.from_key)


def test_the_estimate_waits_where_nothing_moves_and_calls_where_much_is_new():
    still, _ = follow(pan(40, dx=0))
    slow, _ = follow(pan(40, dx=2))
    fast, _ = follow(pan(18, dx=14))
    assert np.diff(keys_in(still)).max() == 16
    assert np.diff(keys_in(slow)).mean() > 2 * np.diff(keys_in(fast)).mean()


def test_a_bad_estimate_calls_for_a_key_frame_before_the_nth():
    frames = pan(20)
    for index in range(10, 20):  # something large walks in
        image = texture().copy()
        image[:, 60 : 60 + 30 * (index - 8)] = texture(9)[:, : 30 * (index - 8)]
        frames[index] = frame_of(index, window(image, 60, 80, SIZE, "yuv420p"))
    keys = keys_in(follow(frames, every=16)[0])
    assert 0 < keys[1] < 16


def place(followed, index, before, after):
    """The frame `index` of those that were followed, between the labels of the first and the last of them."""
    return Placed(
        followed[index],
        labelled(followed[0], before),
        labelled(followed[-1], after),
        tuple(followed[index + 1 :]),
    )


def test_both_neighbours_are_used():
    """What comes into the picture is known from after, what leaves it from before."""
    frames, dx, ids = pan(7, dx=12), 12, blobs()
    followed, _ = follow(frames, every=6)
    assert keys_in(followed) == [0, 6]
    first, last = (at(ids, 60 + dx * index, 80, SIZE) for index in (0, 6))
    stage, right = Between(), []
    for index in range(1, 6):
        truth = at(ids, 60 + dx * index, 80, SIZE)
        made = stage.process(place(followed, index, first, last)).label_map.ids
        one_sided = stage.process(Placed(followed[index], labelled(followed[0], first))).label_map.ids
        entering = (slice(None), slice(SIZE[0] - dx * index, None))
        assert (made == truth).mean() > 0.97
        right.append([(which == truth)[entering].mean() for which in (made, one_sided)])
    with_both, with_one = np.mean(right, axis=0)
    assert with_both > 0.97
    assert with_one < 0.9


def test_a_key_frame_has_its_own_labels():
    followed, _ = follow(pan(1))
    own = labelled(followed[0], blobs(SIZE))
    assert Between().process(Placed(followed[0], own)) is own


def test_the_way_back_is_the_way_back():
    followed, _ = follow(pan(2, dx=9), every=5)
    step = followed[1].step
    there_and_back = composed(step, inverted(step))
    assert np.abs(there_and_back[8:-8, 8:-8]).mean() < 0.1
    assert step[20:-20, 20:-20, 0].mean() == pytest.approx(9 / 3, abs=0.15)


def test_a_vote():
    one, other = np.full((6, 8), 3, np.uint8), np.full((6, 8), 7, np.uint8)
    share = np.zeros((6, 8), np.uint8)
    share[:, :4] = 255
    assert (merged(one, other, share) == np.where(share, 3, 7)).all()
    assert np.array_equal(merged(one, one, share), one)
    lonely = one.copy()
    lonely[2, 2] = 5
    assert np.array_equal(merged(lonely, one, share * 0 + 140), one)


def test_a_vote_has_no_seams():
    """What is counted in bands is what would be counted at once."""
    rng = np.random.default_rng(4)
    one, other = (rng.integers(0, 11, (200, 90), np.uint8) for _ in range(2))
    share = rng.integers(0, 256, (200, 90), np.uint8)
    whole = merged(one, other, share)
    for top in (17, 119, 121):
        part = merged(one[top:], other[top:], share[top:])
        assert np.array_equal(part[1:], whole[top + 1 :])


@pytest.mark.parametrize("every", [0, -1, LARGEST + 1, 1000, "often", 2.5])
def test_what_cannot_be_kept_is_refused(every):
    with pytest.raises(InputError, match=f"--every {every}: over a file a whole number from 1 to {LARGEST}"):
        key_rule_for(every)


def test_one_and_nothing_are_every_frame():
    assert key_rule_for(None) is None
    assert key_rule_for(1) is None
    assert key_rule_for("auto").every is None
