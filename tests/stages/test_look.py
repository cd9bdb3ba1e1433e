from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import InputError
from rtseg.frame import Fate, Labelled, LabelMap
from rtseg.picture import plane_view
from rtseg.stages.colorize import Colorize
from rtseg.stages.colours import matrix_of
from rtseg.stages.look import Look
from tests.stages.pictures import frame_of, labelled, yuv_picture

IDS = np.random.default_rng(1).integers(0, len(CAMVID), (36, 48), np.uint8)
LOOKS = [
    Look(),
    Look(opacity=0.2),
    Look(only=frozenset({"road", "car"})),
    Look(only=frozenset()),
    Look(view="mask"),
    Look(legend=True),
    Look(mark_stale=True),
    Look(opacity=0.8, only=frozenset({"sky"}), view="mask", legend=True, mark_stale=True),
]


def planes(stage: Colorize, fate: Fate = "fresh") -> list[np.ndarray]:
    item = Labelled(frame_of(yuv_picture((320, 240))), LabelMap(IDS, fate))
    painted = stage.process(item).picture
    return [plane_view(painted, index).copy() for index in range(3)]


def test_a_stage_that_changed_its_look_paints_as_one_made_with_it():
    stage = Colorize(CAMVID)
    for look in [*LOOKS, *LOOKS[::-1]]:
        stage.look = look
        assert stage.look is look
        made = Colorize(
            CAMVID,
            opacity=look.opacity,
            only=look.only,
            view=look.view,
            legend=look.legend,
            mark_stale=look.mark_stale,
        )
        assert made.look == look
        assert all(map(np.array_equal, planes(stage, "held"), planes(made, "held")))


@pytest.mark.parametrize("wrong", [{"opacity": 1.5}, {"view": "x"}, {"only": frozenset({"cow"})}])
def test_a_look_that_is_none_is_refused_and_the_old_one_stays(wrong: dict):
    stage = Colorize(CAMVID)
    before = stage.look
    with pytest.raises(InputError):
        stage.look = replace(before, **wrong)
    assert stage.look is before


def test_every_picture_has_one_look_whoever_sets_it():
    stage, looks = Colorize(CAMVID), [Look(opacity=0), Look(view="mask")]
    expected = []
    for look in looks:
        stage.look = look
        expected.append(planes(stage))
    done = threading.Event()

    def switch() -> None:
        while not done.is_set():
            for look in looks:
                stage.look = look

    thread = threading.Thread(target=switch)
    thread.start()
    try:
        for _ in range(60):
            result = planes(stage)
            assert any(all(map(np.array_equal, result, known)) for known in expected)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("size", [(320, 240), (641, 481), (1920, 1080), (64, 48)])
def test_old_labels_are_marked_in_the_top_right_corner(size: tuple[int, int]):
    width, height = size
    shown: dict[Fate, np.ndarray] = {}
    for fate in ("fresh", "propagated", "held"):
        item = Labelled(frame_of(yuv_picture(size)), LabelMap(IDS, fate))
        picture = Colorize(CAMVID, mark_stale=True).process(item).picture
        shown[fate] = picture.to_ndarray(format="rgb24", src_colorspace=matrix_of(picture).swscale, threads=1)
    plain = Colorize(CAMVID).process(labelled(yuv_picture(size), IDS)).picture
    plain_rgb = plain.to_ndarray(format="rgb24", src_colorspace=matrix_of(plain).swscale, threads=1)
    assert np.array_equal(shown["fresh"], plain_rgb)
    if min(size) < 60:
        assert np.array_equal(shown["held"], plain_rgb)
        return
    assert not np.array_equal(shown["held"], shown["propagated"])
    for fate in ("propagated", "held"):
        changed = np.argwhere((shown[fate] != plain_rgb).any(axis=2))
        (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
        assert top > 0
        assert right < width - 1
        assert bottom < height / 5
        assert left > width - height / 5
        assert 0.5 < (right - left) / (bottom - top) < 2
        patch = shown[fate][top : bottom + 1, left : right + 1].reshape(-1, 3).astype(int)
        assert (np.abs(patch - (255, 176, 0)).max(axis=1) <= 75).sum() >= 8
