"""Boundary IoU, on shapes whose strips can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.classes import ClassSet
from rtseg.training.boundary import Boundaries

TWO = ClassSet(("ground", "thing"), ((0, 0, 0), (255, 255, 255)))
SIDE = 100
"""Half a hundredth of its diagonal is 0.7: strips are a pixel wide."""


def image(top: int, left: int, side: int) -> np.ndarray:
    """A square thing on the ground."""
    ids = np.zeros((SIDE, SIDE), np.uint8)
    ids[top : top + side, left : left + side] = 1
    return ids


def boundaries(truth: np.ndarray, predicted: np.ndarray) -> Boundaries:
    counted = Boundaries(TWO)
    counted.add(truth, predicted)
    return counted


def test_what_is_right_is_right_at_its_edges():
    counted = boundaries(image(30, 30, 20), image(30, 30, 20))
    assert counted.iou() == {"ground": 1.0, "thing": 1.0}
    assert counted.miou() == 1.0


def test_only_the_strip_inside_the_outline_counts():
    """Moved by a pixel, a square's ring of 76 pixels shares the two long runs of two sides with itself."""
    counted = boundaries(image(30, 30, 20), image(30, 31, 20))
    shared = 2 * 19  # upper and lower side; left and right sides miss each other
    assert counted.iou()["thing"] == pytest.approx(shared / (2 * 76 - shared))


def test_the_inside_counts_for_nothing():
    truth, predicted = image(30, 30, 20), image(30, 30, 20)
    predicted[39:41, 39:41] = 0
    hole = boundaries(truth, predicted).iou()
    assert hole["thing"] < 1  # its outline is one more
    truth[35:45, 35:45] = 255  # nobody knows what is there
    assert boundaries(truth, predicted).iou() == boundaries(truth, truth.copy().clip(0, 1)).iou()


def test_the_border_of_the_image_is_no_edge():
    everywhere = np.zeros((SIDE, SIDE), np.uint8)
    counted = boundaries(everywhere, everywhere)
    assert counted.iou() == {}
    assert np.isnan(counted.miou())


def test_strips_grow_with_the_image():
    """3 pixels at 480×360: two to the right, a ring shares two runs of 3×98 and two of 94×1 with itself."""
    large = np.zeros((360, 480), np.uint8)
    large[100:200, 100:200] = 1
    shared = 2 * 3 * 98 + 2 * 94
    counted = boundaries(large, np.roll(large, 2, axis=1))
    assert counted.iou()["thing"] == pytest.approx(shared / (2 * (100**2 - 94**2) - shared))


def test_images_add_up_and_shapes_must_agree():
    counted = boundaries(image(30, 30, 20), image(30, 30, 20))
    counted.add(image(30, 30, 20), np.zeros((SIDE, SIDE), np.uint8))
    assert counted.iou()["thing"] == 0.5
    with pytest.raises(ValueError, match="predicted"):
        counted.add(image(0, 0, 5), np.zeros((5, 5), np.uint8))
