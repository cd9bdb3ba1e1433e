"""The card: its age can be read from itself, from an overlay of it, and from a camera's view of it."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from rtseg.latency.card import CARD_HW, UNIT_NS, Card, age_ns

NOW_NS = 987_654_321_000_000


def luma_of(marks: bool, now_ns: int = NOW_NS, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    image = Card(*size, Fraction(30), marks=marks).at(now_ns)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("age_ms", [0, 0.1, 33.3, 900])
def test_its_age_is_read_to_a_tenth_of_a_millisecond(marks, age_ms):
    found = age_ns(luma_of(marks), NOW_NS + round(age_ms * 1e6))
    assert found == pytest.approx(age_ms * 1e6, abs=UNIT_NS)


def test_the_count_may_wrap_on_the_way():
    begin_ns = (1 << 24) * UNIT_NS - 5 * UNIT_NS
    assert age_ns(luma_of(False, begin_ns), begin_ns + 20 * UNIT_NS) == 20 * UNIT_NS


def test_an_overlay_on_it_does_not_hide_it():
    image = luma_of(False)
    assert age_ns(cv2.addWeighted(image, 0.5, np.full_like(image, 90), 0.5, 0), NOW_NS) == 0


@pytest.mark.parametrize("tilt", [0, 40, 90])
def test_a_camera_may_see_it_at_an_angle_larger_and_dim(tilt):
    height, width = CARD_HW
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    seen = np.float32([[180, 60 + tilt], [1090, 30], [1120, 690 - tilt], [150, 640]])
    view = cv2.getPerspectiveTransform(corners, seen)
    luma = cv2.warpPerspective(luma_of(True), view, (1280, 720), borderValue=70)
    dim = cv2.GaussianBlur(luma, (5, 5), 0) // 2 + 30
    assert age_ns(dim, NOW_NS) == 0


def test_nothing_is_read_from_a_picture_without_it():
    assert age_ns(np.full((480, 640), 128, np.uint8), NOW_NS) is None
    assert age_ns(luma_of(True)[:400], NOW_NS) is None
