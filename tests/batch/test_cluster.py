"""A batch on a real Ray cluster, which loses a node on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtseg import RunOptions
from rtseg.batch.batch import ENDINGS, Batch, BatchOptions
from rtseg.batch.processes import Processes
from tests.films import make_film, packets_of
from tests.test_resume import rows_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_all_is_done_though_a_node_dies_and_equals_that_of_one_process(tmp_path):
    drives = tmp_path / "drives"
    drives.mkdir()
    for number, frames in enumerate((900, 150, 30, 200, 10)):
        make_film(drives / f"{number}.mp4", frames=frames)
    (drives / "bad.mp4").write_text("not a video\n" * 100)
    script = [sys.executable, "-m", "tests.batch.on_cluster"]
    command = [*script, *(str(tmp_path / name) for name in ("drives", "ray", "said.json"))]
    # Ray gives a node 30 s to start, which three of them at once on a busy machine may take.
    patience = {"RAY_raylet_start_wait_time_s": "120"}
    environment = {**os.environ, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", **patience}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=380, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["workers"] == [4, 2], "before and after one of the nodes was killed"
    assert said["files"] == {"all": 6, "done_before": 0, "done": 5, "cut": 0, "failed": 1, "left": 0}

    run = RunOptions("", backend="simulated", threads=1)
    Batch(BatchOptions([str(drives)], tmp_path / "one", endings=ENDINGS, run=run)).run(Processes(1))
    for number in range(5):
        ray, one = tmp_path / "ray" / f"{number}.mp4", tmp_path / "one" / f"{number}.mp4"
        assert ray.read_bytes() == one.read_bytes()
        maps = [packets_of(path.with_suffix(".labels.mkv"), "video") for path in (ray, one)]
        assert maps[0] == maps[1]
        assert rows_in(ray.with_suffix(".parquet")) == rows_in(one.with_suffix(".parquet"))
    assert sorted(path.name for path in (tmp_path / "ray").iterdir()) == sorted(
        path.name for path in (tmp_path / "one").iterdir()
    )
