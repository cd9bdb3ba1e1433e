"""`--smooth` in whole runs: the report, resuming, pieces, live, the command."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rtseg import RunOptions, Session
from rtseg.batch.batch import Batch, BatchOptions
from rtseg.batch.processes import Processes
from rtseg.live import LiveSession
from rtseg.options import LiveRun
from rtseg.sinks.segments import SEGMENT_FRAMES
from tests.films import packets_of
from tests.test_cli import rtseg
from tests.test_every import maps_in

if TYPE_CHECKING:
    from pathlib import Path

DRIVE = f"synth://160x120@25?seed=3&seconds={(SEGMENT_FRAMES + 30) / 25}"


def options_for(folder, **changes):
    return RunOptions(
        **{"source": DRIVE, "labels": folder / "l.mkv", "backend": "simulated:1", "smooth": True, **changes}
    )


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    with Session(options_for(folder)) as session:
        session.run()
        smooth = session.report()["smooth"]
    assert smooth["late_frames_at_most"] == 2
    assert 0 < smooth["held"] < 0.2
    return folder


def test_it_changes_labels_and_no_more_than_it_says(in_one_go, tmp_path):
    with Session(options_for(tmp_path, smooth=False)) as session:
        session.run()
        assert "smooth" not in session.report()
    own, shown = maps_in(tmp_path / "l.mkv"), maps_in(in_one_go / "l.mkv")
    differ = np.array([(one != other).mean() for one, other in zip(own, shown, strict=True)])
    assert differ[0] == differ[SEGMENT_FRAMES] == 0, "each segment begins anew"
    assert 0 < differ.mean() < 0.2


def test_a_piece_and_a_run_that_goes_on_are_the_same(in_one_go, tmp_path):
    with Session(options_for(tmp_path, begin=SEGMENT_FRAMES)) as session:
        session.run()
    whole = maps_in(in_one_go / "l.mkv")
    assert np.array_equal(maps_in(tmp_path / "l.mkv"), whole[SEGMENT_FRAMES:])
    with Session(options_for(tmp_path, max_frames=SEGMENT_FRAMES + 9, overwrite=True)) as session:
        session.run()
    assert np.array_equal(maps_in(tmp_path / "l.mkv"), whole[: SEGMENT_FRAMES + 9])


def test_it_goes_with_every(tmp_path):
    with Session(options_for(tmp_path, every=4, max_frames=30)) as session:
        session.run()
        report = session.report()
    assert report["smooth"]["held"] > 0
    assert report["frames"]["propagated"] > report["frames"]["fresh"]
    assert len(maps_in(tmp_path / "l.mkv")) == 30


def test_a_batch_makes_again_what_was_made_otherwise(tmp_path):
    film = tmp_path / "in.mp4"
    assert rtseg("synth", film, "--size", "160x120", "--fps", "25", "--seconds", "1").returncode == 0
    run = dataclasses.replace(RunOptions(""), backend="simulated")
    batch = Batch(BatchOptions([str(film)], tmp_path / "out", run=dataclasses.replace(run, smooth=True)))
    batch.run(Processes(1))
    assert packets_of(tmp_path / "out" / "in.mp4", "video")
    assert Batch(BatchOptions([str(film)], tmp_path / "out", run=run)).missing


def test_the_command_over_a_film_and_live(tmp_path):
    for name, more in (("file", ()), ("live", ("--mode", "live", "--realtime"))):
        report = tmp_path / f"{name}.json"
        done = rtseg(
            *("run", "synth://160x120@25?seconds=1", "-o", tmp_path / f"{name}.mp4", "--smooth"),
            *("--backend", "simulated:1", "--report", report, *more),
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(report.read_text())["smooth"]["held"] > 0, name


def test_live_with_a_latency(tmp_path):
    live = LiveRun(realtime=True, latency_ms=200)
    options = options_for(tmp_path, source="synth://160x120@25?seconds=2", live=live)
    with LiveSession(options) as session:
        session.run()
        assert session.report()["smooth"]["held"] > 0
