"""From counts to ranges: the largest magnitude that an INT8 tensor keeps; what is beyond is clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rtseg.training.histogram import BINS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rtseg.training.histogram import Histogram

LEVELS = 128
"""Magnitudes that a symmetric int8 tells apart: 0…127."""

KEPT = 0.9999
"""Share of the values that the percentile method keeps unclipped."""

ENTROPY_STEP = 16
"""Bins between two ranges that the entropy method tries: one INT8 step of the widest range."""


def minmax(histogram: Histogram) -> float:
    """The largest magnitude seen: nothing is clipped."""
    return histogram.largest


def percentile(histogram: Histogram) -> float:
    """The magnitude below which `KEPT` of the values lie."""
    below = np.cumsum(histogram.counts)
    last = int(np.searchsorted(below, KEPT * below[-1]))
    return min((last + 1) * histogram.top / BINS, histogram.largest)


def entropy(histogram: Histogram) -> float:
    """The range whose INT8 distribution diverges least from the float one (Migacz, GTC 2017).

    The bin of zero is left out: zeros are exact at any range, and after a ReLU they would outweigh all else.
    """
    counts = histogram.counts.astype(np.float64)
    counts[0] = 0.0
    if not counts.any():
        return histogram.largest
    tried = range(LEVELS, BINS + 1, ENTROPY_STEP)
    best = min(tried, key=lambda kept: _divergence(counts, kept))
    return min(best * histogram.top / BINS, histogram.largest)


def _divergence(counts: NDArray[np.float64], kept: int) -> float:
    """Kullback-Leibler divergence of the counts, clipped to `kept` bins, from the same after INT8."""
    inside = counts[:kept]
    reference = inside.copy()
    reference[-1] += counts[kept:].sum()
    level = np.arange(kept) * LEVELS // kept
    occupied = inside > 0
    members = np.bincount(level, weights=occupied, minlength=LEVELS)
    sums = np.bincount(level, weights=inside, minlength=LEVELS)
    rounded = np.where(occupied, (sums / np.maximum(members, 1))[level], 0.0)
    if not rounded.any() or (reference[~occupied] > 0).any():
        return float("inf")
    p = reference[occupied] / reference.sum()
    q = rounded[occupied] / rounded.sum()
    return float((p * np.log(p / q)).sum())


METHODS: dict[str, Callable[[Histogram], float]] = {
    "minmax": minmax,
    "entropy": entropy,
    "percentile": percentile,
}
"""The range methods that are compared, by name."""
