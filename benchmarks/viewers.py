"""Twenty viewers of a live run, for a minute, twice: what they see and cost, and whether anything grows.

python benchmarks/viewers.py CLIP [--viewers 20] [--seconds 60] [--slow 5]

The run is `rtseg run CLIP --realtime --loop --latency 200 --serve`, a process of its own, of which memory,
threads and open files are read. The viewers are WebSockets in this process; so many of them are slow: they
read once a second. First it runs with none.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from rtseg.report import cores

ADDRESS = re.compile(r"page: (http://127\.0\.0\.1:\d+/)")
SETTLE_S, ROUNDS = 10, 2
COLUMNS = (
    "viewers", "run, fps", "p50, ms", "p99, ms", "misses a minute", "CPU, %",
    "seen, fps", "age p50, ms", "p99, ms",
)  # fmt: skip


@dataclass
class Viewer:
    """What one has seen: of each picture its age when it came, ms."""

    slow: bool
    ages_ms: list[float] = field(default_factory=list)

    def watch(self, address: str, seconds: float) -> None:
        """Look on for so long."""
        until = time.monotonic() + seconds
        with connect(address.replace("http", "ws") + "ws", max_queue=1) as socket:
            try:
                while time.monotonic() < until:
                    message = socket.recv(timeout=10)
                    if isinstance(message, bytes):
                        (length,) = struct.unpack_from("<I", message)
                        captured_ms = json.loads(message[4 : 4 + length])["captured_ms"]
                        self.ages_ms.append(time.monotonic_ns() / 1e6 - captured_ms)
                    if self.slow:
                        time.sleep(1)
            except ConnectionClosed:
                return


def main() -> None:
    """Run, look, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--slow", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "rtseg",
        "run",
        arguments.clip,
        "--realtime",
        "--loop",
        "--latency",
        "200",
    ]
    run = subprocess.Popen(
        [*command, "--serve", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        address = address_of(run)
        time.sleep(SETTLE_S)
        facts = report(address)["environment"]
        print(f"{cores()} cores of {facts['cpu']}, OpenVINO {facts['backend_version']}\n")
        print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
        process = psutil.Process(run.pid)
        measure(process, address, [], arguments.seconds / 2)
        held = [held_by(process)]
        for _ in range(ROUNDS):
            viewers = [Viewer(slow=index < arguments.slow) for index in range(arguments.viewers)]
            measure(process, address, viewers, arguments.seconds)
            time.sleep(SETTLE_S)
            held.append(held_by(process))
        print()
        for name in held[0]:
            print(f"{name}, before and after each: {', '.join(f'{one[name]:.0f}' for one in held)}")
    finally:
        run.terminate()
        run.wait(20)


def address_of(run: subprocess.Popen[str]) -> str:
    """Where the page is; what else it says is thrown away."""
    assert run.stderr is not None
    for line in run.stderr:
        if found := ADDRESS.search(line):
            threading.Thread(target=run.stderr.read, daemon=True).start()
            return found[1]
    raise SystemExit("the run has ended before its page was there")


def measure(process: psutil.Process, address: str, viewers: list[Viewer], seconds: float) -> None:
    """Print a row: the run's own figures over this time, and what the quick viewers saw."""
    threads = [threading.Thread(target=viewer.watch, args=(address, seconds)) for viewer in viewers]
    before, begun = report(address), time.monotonic()
    process.cpu_percent()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    cpu, after, elapsed = process.cpu_percent(), report(address), time.monotonic() - begun
    for thread in threads:
        thread.join()
    quick = [viewer for viewer in viewers if not viewer.slow]
    ages = [age for viewer in quick for age in viewer.ages_ms] or [float("nan")]
    shown = shown_in(after) - shown_in(before)
    missed = (after["deadline"]["missed"] - before["deadline"]["missed"]) * 60 / elapsed
    seen = statistics.median(len(viewer.ages_ms) / seconds for viewer in quick) if quick else float("nan")
    latency = after["latency_ms"]["end_to_end"]
    percentiles = statistics.quantiles(ages, n=100) if len(ages) > 1 else [float("nan")] * 99
    cells = (
        str(len(viewers)), f"{shown / elapsed:.1f}", f"{latency['p50']:.0f}", f"{latency['p99']:.0f}",
        f"{missed:.0f}", f"{cpu:.0f}", f"{seen:.1f}", f"{percentiles[49]:.0f}", f"{percentiles[98]:.0f}",
    )  # fmt: skip
    print(f"| {' | '.join(cells)} |", flush=True)


def report(address: str) -> dict[str, Any]:
    """The report so far."""
    with urllib.request.urlopen(address + "api/report", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def shown_in(told: dict[str, Any]) -> int:
    """Frames shown."""
    frames = told["frames"]
    shown: int = frames["fresh"] + frames["propagated"] + frames["held"]
    return shown


def held_by(process: psutil.Process) -> dict[str, float]:
    """What may grow."""
    return {
        "memory, MB": process.memory_info().rss / 1e6,
        "threads": process.num_threads(),
        "open files": process.num_fds(),
    }


if __name__ == "__main__":
    main()
