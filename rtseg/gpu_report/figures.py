"""Minimum, median, percentiles and warnings by the rules of trtexec (TensorRT's sampleReporting.cpp)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PERCENTILES = (90, 95, 99)
"""Those that trtexec prints."""

ENQUEUE_BOUND = 0.8
"""Of the median compute time; if queueing takes more, the GPU waits for the host."""

UNSTABLE_PERCENT = 1.0
"""Coefficient of variation of the compute times above which they are called unstable."""


def percentile(times: Sequence[float], percent: float) -> float:
    """The time that `percent` of the times do not exceed, roughly; no interpolation.

    In single precision, as trtexec: of ten times, 90 % exclude one, and in double precision none.

    Args:
        times: at least one, in any order.
        percent: 0 … 100.
    """
    ordered = sorted(times)
    excluded = int((np.float32(1) - np.float32(percent) / np.float32(100)) * np.float32(len(ordered)))
    return ordered[max(len(ordered) - 1 - excluded, 0)]


def median(times: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(times)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def mean(times: Sequence[float]) -> float:
    """The arithmetic mean."""
    return sum(times) / len(times)


def variation_percent(times: Sequence[float]) -> float:
    """The coefficient of variation: the standard deviation, per cent of the mean; 0 where that is 0."""
    average = mean(times)
    variance = sum((time - average) ** 2 for time in times) / len(times)
    return 100 * math.sqrt(variance) / average if average else 0.0


def summary(times: Sequence[float]) -> dict[str, float]:
    """All that trtexec prints of one kind of time, in the times' own unit."""
    return {
        "min": min(times),
        "max": max(times),
        "mean": mean(times),
        "median": median(times),
        **{f"p{percent}": percentile(times, percent) for percent in PERCENTILES},
    }


def warnings(times: Mapping[str, Sequence[float]]) -> list[str]:
    """What trtexec would warn of.

    Args:
        times: "enqueue", "h2d", "compute" and "d2h", each in one unit.
    """
    medians = {name: median(values) for name, values in times.items()}
    found = []
    if medians["enqueue"] > ENQUEUE_BOUND * medians["compute"]:
        found.append(
            f"queueing takes {medians['enqueue']:.3f} ms and computing {medians['compute']:.3f} ms: "
            "the host may hold up the GPU"
        )
    for name, words in (("h2d", "the copy to the GPU"), ("d2h", "the copy to the host")):
        if medians[name] >= medians["compute"]:
            found.append(f"{words} takes {medians[name]:.3f} ms, no less than computing")
    variation = variation_percent(times["compute"])
    if variation > UNSTABLE_PERCENT:
        found.append(
            f"the compute time is unstable (coefficient of variation {variation:.1f} %): "
            "lock the clocks, and end other programs"
        )
    return found
