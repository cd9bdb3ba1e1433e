"""What differs beyond chance, and what does not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rtseg.bench.compare import compare, read_report
from rtseg.errors import InputError, SourceNotFoundError


def report_of(seed: int, *, film: float = 1.0, engine: float = 1.0, tail: float = 0.0, drift: float = 0.03):
    """A report of made-up times; `film` and `engine` make those longer, `tail` is a share of slow images."""
    chance = np.random.default_rng(seed)

    def rounds(usual_ms: float, factor: float = 1.0, slow: float = 0.0) -> list[list[float]]:
        made = []
        for _ in range(5):
            times = usual_ms * factor * (1 + drift * chance.normal()) * chance.gamma(60, 1 / 60, 150)
            made.append(list(times * np.where(chance.random(150) < slow, 3.0, 1.0)))
        return made

    return {
        "schema": 1,
        "command": "bench",
        "environment": {"cpu": "c", "cores": 2},
        "source": {"uri": "a.mp4"},
        "settings": {"threads": 2},
        "results": [
            {
                "backend": "openvino",
                "precision": "int8",
                "model": {"sha256": "0" * 64},
                "samples": {
                    "engine_ms": rounds(8, engine, tail),
                    "engine_fps": [[125 / engine * (1 + drift * chance.normal())] for _ in range(5)],
                    "pipeline_interval_ms": rounds(30, film),
                    "cpu_ms": [[60 * (1 + drift * chance.normal())] for _ in range(5)],
                    "stage_ms": {"infer": rounds(9)},
                    "live_ms": {"15": rounds(14)},
                },
            }
        ],
    }


def real_ones(a, b) -> dict[str, str]:
    return {one.figure: one.verdict for one in compare(a, b).differences if one.is_real}


def test_a_slower_film_is_found_and_nothing_else_is_blamed():
    assert real_ones(report_of(1), report_of(2, film=1.3)) == {"film, fps": "worse"}
    assert real_ones(report_of(2, film=1.3), report_of(1)) == {"film, fps": "better"}


def test_a_tail_is_found_where_the_medians_agree():
    found = real_ones(report_of(3), report_of(4, tail=0.03))
    assert found == {"engine p99, ms": "worse"}


def test_noise_is_not_taken_for_a_difference():
    """Of two measurements of the same, whose rounds differ by 3 %: nearly nothing differs beyond noise."""
    compared = [compare(report_of(10 + 2 * seed), report_of(11 + 2 * seed)).differences for seed in range(6)]
    figures = [one for differences in compared for one in differences]
    assert sum(one.is_real for one in figures) <= 0.04 * len(figures)


def test_a_report_does_not_differ_from_itself(done):
    made = json.loads(json.dumps(done.report))
    comparison = compare(made, made)
    assert not any(one.is_real for one in comparison.differences)
    assert comparison.elsewhere == []
    assert {one.percent for one in comparison.differences} == {0.0}


def test_what_else_differs_is_said():
    a, b = report_of(1), report_of(1)
    b["environment"]["cpu"], b["source"]["uri"] = "d", "b.mp4"
    b["results"][0]["model"]["sha256"] = "1" * 64
    b["results"].append({**b["results"][0], "backend": "torch"})
    comparison = compare(a, b)
    assert comparison.elsewhere[:2] == ["cpu: c / d", "source: a.mp4 / b.mp4"]
    assert "another model file" in comparison.elsewhere[2]
    assert comparison.only_in_one == ["torch int8: only in the second"]


def test_reports_without_a_result_in_common_are_refused():
    b = report_of(1)
    b["results"][0]["backend"] = "torch"
    with pytest.raises(InputError, match="no backend and precision in common"):
        compare(report_of(1), b)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "no report of rtseg bench"),
        ('{"command": "run"}', "no report of rtseg bench"),
        ('{"command": "bench", "schema": 9}', "schema 9"),
        ('{"command": "bench", "schema": 1, "results": [{}]}', "lacks a part"),
    ],
)
def test_other_files_are_refused_in_plain_words(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_report(str(path))
    with pytest.raises(SourceNotFoundError):
        read_report(str(tmp_path / "none.json"))
