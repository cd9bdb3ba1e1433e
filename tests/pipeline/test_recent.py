"""What a histogram has taken in since somebody looked last."""

from __future__ import annotations

import pytest

from rtseg.pipeline.meter import Histogram


def test_only_what_came_since_counts():
    histogram = Histogram()
    for duration in (1000, 2000, 3000):
        histogram.record(duration)
    first = histogram.since(None)
    assert first.count == 3
    assert first.percentile_ns(50) == pytest.approx(2000, rel=0.01)
    assert histogram.since(first.counts).count == 0
    assert histogram.since(first.counts).percentile_ns(99) == 0
    for duration in range(50_000, 60_000, 100):
        histogram.record(duration)
    second = histogram.since(first.counts)
    assert second.count == 100
    assert second.percentile_ns(50) == pytest.approx(55_000, rel=0.01)
    assert second.percentile_ns(99) == pytest.approx(59_900, rel=0.01)
    assert histogram.percentile_ns(1) == pytest.approx(2000, rel=0.01)
