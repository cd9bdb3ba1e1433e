"""Whether `rtseg bench` and OpenVINO's own benchmark_app say the same of the same file: a Markdown table.

python benchmarks/agreement.py [MODEL.onnx] [--rounds 8] [--seconds 5]

Both are run in turns, in processes of their own, with the same streams, threads and float type: one image at
a time, and as many at once as a run over a file has. The medians of all rounds are compared; the ratios of
the rounds tell how much of it is the machine's mood.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from rtseg.model import find_model
from rtseg.report import cores, environment

OURS = """
import json, statistics, sys
import numpy as np
from rtseg.backends import backend_for
from rtseg.bench.engine import engine_run
path, streams, threads, seconds = sys.argv[1], *map(int, sys.argv[2:5])
backend = backend_for("openvino", path, "auto", threads, streams=streams)
image = np.random.default_rng(0).integers(0, 256, (*backend.model.input_hw, 3), np.uint8)
run = engine_run(backend, [image], seconds, lambda: None)
print(json.dumps({"ms": statistics.median(run.ms), "fps": run.fps}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    path = str(arguments.model or find_model(None, "int8", ()).path)
    threads = cores()
    ways = {"one at a time": (1, "ms"), "as many as cores": (min(threads, 4), "fps")}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, (streams, figure) in ways.items():
            one, other = (tool(path, streams, threads, arguments.seconds) for tool in (by_rtseg, by_app))
            found[name].append((one[figure], other[figure]))
    facts = environment("openvino")
    print(f"{threads} cores of {facts['cpu']}, rtseg {facts['rtseg']}; {arguments.rounds} rounds.\n")
    print("| images | rtseg bench | benchmark_app | ratio of medians | of rounds |\n|---|---|---|---|---|")
    for name, (_, figure) in ways.items():
        ours, theirs = (statistics.median(column) for column in zip(*found[name], strict=True))
        ratios = sorted(one / other for one, other in found[name])
        print(
            f"| {name} | {ours:.2f} {figure} | {theirs:.2f} {figure} | {ours / theirs:.3f} | "
            f"{ratios[0]:.2f} … {ratios[-1]:.2f} |"
        )


def by_rtseg(path: str, streams: int, threads: int, seconds: int) -> dict[str, float]:
    """Median milliseconds an image, and images a second."""
    arguments = [path, *map(str, (streams, threads, seconds))]
    done = subprocess.run(
        [sys.executable, "-c", OURS, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def by_app(path: str, streams: int, threads: int, seconds: int) -> dict[str, float]:
    """The same, from what it prints; through its synchronous interface where there is one stream."""
    way = ["-api", "sync"] if streams == 1 else ["-nireq", str(streams)]
    options = {"-m": path, "-d": "CPU", "-t": str(seconds), "-hint": "none", "-infer_precision": "f32"}
    options |= {"-nstreams": str(streams), "-nthreads": str(threads)}
    app = Path(sys.executable).with_name("benchmark_app")
    command = [str(app), *(word for pair in options.items() for word in pair), *way]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {
        name: re.search(rf"{label}:\s+([\d.]+)", printed)
        for name, label in (("ms", "Median"), ("fps", "Throughput"))
    }
    return {name: float(match[1]) for name, match in found.items() if match}


if __name__ == "__main__":
    main()
