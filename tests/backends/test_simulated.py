"""The backend without a model."""

from __future__ import annotations

import time

import numpy as np
import pytest

from rtseg.backends import choose
from rtseg.backends.simulated import SimulatedBackend, labels_from_green
from rtseg.classes import CAMVID
from rtseg.errors import InputError


def test_the_answer_is_the_green_level_in_equal_ranges():
    image = np.zeros((1, 256, 3), np.uint8)
    image[0, :, 1] = np.arange(256)
    image[0, :, 0] = 255
    assert labels_from_green(image, 4)[0].tolist() == [0] * 64 + [1] * 64 + [2] * 64 + [3] * 64
    assert labels_from_green(image, 11).max() == 10


def test_it_works_without_any_file():
    model = SimulatedBackend.synthetic_model()
    image = np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8)
    with choose("simulated")(model) as backend:
        assert (backend.infer(image) == labels_from_green(image, len(CAMVID))).all()


def test_the_cost_is_in_the_name_and_is_kept():
    backend = choose("simulated:30")(SimulatedBackend.synthetic_model())
    assert backend.name == "simulated"
    with backend:
        started_ns = time.perf_counter_ns()
        for _ in range(3):
            backend.infer(np.zeros((360, 480, 3), np.uint8))
        assert 90e6 <= time.perf_counter_ns() - started_ns < 2e9
    assert choose("simulated")(SimulatedBackend.synthetic_model()).cost_ms == 0


@pytest.mark.parametrize(
    "name", ["simulated:", "simulated:fast", "simulated:-1", "simulated:nan", "simulated:inf"]
)
def test_a_cost_that_is_none_is_refused(name):
    with pytest.raises(InputError, match="cost"):
        choose(name)
