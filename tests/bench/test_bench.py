"""What is measured, in which order, and the report of it."""

from __future__ import annotations

import json
import statistics
from itertools import groupby

import pytest

from rtseg.bench.bench import Bench
from rtseg.bench.request import Request
from rtseg.bench.results import report_of
from rtseg.errors import InputError, Interrupted, SourceError
from rtseg.report import text_of
from rtseg.tensorrt.cache import Terms
from tests.bench.conftest import DRIVE, ROUNDS

PERCENTILES = ["mean", "p50", "p90", "p95", "p99", "max"]
STAGES = ["capture", "preprocess", "infer", "colorize", "present"]


def test_candidates_take_turns_at_each_step_and_every_round_has_all(done):
    steps = [step.partition(": ")[2] for step in done.steps if step.startswith("round")]
    turns = [tuple(names) for _, names in groupby(steps, key=lambda step: step.partition(", ")[2])]
    pairs = [tuple(name.partition(" ")[0] for name in names) for names in turns]
    assert pairs == [("simulated:2", "simulated:6")] * 4 + [("simulated:6", "simulated:2")] * 4
    assert done.bench.rounds == ROUNDS
    assert len(done.steps) == done.bench.steps()


def test_the_report_has_the_design_s_names(done):
    made = json.loads(text_of(done.report))
    assert (made["schema"], made["command"], made["interrupted"]) == (1, "bench", False)
    assert {"cpu", "gpu", "power_mode", "cores", "commit", "libraries", "load_average"} <= set(
        made["environment"]
    )
    assert [result["backend"] for result in made["results"]] == ["simulated:2", "simulated:6"]
    for result in made["results"]:
        assert list(result["engine_ms"]) == PERCENTILES
        assert list(result["cpu_ms_per_frame"]) == [*STAGES, "runtime threads"]
        assert result["precision"] == "fp32"
        assert set(result["model"]) == {"name", "precision", "sha256", "input"}
        assert list(result["live"]) == ["15", "30"]
        assert list(result["pipeline"]["latency_ms"]) == [*STAGES, "end_to_end"]
        for live in result["live"].values():
            assert list(live["missed"]) == ["33", "50", "100"]
            assert list(live["latency_ms"]["end_to_end"]) == PERCENTILES


def test_bound_and_efficiency_follow_from_the_cpu_time(done):
    cores = done.report["environment"]["cores"]
    for result in done.report["results"]:
        spent_s = sum(result["cpu_ms_per_frame"].values()) / 1000
        assert result["bound_fps"] == pytest.approx(cores / spent_s)
        assert result["efficiency"] == pytest.approx(result["pipeline_fps"] / result["bound_fps"])


def test_frames_a_second_are_intervals_by_their_time(done):
    for record, result in zip(done.bench.records, done.report["results"], strict=True):
        for run in record.file:
            assert run.fps == pytest.approx(1000 * (run.shown - 1) / sum(run.interval_ms), rel=1e-6)
        intervals = [ms for run in record.file for ms in run.interval_ms]
        assert result["pipeline_fps"] == pytest.approx(1000 / statistics.mean(intervals), rel=1e-3)


def test_engines_take_as_long_as_they_are_told_to(done):
    quick, slow = (result["engine_ms"] for result in done.report["results"])
    assert quick["p50"] >= 2 * 0.99
    assert slow["p50"] >= 6 * 0.99
    assert quick["p50"] < slow["p50"]


def test_samples_are_kept_by_round_and_lists_of_numbers_stay_in_a_line(done):
    samples = done.report["results"][0]["samples"]
    for name in ("engine_ms", "engine_fps", "pipeline_interval_ms", "cpu_ms"):
        assert len(samples[name]) == ROUNDS
    assert set(samples["stage_ms"]) == set(STAGES)
    text = text_of(done.report)
    assert json.loads(text) == json.loads(json.dumps(done.report))
    assert max(line.count(",") for line in text.splitlines()) > 20


@pytest.mark.usefixtures("quickly")
def test_a_stop_leaves_whole_rounds_only():
    bench = Bench(Request(DRIVE, backends=("simulated:2", "simulated:3"), seconds=1), Terms())

    def stop_in_the_second_round(step: str) -> None:
        if step.startswith("round 2") and "film" in step:
            bench.stop()

    with pytest.raises(Interrupted):
        bench.run(stop_in_the_second_round)
    assert bench.rounds == 1
    made = report_of(bench)
    assert made["interrupted"]
    assert [len(result["samples"]["engine_ms"]) for result in made["results"]] == [1, 1]


@pytest.mark.usefixtures("quickly")
def test_a_stop_before_the_first_round_leaves_nothing():
    bench = Bench(Request(DRIVE, backends=("simulated:2",), seconds=1), Terms())
    bench.stop()
    with pytest.raises(Interrupted):
        bench.run(lambda _: None)
    assert bench.rounds == 0


def test_what_cannot_be_measured_is_said_before_anything_is(tmp_path):
    with pytest.raises(InputError, match="no such backend"):
        Bench(Request(DRIVE, backends=("nonsense",)), Terms())
    with pytest.raises(InputError, match="no such precision"):
        Bench(Request(DRIVE, precisions=("int4",)), Terms())
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    with pytest.raises(SourceError):
        Bench(Request(str(empty), backends=("simulated",), seconds=1), Terms()).run(lambda _: None)


def test_the_same_backend_and_model_are_measured_once():
    request = Request(backends=("simulated:1", "simulated:1"), precisions=("auto", "fp32"))
    assert len(request.candidates(Terms(), cores=2)) == 1
