"""How fast a file is segmented, against the bound of the machine and against `naive.py`: a Markdown table.

python benchmarks/throughput.py CLIP [--size 1280x720] [--frames 600] [--rounds 3]

The clip is scaled and repeated first. Both are run in turn, in processes of their own, and the medians are
printed. Frames a second count from the first frame to the last one written. The bound is cores divided by CPU
seconds a frame, of the whole process: what it could reach if no core ever waited.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from rtseg.report import environment

OURS = """
import json, sys, time
from pathlib import Path
from rtseg import RunOptions, Session
every = sys.argv[3] if sys.argv[3:] else None
every = int(every) if every and every.isdecimal() else every
model = sys.argv[4] if sys.argv[4:] else None
options = RunOptions(
    sys.argv[1], out=Path(sys.argv[2]), model=model, precision="int8", every=every, overwrite=True
)
with Session(options) as session:
    marks = []
    def note(progress):
        if progress.books.shown:
            marks.append((progress.books.shown, time.perf_counter(), time.process_time()))
    session.run(note)
first, last = marks[0], marks[-1]
frames, seconds, cpu_seconds = (b - a for a, b in zip(first, last))
told = session.report()["frames"]
inferred = told["fresh"] / told["captured"]
print(json.dumps({"frames": frames, "seconds": seconds, "cpu_seconds": cpu_seconds, "inferred": inferred}))
"""
"""CLIP OUT [EVERY [MODEL]]; prints what lies between the first frame shown and the last."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, out = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        write_clip(arguments.clip, clip, width, height, arguments.frames)
        commands = {
            "rtseg run": [sys.executable, "-c", OURS, str(clip), str(out)],
            "naive.py": [sys.executable, str(Path(__file__).with_name("naive.py")), str(clip), str(out)],
        }
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                rows[name].append(fps_and_bound(command))
    facts = environment()
    print(
        f"{width}×{height}, {arguments.frames} frames, {os.cpu_count()} cores of {facts['cpu']}; median of "
        f"{arguments.rounds} rounds.\n"
    )
    print("| | fps | bound, fps | of the bound |\n|---|---|---|---|")
    for name, figures in rows.items():
        fps, bound = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"| {name} | {fps:.1f} | {bound:.1f} | {statistics.median(f / b for f, b in figures):.2f} |")
    ratio = statistics.median(a[0] / b[0] for a, b in zip(*rows.values(), strict=True))
    print(f"\nrtseg run is {ratio:.2f} times as fast as naive.py.")


def write_clip(source: str, target: Path, width: int, height: int, frames: int, fps: int = 25) -> None:
    """Write the clip at another size and frame rate, repeated until it has so many frames."""
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        written = 0
        while written < frames:
            with av.open(source) as clip:
                for picture in clip.decode(video=0):
                    scaled = picture.reformat(width, height, "yuv420p")
                    scaled.pts, scaled.time_base = written, Fraction(1, fps)
                    out.mux(video.encode(scaled))
                    written += 1
                    if written == frames:
                        break
        out.mux(video.encode(None))


def fps_and_bound(command: list[str]) -> tuple[float, float]:
    """Frames a second, and what they would be if no core ever waited."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    frames = told["frames"]
    return frames / told["seconds"], frames * (os.cpu_count() or 1) / told["cpu_seconds"]


if __name__ == "__main__":
    main()
