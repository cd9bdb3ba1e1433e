"""`rtseg latency`, over an RTSP stream within this machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.live


def latency(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rtseg", "latency", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_the_whole_chain_is_measured(tmp_path):
    report = tmp_path / "latency.json"
    done = latency("--backend", "simulated:5", "--latency", "200", "--seconds", "4", "--report", str(report))
    assert done.returncode == 0, done.stderr
    made = json.loads(report.read_text())
    assert made["command"] == "latency"
    whole, before = made["glass_ms"]["whole"], made["glass_ms"]["before_capture"]
    assert whole["p50"] - before["p50"] == pytest.approx(200, abs=5)
    assert before["p50"] > 0
    assert made["unread"] == 0
    assert made["frames"]["captured"] > 60


def test_a_file_cannot_see_the_card_and_a_target_needs_a_way_back(tmp_path):
    done = latency(str(tmp_path / "clip.mp4"))
    assert (done.returncode, "is a file" in done.stderr) == (2, True)
    done = latency("--to", "udp://127.0.0.1:5000")
    assert (done.returncode, "comes back from" in done.stderr) == (2, True)
