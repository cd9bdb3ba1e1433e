from __future__ import annotations

import time

import numpy as np
import pytest

from rtseg.pipeline.clock import NS_PER_MS, NS_PER_S, ms_from_ns, ns_from_s, s_from_ns
from rtseg.pipeline.meter import END_TO_END, RUNTIME_THREADS, Histogram, Meter

DAY_NS = 24 * 3600 * NS_PER_S


def histogram_of(durations_ns) -> Histogram:
    histogram = Histogram()
    for duration_ns in durations_ns:
        histogram.record(int(duration_ns))
    return histogram


def test_units():
    assert ms_from_ns(1_500_000) == 1.5
    assert s_from_ns(1_500_000_000) == 1.5
    assert ns_from_s(0.25) == 250_000_000


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 2, 7, 1000, 20_000])
def test_percentiles_are_nearest_rank_within_half_a_percent(seed, count):
    durations_ns = np.random.default_rng(seed).lognormal(16, 2.5, count).astype(np.int64) + 1
    histogram = histogram_of(durations_ns)
    for percent in (0, 1, 50, 90, 95, 99, 100):
        exact = np.percentile(durations_ns, percent, method="inverted_cdf")
        assert histogram.percentile_ns(percent) == pytest.approx(exact, rel=0.005)


def test_mean_and_max_are_exact():
    durations_ns = np.random.default_rng(5).integers(1, 10**9, 5000)
    histogram = histogram_of(durations_ns)
    assert histogram.mean_ns == sum(int(d) for d in durations_ns) / 5000
    assert histogram.max_ns == durations_ns.max()
    assert histogram.count == 5000


def test_percentiles_rise_and_never_exceed_the_maximum():
    histogram = histogram_of([10 * NS_PER_MS] * 99 + [10 * NS_PER_MS + 1])
    summary = histogram.summary_ms()
    assert list(summary) == ["mean", "p50", "p90", "p95", "p99", "max"]
    assert summary["p50"] <= summary["p90"] <= summary["p95"] <= summary["p99"] <= summary["max"]


def test_nothing_recorded_is_zero():
    assert Histogram().percentile_ns(99) == 0
    assert Histogram().mean_ns == 0


def test_extremes_are_counted():
    histogram = histogram_of([0, 3 * DAY_NS])
    assert histogram.count == 2
    assert histogram.max_ns == 3 * DAY_NS
    assert histogram.percentile_ns(1) <= 1.005
    assert histogram.percentile_ns(100) == pytest.approx(DAY_NS, rel=0.02)


def test_memory_does_not_grow_with_the_run():
    histogram = histogram_of([1])
    before = len(histogram._counts)
    for duration_ns in range(1, 10**9, 10**5):
        histogram.record(duration_ns)
    assert len(histogram._counts) == before


def test_fps_counts_intervals_not_frames():
    meter = Meter(["infer"])
    assert meter.fps == 0
    meter.record_shown(0, 5 * NS_PER_S)
    assert meter.fps == 0
    for frame in range(1, 31):
        meter.record_shown(0, 5 * NS_PER_S + frame * NS_PER_S // 30)
    assert meter.fps == pytest.approx(30, rel=1e-6)


def test_fps_of_frames_shown_at_one_instant_is_none_that_can_be_told():
    meter = Meter([])
    meter.record_shown(0, 1)
    meter.record_shown(0, 1)
    assert meter.fps == 0


def test_summary_has_stages_in_order_then_end_to_end_and_leaves_out_idle_ones():
    meter = Meter(["capture", "idle", "infer"])
    meter.record("infer", 2 * NS_PER_MS)
    meter.record("capture", 1 * NS_PER_MS)
    meter.record_shown(captured_ns=10 * NS_PER_MS, shown_ns=17 * NS_PER_MS)
    summary = meter.summary_ms()
    assert list(summary) == ["capture", "infer", END_TO_END]
    assert summary["infer"]["mean"] == 2
    assert summary[END_TO_END]["max"] == 7


def test_counts_until_bounds_are_those_of_the_durations_within_a_percent():
    durations_ns = np.random.default_rng(6).lognormal(16, 2, 5000).astype(np.int64) + 1
    histogram = histogram_of(durations_ns)
    bounds_ns = [1, 10**5, 10**6, 10**7, 10**8, 10**9, 10**10, 10**12]
    found = histogram.counts_until_ns(bounds_ns)
    assert found[-1] == 5000
    assert found == sorted(found)
    for count, bound_ns in zip(found, bounds_ns, strict=False):
        assert (durations_ns <= bound_ns / 1.01).sum() <= count <= (durations_ns <= bound_ns * 1.01).sum()
    assert histogram.total_ns == sum(int(d) for d in durations_ns)
    assert Histogram().counts_until_ns([1.0]) == [0, 0]


def test_cpu_time_adds_up_to_the_process_and_waiting_costs_none():
    meter = Meter(["infer", "show"])
    assert meter.cpu_ms_per_frame() == {}
    meter.start_cpu()
    begun_ns = time.process_time_ns()
    meter.record_cpu("infer", 3 * NS_PER_MS)
    meter.record_cpu("infer", 1 * NS_PER_MS)
    while time.process_time_ns() - begun_ns < 20 * NS_PER_MS:
        pass
    meter.record_shown(0, 1)
    meter.record_shown(0, 2)
    meter.end_cpu()
    spent_ms = meter.cpu_ms_per_frame()
    assert list(spent_ms) == ["infer", "show", RUNTIME_THREADS]
    assert (spent_ms["infer"], spent_ms["show"]) == (2.0, 0.0)
    assert sum(spent_ms.values()) >= 10


def test_time_before_the_start_is_no_frames_cost():
    meter = Meter(["infer"])
    begun_ns = time.process_time_ns()
    while time.process_time_ns() - begun_ns < 50 * NS_PER_MS:
        pass
    meter.start_cpu()
    meter.record_shown(0, 1)
    meter.end_cpu()
    assert sum(meter.cpu_ms_per_frame().values()) < 50
