"""How much of the machine's time a run over a film leaves to the network: ratios of runs in turns.

Absolute times belong to the machine and to what else it does; a ratio to what ran beside it is ours. The
limits are far from what was measured, which stands behind them. They catch steps that are lost for good: a
stage that waits, a conversion too many, streams that are not used.
"""

from __future__ import annotations

import json
import os
import runpy
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("openvino")
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("speed")]

SCRIPTS = Path(__file__).parent.parent / "benchmarks"
ROUNDS = 3

ENGINE = """
import json, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from rtseg.backends import backend_for
from rtseg.report import cores
streams = min(cores(), 4)
backend = backend_for("openvino", None, "int8", cores(), streams=streams)
image = np.random.default_rng(0).integers(0, 256, (*backend.model.input_hw, 3), np.uint8)
with backend, ThreadPoolExecutor(streams) as pool:
    list(pool.map(backend.infer, [image] * 8))
    begun, cpu = time.perf_counter(), time.process_time()
    list(pool.map(backend.infer, [image] * 40))
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
print(json.dumps({"frames": 40, "seconds": seconds, "cpu_seconds": cpu_seconds}))
"""


class Figures(NamedTuple):
    """Of one process: frames a second, CPU seconds a frame, and fps by what the cores could do."""

    fps: float
    cpu_s: float
    efficiency: float


def figures_of(*command: str) -> Figures:
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, check=True, timeout=100)
    told = json.loads(done.stdout)
    fps, cpu_s = told["frames"] / told["seconds"], told["cpu_seconds"] / told["frames"]
    return Figures(fps, cpu_s, fps * cpu_s / (os.cpu_count() or 1))


@pytest.fixture(scope="module")
def rounds(tmp_path_factory) -> dict[str, list[Figures]]:
    """The engine alone, the whole run, and the plain loop over the same film, in turns."""
    folder = tmp_path_factory.mktemp("speed")
    film, out = str(folder / "drive.mp4"), str(folder / "out.mp4")
    synth = ["-m", "rtseg", "synth", film, "--size", "640x480", "--seconds", "3"]
    subprocess.run([sys.executable, *synth], check=True, capture_output=True)
    run = runpy.run_path(str(SCRIPTS / "throughput.py"))["OURS"]
    commands = {
        "engine": ("-c", ENGINE),
        "run": ("-c", run, film, out),
        "naive": (str(SCRIPTS / "naive.py"), film, out),
    }
    found: dict[str, list[Figures]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            found[name].append(figures_of(*command))
    return found


def ratio(ours: list[float], beside: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, beside, strict=True))


def test_a_run_costs_little_more_cpu_time_than_the_network(rounds):
    costs = {name: [one.cpu_s for one in of] for name, of in rounds.items()}
    assert ratio(costs["run"], costs["engine"]) < 1.6  # 1.24


def test_cores_wait_hardly_more_than_for_the_network_alone(rounds):
    used = {name: [one.efficiency for one in of] for name, of in rounds.items()}
    assert ratio(used["run"], used["engine"]) > 0.8  # 0.97


def test_a_run_is_faster_than_a_plain_loop(rounds):
    fps = {name: [one.fps for one in of] for name, of in rounds.items()}
    assert ratio(fps["run"], fps["naive"]) > 1.1  # 1.26
