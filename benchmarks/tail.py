"""What a run over a film costs besides inference, decoding and encoding: a Markdown table of CPU ms a frame.

python benchmarks/tail.py CLIP [--size 1280x720] [--frames 300] [--rounds 5]

The clip is segmented once with the shipped int8 model. Then, in turns and in processes of their own: the
whole run with a backend that only hands out those labels; the clip decoded; the overlay decoded; the overlay
decoded and encoded as `rtseg run` does it. The rest is the run, less decoding the clip, less encoding the
overlay: the model's input, colours, threads, time stamps. CPU time is the whole process's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from throughput import write_clip

from rtseg.report import environment

COMMON = """
import json, sys, time
from pathlib import Path
marks = []
def mark(frames):
    marks.append((frames, time.process_time()))
def tell():
    (first, begun), (last, ended) = marks[0], marks[-1]
    print(json.dumps((ended - begun) / (last - first) * 1000))
"""

LABELS = """
import sys
import numpy as np
from rtseg.backends import backend_for
from rtseg.sources.file import VideoFile
from rtseg.stages.preprocess import Preprocess
backend = backend_for("openvino", None, "int8", streams=1)
with backend, VideoFile(sys.argv[1]) as film:
    stage = Preprocess(backend.model.input_hw)
    np.save(sys.argv[2], [backend.infer(stage.process(frame).image_rgb) for frame in film])
"""

RUN = """
import numpy as np
import rtseg.session
from rtseg import RunOptions, Session
from rtseg.backends.base import WARM_UP_RUNS
from rtseg.backends.simulated import SimulatedBackend
from rtseg.model import find_model
labels = np.load(sys.argv[3])
known = iter([*labels[:WARM_UP_RUNS], *labels])
model = find_model(None, "int8", ())
def hands_out(*_, **__):
    return SimulatedBackend(model, labels=lambda *_: next(known).copy())
rtseg.session.backend_for = hands_out
with Session(RunOptions(sys.argv[1], out=Path(sys.argv[2]), overwrite=True)) as session:
    session.run(lambda progress: progress.books.shown > 9 and mark(progress.books.shown))
tell()
"""

DECODE = """
from rtseg.sources.file import VideoFile
with VideoFile(sys.argv[1]) as film:
    for number, frame in enumerate(film):
        if number > 9:
            mark(number)
tell()
"""

ENCODE = """
from rtseg.frame import LabelMap, Painted
from rtseg.sinks.video import VideoSink
from rtseg.sources.file import VideoFile
with VideoFile(sys.argv[1]) as film, VideoSink(sys.argv[2], film) as sink:
    for number, frame in enumerate(film):
        sink.write(Painted(frame, None, frame.picture))
        if number > 9:
            mark(number)
tell()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, overlay, labels, out = (
            f"{folder}/{name}" for name in ("in.mp4", "o.mp4", "labels.npy", "out.mp4")
        )
        write_clip(arguments.clip, Path(clip), width, height, arguments.frames)
        subprocess.run([sys.executable, "-c", LABELS, clip, labels], check=True)
        cpu_ms(RUN, clip, overlay, labels)
        jobs = {
            "run": (RUN, clip, out, labels),
            "decode": (DECODE, clip),
            "decode overlay": (DECODE, overlay),
            "encode": (ENCODE, overlay, out),
        }
        rounds = [{name: cpu_ms(*job) for name, job in jobs.items()} for _ in range(arguments.rounds)]
    facts = environment()
    print(
        f"{width}×{height}, {arguments.frames} frames, {os.cpu_count()} cores of {facts['cpu']}, "
        f"rtseg {facts['rtseg']}; median of {arguments.rounds} rounds.\n"
    )
    columns = {
        "decoding": [one["decode"] for one in rounds],
        "encoding": [one["encode"] - one["decode overlay"] for one in rounds],
        "the rest": [one["run"] - one["decode"] - one["encode"] + one["decode overlay"] for one in rounds],
        "all but inference": [one["run"] for one in rounds],
    }
    print("| | CPU ms a frame |\n|---|---|")
    for name, figures in columns.items():
        print(f"| {name} | {statistics.median(figures):.2f} |")


def cpu_ms(code: str, *arguments: str) -> float:
    """CPU milliseconds a frame of a process that does that."""
    done = subprocess.run(
        [sys.executable, "-c", COMMON + code, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    figure: float = json.loads(done.stdout)
    return figure


if __name__ == "__main__":
    main()
