"""How long after the command the first frame is there: a Markdown table.

python benchmarks/startup.py CLIP [--rounds 9]

Each start is a process of its own, as a shell would start it; with the compiled model in the cache and, in
turn, with an empty cache. What has been read once is in the system's own cache, as on a machine in use.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from rtseg.report import environment

START = """
import sys, time
begun = float(sys.argv[1])
marks = {}
def mark(name):
    marks.setdefault(name, time.time() - begun)
mark("interpreter")
from pathlib import Path
from rtseg import RunOptions, Session
import rtseg.cli.main
mark("modules")
options = RunOptions(sys.argv[2], out=Path(sys.argv[3]), precision="int8", overwrite=True, max_frames=30)
session = Session(options)
mark("source and model file opened")
with session:
    session.run(lambda progress: progress.books.shown and mark("first frame"))
import json
print(json.dumps(marks))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"kept": [], "compiled anew": []}
    with tempfile.TemporaryDirectory() as kept:
        start(arguments.clip, kept)
        for _ in range(arguments.rounds):
            found["kept"].append(start(arguments.clip, kept))
            with tempfile.TemporaryDirectory() as empty:
                found["compiled anew"].append(start(arguments.clip, empty))
    facts = environment()
    print(f"{facts['cpu']}, {os.cpu_count()} cores, rtseg {facts['rtseg']}; median of {arguments.rounds}.\n")
    print("| seconds from the command | model kept | compiled anew |\n|---|---|---|")
    for name in found["kept"][0]:
        kept_s, anew_s = (statistics.median(run[name] for run in runs) for runs in found.values())
        print(f"| {name} | {kept_s:.2f} | {anew_s:.2f} |")


def start(clip: str, cache: str) -> dict[str, float]:
    """Seconds from the start of a process to each mark; progress is told ten times a second."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", START, str(time.time()), clip, f"{out}/out.mp4"]
        done = subprocess.run(
            command, env={**os.environ, "XDG_CACHE_HOME": cache}, capture_output=True, text=True, check=True
        )
    marks: dict[str, float] = json.loads(done.stdout)
    return marks


if __name__ == "__main__":
    main()
