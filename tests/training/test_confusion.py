"""The confusion matrix against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.classes import CAMVID, ClassSet
from rtseg.training.confusion import ConfusionMatrix

ABC = ClassSet(("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def ids(*values):
    return np.array(values, np.uint8)


def test_scores_match_counts_made_by_hand():
    confusion = ConfusionMatrix(ABC)
    confusion.add(ids(0, 0, 0, 1, 1, 2), ids(0, 0, 1, 1, 2, 2))
    assert confusion.iou() == {"a": 2 / 3, "b": 1 / 3, "c": 1 / 2}
    assert confusion.miou() == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)
    assert confusion.pixel_accuracy() == 4 / 6


def test_void_is_left_out_whatever_was_predicted():
    confusion = ConfusionMatrix(ABC)
    confusion.add(ids(0, 3, 3), ids(0, 1, 2))
    assert confusion.counts.sum() == 1
    assert confusion.miou() == 1.0


def test_absent_classes_are_left_out_of_the_mean_and_named():
    confusion = ConfusionMatrix(ABC)
    confusion.add(ids(0, 0), ids(0, 2))
    assert confusion.iou() == {"a": 0.5, "c": 0.0}
    assert confusion.absent() == ["b"]
    assert confusion.miou() == 0.25


def test_counts_are_exact_and_additive_over_images():
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 12, (5, 40, 30), np.uint8), rng.integers(0, 11, (5, 40, 30), np.uint8)
    whole, parts = ConfusionMatrix(CAMVID), ConfusionMatrix(CAMVID)
    whole.add(truth, predicted)
    for one_truth, one_predicted in zip(truth, predicted, strict=True):
        parts.add(one_truth, one_predicted)
    expected = np.zeros((11, 11), np.int64)
    known = truth < 11
    np.add.at(expected, (truth[known], predicted[known]), 1)
    assert np.array_equal(whole.counts, expected)
    assert np.array_equal(parts.counts, expected)


def test_a_prediction_beyond_the_classes_is_our_fault():
    with pytest.raises(ValueError, match="predicted id 3"):
        ConfusionMatrix(ABC).add(ids(0), ids(3))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="truth is"):
        ConfusionMatrix(ABC).add(ids(0, 1), ids(0))
