"""How much of the time a run over a film holds Python's global lock: a Markdown table.

pip install py-spy; python benchmarks/gil.py CLIP [--size 1280x720] [--frames 600]

py-spy looks 250 times a second which thread holds the lock, and where. Only what belongs to the running
pipeline counts: the threads of the stages, and the one that watches. While nobody holds it, all that works
is native code: decoder, scaler, network, OpenCV, encoder. A thread that the system stopped while it held the
lock is counted, too. Needs the right to trace.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from throughput import OURS, write_clip

from rtseg.report import environment

RATE = 250
STAGES = ("Capture", "Preprocess", "Infer", "Colorize", "Present")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=600)
    arguments = parser.parse_args()
    py_spy = shutil.which("py-spy") or shutil.which("py-spy", path=Path(sys.executable).parent)
    if py_spy is None:
        raise SystemExit("py-spy is not there: pip install py-spy")
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, out, stacks = (f"{folder}/{name}" for name in ("in.mp4", "out.mp4", "stacks"))
        write_clip(arguments.clip, Path(clip), width, height, arguments.frames)
        command = [
            py_spy,
            "record",
            "--gil",
            "--rate",
            str(RATE),
            "--format",
            "raw",
            "--output",
            stacks,
            "--",
        ]
        done = subprocess.run(
            [*command, sys.executable, "-c", OURS, clip, out], stdout=subprocess.PIPE, text=True, check=True
        )
        seconds = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))[
            "seconds"
        ]
        held = held_by(Path(stacks).read_text())
    facts = environment()
    print(
        f"{width}×{height}, {arguments.frames} frames, {os.cpu_count()} cores of {facts['cpu']}, rtseg "
        f"{facts['rtseg']}, Python {facts['python']}.\n"
    )
    print("| thread of | holds the lock, % of the time |\n|---|---|")
    for name, samples in held.most_common():
        print(f"| {name} | {100 * samples / (RATE * seconds):.1f} |")
    print(f"| all | {100 * held.total() / (RATE * seconds):.1f} |")


def held_by(stacks: str) -> Counter[str]:
    """How often each thread was seen to hold the lock, from lines of `frame;frame;… count`."""
    held: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        if "Pipeline._process_all" in stack:
            stage = next((name for name in STAGES if f";{name}." in stack), "handing on")
            held[stage] += int(count)
        elif "Pipeline.run" in stack and "_start" not in stack:
            held["watching"] += int(count)
    return held


if __name__ == "__main__":
    main()
