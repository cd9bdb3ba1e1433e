"""Other sizes, several streams, fewer threads."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.bench import film, scaling
from rtseg.bench.film import Films
from rtseg.bench.request import Request
from rtseg.errors import InputError, Interrupted
from rtseg.tensorrt.cache import Terms

NOTHING = lambda: None  # noqa: E731


@pytest.fixture
def candidate():
    return Request(backends=("simulated:1",)).candidates(Terms(), cores=2)[0]


def test_settings_go_up_and_down_again():
    assert scaling.there_and_back((1, 2, 3)) == [1, 2, 3, 3, 2, 1]
    assert [scaling.thread_counts(cores) for cores in (1, 2, 6, 8)] == [
        [1],
        [1, 2],
        [1, 2, 4, 6],
        [1, 2, 4, 8],
    ]


def test_cost_over_sizes_has_a_line_through_it(candidate, tmp_path, monkeypatch):
    monkeypatch.setattr(film, "LEAST_FRAMES", 8)
    monkeypatch.setattr(scaling, "SIZES", ((96, 64), (160, 120), (640, 480)))
    films = Films("synth://160x120@30?seconds=0.1", tmp_path, NOTHING)
    curve = scaling.size_curve(candidate, films, tmp_path / "o.mp4", NOTHING, seconds=5)
    assert [point["megapixels"] for point in curve.points] == [0.006144, 0.0192, 0.3072]
    assert curve.line is not None
    assert curve.line.slope > 0
    assert curve.facts()["fit"]["base"] == curve.line.base
    assert all(point["cpu_ms"] == sum(point["cpu_ms_per_frame"].values()) for point in curve.points)


def test_the_engine_is_timed_over_its_threads(candidate):
    images = [np.zeros((*candidate.file.input_hw, 3), np.uint8)]
    curve = scaling.thread_curve(candidate, images, 2, NOTHING, seconds=0.05)
    assert [point["threads"] for point in curve.points] == [1, 2]
    assert "/ threads" in curve.law


def test_streams_are_processes_and_end_with_the_benchmark(candidate, tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "STREAMS", (1, 2))
    monkeypatch.setattr(scaling, "there_and_back", list)
    source = "synth://64x48@30?seconds=0.2"
    curve = scaling.stream_curve(candidate, source, tmp_path, NOTHING, seconds=0.2)
    assert [len(point["fps_each"][0]) for point in curve.points] == [1, 2]

    def stop() -> None:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        scaling.stream_curve(candidate, source, tmp_path, stop, seconds=0.2)
    with pytest.raises(InputError, match="one of several streams failed"):
        scaling.stream_curve(candidate, str(tmp_path / "none.mp4"), tmp_path, NOTHING, seconds=0.2)
