"""Pictures from all along a run."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from rtseg.frame import Frame, LabelMap, Painted
from rtseg.web.packet import Shown, packet_from
from rtseg.web.past import Past
from rtseg.web.shelf import Shelf
from tests.web.clients import unpacked


def shown(number, seconds=None, size=(64, 48)):
    picture = av.VideoFrame(*size, "yuv420p")
    pts = number if seconds is None else round(seconds * 10)
    frame = Frame(number - 1, pts, Fraction(1, 10), 0, picture)
    return Shown(number, Painted(frame, LabelMap(np.zeros((6, 8), np.uint8)), picture), 0)


def kept_of(past, numbers):
    for number in numbers:
        one = shown(number)
        if past.wants(one):
            past.expect(one)
            past.keep(one, b"%d" % number)
    return [number for number, _ in past.listed()]


def test_one_a_second_is_kept():
    assert kept_of(Past(), range(1, 52)) == [1, 11, 21, 31, 41, 51]


def test_there_are_never_too_many_and_they_stay_spread_over_all():
    past = Past(most=10)
    numbers = kept_of(past, range(1, 5001))
    assert 5 <= len(numbers) <= 10
    assert numbers[0] == 1
    assert numbers[-1] > 4300
    steps = np.diff(numbers)
    assert steps.max() <= 2 * steps.min()


def test_a_film_that_begins_anew_is_kept_anew():
    past = Past()
    one, again = shown(100, seconds=50), shown(101, seconds=0)
    past.expect(one)
    assert past.wants(again)


def test_what_is_not_kept_is_none():
    assert Past().packet(7) is None


def test_large_pictures_are_made_smaller_and_small_ones_are_not():
    large = unpacked(packet_from(shown(1, size=(2560, 1440))))
    assert large.image.shape == (720, 1280, 3)
    assert large.header["size"] == [2560, 1440]
    assert unpacked(packet_from(shown(1, size=(66, 50)))).image.shape == (50, 66, 3)


@pytest.mark.parametrize("closed", [False, True])
def test_the_shelf_takes_pictures_with_nobody_there(closed):
    shelf = Shelf()
    if closed:
        shelf.close()
    for number in (1, 2, 3):
        shelf.write(shown(number).painted)
    assert shelf.latest.number == 3
    shelf.close()
