"""trtexec's arithmetic, with numbers worked out by hand."""

from __future__ import annotations

import pytest

from rtseg.gpu_report.figures import percentile, summary, variation_percent, warnings

TEN = [5.0, 1.0, 4.0, 2.0, 3.0, 10.0, 6.0, 9.0, 7.0, 8.0]


def test_percentiles_are_times_that_occurred():
    hundred = [float(value) for value in range(1, 101)]
    # 90 % of ten exclude the one at the top; 95 % and 99 % exclude half of one, which is none.
    assert [percentile(TEN, percent) for percent in (90, 95, 99)] == [9.0, 10.0, 10.0]
    assert [percentile(TEN, percent) for percent in (0, 50, 100)] == [1.0, 5.0, 10.0]
    # (1 - 0.99) · 100 is a little less than one in single precision, and so excludes none.
    assert [percentile(hundred, percent) for percent in (90, 95, 99)] == [90.0, 95.0, 100.0]
    assert percentile([3.5], 99) == 3.5


def test_summary():
    assert summary(TEN) == {
        "min": 1.0, "max": 10.0, "mean": 5.5, "median": 5.5, "p90": 9.0, "p95": 10.0, "p99": 10.0,
    }  # fmt: skip
    assert summary([2.0, 9.0, 4.0])["median"] == 4.0


def test_variation_is_that_of_the_whole():
    assert variation_percent([4.0, 4.0, 4.0]) == 0.0
    assert variation_percent([3.0, 5.0]) == pytest.approx(25.0)  # deviation 1, mean 4
    assert variation_percent([0.0, 0.0]) == 0.0


def test_warnings():
    steady = {"enqueue": [0.8] * 3, "h2d": [0.9] * 3, "compute": [1.0] * 3, "d2h": [0.1] * 3}
    assert warnings(steady) == []  # 0.8 of the compute time is still enough
    (late,) = warnings({**steady, "enqueue": [0.7, 0.81, 0.9]})
    assert late.startswith("queueing takes 0.810 ms")
    (copy,) = warnings({**steady, "h2d": [1.0] * 3})
    assert copy.startswith("the copy to the GPU takes 1.000 ms")
    # A deviation of 0.009 at a mean of 1 is 0.9 %; one of 0.012 at 1.024 is 1.2 %.
    assert warnings({**steady, "compute": [0.991, 1.009]}) == []
    (shaky,) = warnings({**steady, "compute": [1.012, 1.036]})
    assert "1.2 %" in shaky
