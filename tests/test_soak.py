"""A minute with faults drawn from a seed; `benchmarks/soak.py` runs for as long as one likes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.rtsp import why_no_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "soak.py"
SECONDS = 60


def test_a_minute_of_faults_leaves_no_growth(tmp_path, capsys):
    missing = why_no_server()
    if missing is not None:
        pytest.skip(missing)
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    soak = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak)
    session, growth, faults = soak.soak(tmp_path, SECONDS, seed=7)
    books = session.outcome.books
    slopes = growth.slopes_an_hour()
    with capsys.disabled():
        print(f"\n{len(faults)} faults: {books.sentence()}")  # noqa: T201
        for name, (slope, error) in slopes.items():
            print(f"{name}: {slope:+.1f} ± {error:.1f} an hour")  # noqa: T201
    assert len(faults) > 10
    assert books.balanced
    assert soak.pictures_in(tmp_path / "out.mkv") == books.shown
    assert books.shown > 20 * SECONDS * 0.5
    # Memory takes its shape within the minute; what has leaked would be there a hundred times.
    begun, ended = growth.rows[0], growth.rows[-1]
    assert ended[1] - begun[1] < 250
    assert ended[2] <= begun[2] + 2  # file handles: a connection may be between two
    assert ended[3] <= begun[3]  # threads
    slope, error = slopes["lag"]
    assert slope < 3 * error + 3600 * 3  # ms an hour: three a second would be a queue that grows
