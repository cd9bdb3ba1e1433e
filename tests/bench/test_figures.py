"""Percentiles, intervals and lines."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.bench import figures
from rtseg.bench.fit import line_through


def rounds_of(
    chance: np.random.Generator, *, drift: float = 0.0, count: int = 120, rounds: int = 5
) -> figures.Rounds:
    """Skewed times about 10 ms, whose rounds differ by `drift`, a share."""
    return [list(10 * (1 + drift * chance.normal()) + chance.gamma(2.0, 1.0, count)) for _ in range(rounds)]


@pytest.mark.parametrize("percent", [1, 50, 99, 100])
def test_percentiles_are_of_nearest_rank_as_the_meter_s(percent):
    samples = np.random.default_rng(0).lognormal(2, 1, 997)
    exact = np.percentile(samples, percent, method="inverted_cdf")
    assert figures.figure([samples], figures.percentile_of(percent)) == exact
    if percent in (50, 99):
        assert figures.summary_ms(list(samples))[f"p{percent}"] == pytest.approx(exact, rel=0.006)


@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_intervals_hold_the_truth_about_as_often_as_they_say(drift):
    truth = figures.figure(
        rounds_of(np.random.default_rng(1), count=200_000, rounds=1), figures.percentile_of(50)
    )
    held = 0
    for seed in range(60):
        low, high = figures.interval(
            rounds_of(np.random.default_rng(seed), drift=drift), figures.percentile_of(50)
        )
        held += low <= truth <= high
    assert held >= 52


def test_intervals_shrink_with_more_samples():
    def width(count: int) -> float:
        low, high = figures.interval(rounds_of(np.random.default_rng(3), count=count), figures.mean)
        return high - low

    assert width(400) < width(25)


def test_neighbours_that_resemble_each_other_are_no_news():
    """A slow wave says less than noise of the same spread, so its interval is wider."""
    chance = np.random.default_rng(4)
    wave = [10 + np.sin(np.linspace(0, 6 + number, 200)) for number in range(5)]
    noise = [chance.permutation(samples) for samples in wave]
    one, other = (figures.interval(rounds, figures.mean) for rounds in (wave, noise))
    assert one[1] - one[0] > other[1] - other[0]


def test_thinning_keeps_order_and_both_halves():
    assert figures.thinned([1.0, 2.0], 5) == [1.0, 2.0]
    assert figures.thinned(list(map(float, range(10))), 5) == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_no_samples_have_no_figure():
    with pytest.raises(ValueError, match="not a single sample"):
        figures.figure([[], []], figures.mean)


def test_a_line_is_found_and_says_how_well_it_fits():
    line = line_through([0.1, 0.3, 0.9, 2.0], [3.2, 3.6, 4.8, 7.0])
    assert line is not None
    assert (line.base, line.slope, line.r_squared) == (pytest.approx(3), pytest.approx(2), pytest.approx(1))
    assert line_through([1.0, 1.0], [2.0, 3.0]) is None
    two = line_through([1.0, 2.0], [2.0, 3.0])
    assert two is not None
    assert two.r_squared is None
