"""How far from their slots frames are shown, under the run's own load: a Markdown table.

python benchmarks/jitter.py CLIP [--size 1280x720] [--seconds 30] [--rounds 1] [--usual-priority]

The clip is scaled, brought to the frame rate and played as a camera by `rtseg run --realtime --latency`, which
decodes, infers, paints and records it. The figures come from the table that the run writes: the instant at which the
sinks were given a frame, against its slot. Cases are interleaved.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from throughput import write_clip

from rtseg.report import environment

CASES = (
    ("simulated:15", 30, 100),
    ("openvino", 15, 200),
    ("openvino", 30, 200),
)
"""Backend, frames a second, budget in milliseconds."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--usual-priority", action="store_true", help="without the right to real-time priority"
    )
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    found: dict[tuple[str, int, int], list[dict[str, Any]]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for fps in {fps for _, fps, _ in CASES}:
            frames = int(arguments.seconds * fps)
            write_clip(arguments.clip, folder / f"{fps}.mp4", width, height, frames, fps)
        for _ in range(arguments.rounds):
            for case in CASES:
                found[case].append(measured(folder, case, arguments.usual_priority))
    priority = "usual priority" if arguments.usual_priority else "real-time priority where allowed"
    print(
        f"{width}×{height}, {arguments.seconds:g} s, recorded as H.264; {os.cpu_count()} cores of "
        f"{environment()['cpu']}; {priority}.\n"
    )
    print(
        "| backend | fps | budget, ms | fresh, propagated, held, dropped | missed | off p50, ms | p99 | max |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case, runs in found.items():
        for run in runs:
            print(row(case, run))


def measured(folder: Path, case: tuple[str, int, int], usual_priority: bool) -> dict[str, Any]:
    """Run one case; returns its report, with the distances from the slots under "off_ms"."""
    backend, fps, budget_ms = case
    report, table = folder / "run.json", folder / "run.csv"
    command = [
        *(["prlimit", "--rtprio=0", "setpriv", "--bounding-set=-sys_nice"] if usual_priority else []),
        *(sys.executable, "-m", "rtseg", "run", str(folder / f"{fps}.mp4"), "--realtime", "--overwrite"),
        *("--latency", str(budget_ms), "--backend", backend, "-o", str(folder / "out.mp4")),
        *("--table", str(table), "--report", str(report)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    latency_ms = pyarrow.csv.read_csv(table)["latency_ms"].to_numpy()
    made: dict[str, Any] = json.loads(report.read_text())
    return made | {"off_ms": np.abs(latency_ms - budget_ms)}


def row(case: tuple[str, int, int], run: dict[str, Any]) -> str:
    """One line of the table."""
    frames, off_ms = run["frames"], run["off_ms"]
    fates = f"{frames['fresh']}, {frames['propagated']}, {frames['held']}, {sum(frames['dropped'].values())}"
    p50, p99 = np.percentile(off_ms, [50, 99])
    return (
        f"| {case[0]} | {case[1]} | {case[2]} | {fates} | {run['deadline']['missed']} "
        f"| {p50:.3f} | {p99:.2f} | {off_ms.max():.2f} |"
    )


if __name__ == "__main__":
    main()
