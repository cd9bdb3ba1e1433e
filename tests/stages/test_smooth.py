"""Labels that flicker less: less noise, nothing late, nothing over a cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rtseg.frame import Labelled, LabelMap
from rtseg.stages.smooth import LATE_FRAMES, Smooth
from tests.stages.test_between import SIZE, frame_of, pan
from tests.stages.test_motion import texture, window

SHAPE = (SIZE[1], SIZE[0])


def smoothed(frames, maps, period=None):
    stage = Smooth(period)
    pairs = zip(frames, maps, strict=True)
    return [stage.process(Labelled(frame, LabelMap(ids))).label_map.ids for frame, ids in pairs], stage


def noisy(ids, rng, share=0.03):
    """With some pixels of another class."""
    return np.where(rng.random(ids.shape) < share, rng.integers(0, 3, ids.shape), ids).astype(np.uint8)


def flips(maps):
    return np.mean([(one != other).mean() for one, other in itertools.pairwise(maps)])


def test_noise_goes_and_what_is_true_stays():
    rng = np.random.default_rng(0)
    truth = np.zeros(SHAPE, np.uint8)
    truth[180:] = 1
    maps = [noisy(truth, rng) for _ in range(12)]
    shown, stage = smoothed(pan(12, dx=0), maps)
    assert flips(shown[2:]) < 0.3 * flips(maps[2:])
    assert (shown[-1] != truth).mean() < 0.3 * (maps[-1] != truth).mean()
    assert 0 < stage.held < 0.05
    assert stage.frames == 12


def test_labels_move_with_the_picture():
    """A camera that turns: the edge between two classes goes along, and stays where its own labels lie."""
    maps = []
    for index in range(10):
        ids = np.zeros(SHAPE, np.uint8)
        ids[:, max(0, 300 - 4 * index) :] = 1
        maps.append(ids)
    shown, _ = smoothed(pan(10, dx=4), maps)
    assert max((one != own).mean() for one, own in zip(shown, maps, strict=True)) < 0.003


def test_what_is_new_is_there_at_once_if_it_is_larger_than_a_few_pixels():
    empty = np.zeros(SHAPE, np.uint8)
    person = empty.copy()
    person[100:140, 200:212] = 2
    shown, _ = smoothed(pan(6, dx=0), [empty] * 3 + [person] * 3)
    assert (shown[3][101:139, 201:211] == 2).all()


@pytest.mark.parametrize("dx", [0, 7])
def test_no_pixel_is_ever_later_than_promised(dx):
    """Whatever the labels are, here mostly noise, and wherever the flow leads."""
    rng = np.random.default_rng(1)
    maps = [noisy(np.ones(SHAPE, np.uint8), rng, share) for share in (0.02, 0.9) * 10]
    shown, _ = smoothed(pan(20, dx=dx), maps)
    late = np.zeros(SHAPE, int)
    longest = 0
    for own, one in zip(maps, shown, strict=True):
        late = np.where(own != one, late + 1, 0)
        longest = max(longest, late.max())
    assert longest == LATE_FRAMES


def test_all_begins_anew_at_a_cut_with_each_period_and_at_another_size():
    rng = np.random.default_rng(2)
    one, other = texture(1), texture(2)
    frames = [
        *pan(3, image=one),
        *pan(4, first=3, image=other),
        frame_of(7, window(other, 60, 80, (240, 320), "yuv420p")),
    ]
    maps = [noisy(np.ones(SHAPE, np.uint8), rng) for _ in frames]
    shown, _ = smoothed(frames, maps, period=5)
    anew = [index for index, (own, seen) in enumerate(zip(maps, shown, strict=True)) if (own == seen).all()]
    assert anew == [0, 3, 5, 7]


def test_what_comes_in_is_only_read():
    rng = np.random.default_rng(3)
    maps = [noisy(np.ones(SHAPE, np.uint8), rng) for _ in range(4)]
    before = [ids.copy() for ids in maps]
    smoothed(pan(4), maps)
    assert all(np.array_equal(ids, kept) for ids, kept in zip(maps, before, strict=True))
