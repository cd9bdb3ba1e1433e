from __future__ import annotations

import numpy as np
import pytest

from rtseg.classes import CAMVID, ClassSet
from rtseg.pipeline import Books
from rtseg.stages.look import Look
from rtseg.window.keys import changed_look, class_keys, description
from rtseg.window.strip import Status, draw_help, draw_strip, strip_height

STATUS = Status(Books(12345, 12000, 300, 40, {"late": 5}), 29.97, 81.2, 96.4, 45)


def test_opacity_goes_in_tenths_and_stays_in_range():
    look = Look(opacity=0.85)
    for expected in (0.95, 1.0, 1.0):
        look = changed_look(look, "+", CAMVID)
        assert look.opacity == expected
    for _ in range(12):
        look = changed_look(look, "-", CAMVID)
    assert look.opacity == 0


def test_each_class_has_a_key_that_shows_and_hides_it():
    keys = class_keys(CAMVID)
    assert list(keys.values()) == list(CAMVID.names)
    assert "".join(keys) == "1234567890a"
    for key, name in keys.items():
        hidden = changed_look(Look(), key, CAMVID)
        assert hidden.only == frozenset(CAMVID.names) - {name}
        assert changed_look(hidden, key, CAMVID) == Look()
        assert name in description(hidden, CAMVID)
    many = ClassSet(tuple(f"c{n}" for n in range(60)), ((0, 0, 0),) * 60)
    assert set(class_keys(many)).isdisjoint("hsvlmrfq+-= \x1b")


def test_other_keys_change_nothing():
    for key in "Z!,\r\x00":
        assert changed_look(Look(), key, CAMVID) is None


@pytest.mark.parametrize("width", [120, 320, 640, 1280, 1920, 3840])
def test_the_strip_tells_as_much_as_there_is_room_for(width: int):
    strip = np.zeros((strip_height(width), width, 3), np.uint8)
    draw_strip(strip, STATUS.parts(), "h: help")
    bright = (strip.max(axis=2) > 180).any(axis=0)
    used = np.flatnonzero(bright)
    assert used[-1] < width - 4
    assert used[-1] > (width * 0.6 if 320 < width < 1000 else 40)
    rows = np.flatnonzero((strip.max(axis=2) > 180).any(axis=1))
    assert 8 <= np.ptp(rows) <= 30  # high enough to be read


@pytest.mark.parametrize("size", [(40, 60), (180, 320), (400, 640), (1080, 1920)])
def test_the_help_fits(size: tuple[int, int]):
    image = np.full((*size, 3), 200, np.uint8)
    draw_help(image, CAMVID, Look(only=frozenset({"road"})))
    assert (image < 100).any()
    if size[0] > 200:
        assert (image[[0, -1]] == 200).all()
        assert (image[:, [0, -1]] == 200).all()
