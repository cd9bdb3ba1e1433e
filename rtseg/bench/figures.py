"""Percentiles, and how far chance may have moved them: the bootstrap, for samples taken in rounds.

Neighbouring frames resemble each other, and so do frames of one round. So whole stretches of frames are drawn
instead of single ones (the circular block bootstrap of Politis and Romano, 1992), and rounds are drawn before
them (two stages, Davison and Hinkley, 1997, 3.8). A few rounds say little of how rounds differ; as with
Student's t, the intervals are widened for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rtseg.pipeline.clock import NS_PER_MS
from rtseg.pipeline.meter import Histogram

Samples = Sequence[float] | NDArray[np.float64]
Rounds = Sequence[Samples]
"""Samples in the order in which they came, by round."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From samples, (draws, n), a figure each, (draws,)."""

DRAWS = 1000
LEVEL = 0.95
_MOST_A_ROUND = 400
"""Samples of a round that are drawn from; more are thinned evenly."""

_STUDENT = {
    0.95: (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26),
    0.99: (63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25),
}
_NORMAL = {0.95: 1.960, 0.99: 2.576}
"""Two-sided quantiles of Student's t for 1, 2, … degrees of freedom, and of the normal distribution."""


def summary_ms(samples_ms: Sequence[float]) -> dict[str, float]:
    """Mean, p50, p90, p95, p99 and max as the pipeline's meter gives them; all 0 for no samples."""
    histogram = Histogram()
    for sample_ms in samples_ms:
        histogram.record(round(sample_ms * NS_PER_MS))
    return histogram.summary_ms()


def flat(rounds: Rounds) -> list[float]:
    """The samples of all rounds."""
    return [sample for samples in rounds for sample in samples]


def thinned(samples: Samples, most: int) -> list[float]:
    """At most so many of them, evenly spread, in their order."""
    count = min(len(samples), most)
    return [float(samples[index * len(samples) // count]) for index in range(count)]


def percentile_of(percent: float) -> Statistic:
    """The statistic that is a percentile: the smallest sample that `percent` % do not exceed."""

    def statistic(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        rank = max(math.ceil(percent / 100 * samples.shape[1]) - 1, 0)
        ranked: NDArray[np.float64] = np.partition(samples, rank, axis=1)[:, rank]
        return ranked

    return statistic


def mean(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistic that is the mean."""
    means: NDArray[np.float64] = samples.mean(axis=1)
    return means


def figure(rounds: Rounds, statistic: Statistic) -> float:
    """The statistic of all samples; ValueError for none."""
    samples = np.asarray(flat(rounds), np.float64)
    if not len(samples):
        raise ValueError("there is not a single sample")
    return float(statistic(samples[None])[0])


def drawn(
    rounds: Rounds, statistic: Statistic, *, level: float = LEVEL, seed: int = 0
) -> NDArray[np.float64]:
    """What the statistic might have been, had chance fallen otherwise.

    Args:
        rounds: the samples; at least one.
        statistic: of which figure.
        level: of the interval that is to be read from the answer, 0.95 or 0.99.
        seed: of the draw. Two reports that are compared need two.

    Returns:
        (DRAWS,), spread about `figure(rounds, statistic)`, by factors: twice is as far from it as half.
    """
    held = [np.asarray(thinned(samples, _MOST_A_ROUND), np.float64) for samples in rounds if len(samples)]
    estimate = figure(held, statistic)
    lengths = np.array([len(samples) for samples in held])
    offsets = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    chance = np.random.default_rng(seed)
    chosen = chance.integers(0, len(held), (DRAWS, len(held)))
    if len(held) == 1:
        chosen[:] = 0
    length = int(np.median(lengths))
    block = max(1, round(length ** (1 / 3)))
    blocks = -(-length // block)
    starts = chance.random((DRAWS, len(held), blocks, 1))
    steps = np.arange(block)
    sizes = lengths[chosen][..., None, None]
    places = (np.floor(starts * sizes).astype(np.int64) + steps) % sizes + offsets[chosen][..., None, None]
    places = places.reshape(DRAWS, len(held), -1)[..., :length].reshape(DRAWS, -1)
    figures = statistic(np.concatenate(held)[places])
    if not (estimate > 0 and figures.min() > 0):
        return figures
    widened: NDArray[np.float64] = estimate * (figures / estimate) ** _widening(len(held), level)
    return widened


def interval(rounds: Rounds, statistic: Statistic, level: float = LEVEL) -> tuple[float, float]:
    """The interval that the figure would lie in, had it been measured again, as far as the rounds tell."""
    low, high = np.quantile(drawn(rounds, statistic, level=level), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _widening(rounds: int, level: float) -> float:
    """By how much the bootstrap's spread is too small for so few rounds; 1 for a single one."""
    if rounds < 2:
        return 1.0
    student = _STUDENT[level]
    quantile = student[rounds - 2] if rounds - 2 < len(student) else _NORMAL[level]
    return quantile / _NORMAL[level] * math.sqrt(rounds / (rounds - 1))
