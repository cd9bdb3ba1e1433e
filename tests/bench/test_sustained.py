"""The first minute beside the last, and what the machine tells."""

from __future__ import annotations

from typing import Any

import pytest

from rtseg.bench.readings import Readings, reading_from_nvidia_smi, reading_from_tegrastats
from rtseg.bench.runs import PipelineRun
from rtseg.bench.sustained import Slice, sustained_facts


def run_at(fps: float) -> PipelineRun:
    frames = 20
    return PipelineRun(
        0.0, 1.0, {}, frames, frames, {}, fps, {"infer": 10.0, "runtime threads": 2.0},
        {"infer": [5.0] * frames}, [30.0] * frames, [1000 / fps] * (frames - 1),
    )  # fmt: skip


def test_the_last_minute_shows_that_it_got_slower():
    slices = [
        Slice(at, run_at(30 if at < 300 else 20), {"core_c": at / 10, "throttle_count": at / 100})
        for at in range(0, 600, 20)
    ]
    facts: Any = sustained_facts(slices, 1)
    assert (facts["first"]["fps"], facts["last"]["fps"]) == (pytest.approx(30), pytest.approx(20))
    assert facts["first"]["to_s"] < 60
    assert facts["last"]["from_s"] > 600 - 20 - 60
    assert facts["first"]["machine"]["core_c"] == pytest.approx(2)
    assert facts["last"]["machine"]["throttle_count"] == pytest.approx(5.4 + 5.6 + 5.8)
    assert len(facts["slices"]) == 30


def test_windows_are_as_long_as_all_need_for_their_turns():
    slices = [Slice(at, run_at(30)) for at in range(0, 1000, 20)]
    facts: Any = sustained_facts(slices, 10)
    assert facts["window_s"] == 150
    short: Any = sustained_facts(slices[:4], 1)
    assert (short["window_s"], short["first"]["to_s"], short["last"]["from_s"]) == (30, 20, 40)
    assert sustained_facts(slices[:1], 1) is None


def test_readings_say_what_they_can_and_average_over_time():
    readings = Readings()
    readings.taken = [
        (1.0, {"a_c": 10.0, "x_count": 5.0}),
        (2.0, {"a_c": 20.0, "x_count": 9.0}),
        (9.0, {"a_c": 99.0}),
    ]
    assert readings.between(0, 5) == {"a_c": 15.0, "x_count": 4.0}
    readings.take(now=True)
    assert all(isinstance(value, float) for value in readings.taken[-1][1].values())


def test_a_line_of_tegrastats():
    line = (
        "11-02-2024 10:15:01 RAM 2448/7620MB (lfb 2x4MB) SWAP 0/3810MB CPU [12%@1510,8%@1510,off,off] "
        "EMC_FREQ 2%@2133 GR3D_FREQ 45%@[624] cpu@48.5C soc2@47.2C gpu@49C tj@49.5C VDD_IN 7860mW/7860mW "
        "VDD_CPU_GPU_CV 1234mW/1200mW"
    )
    assert reading_from_tegrastats(line) == {
        "cpu_mhz": 1510.0, "gpu_mhz": 624.0, "cpu_c": 48.5, "soc2_c": 47.2, "gpu_c": 49.0, "tj_c": 49.5,
        "input_w": 7.86,
    }  # fmt: skip
    assert reading_from_tegrastats("nonsense") == {}


@pytest.mark.parametrize(("reasons", "throttled"), [("0x0000000000000001", 0), ("0x0000000000000020", 100)])
def test_a_line_of_nvidia_smi(reasons, throttled):
    assert reading_from_nvidia_smi(f"1980, 61, 312.45, {reasons}") == {
        "gpu_mhz": 1980.0, "gpu_c": 61.0, "gpu_w": 312.45, "gpu_throttled_percent": throttled,
    }  # fmt: skip
    assert reading_from_nvidia_smi("[N/A], 61, [N/A], [N/A]") == {"gpu_c": 61.0}
