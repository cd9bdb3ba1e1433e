"""Memory while a long film is segmented, with all outputs: it must not grow with the film's length.

python benchmarks/long_file.py [--minutes 60]

The film is small and the backend simulated, so that an hour passes in minutes; what could grow (mailboxes,
meters, muxers, tables, journals) does not depend on that.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from rtseg import RunOptions, Session
from rtseg.report import environment

FPS = 25


def main() -> None:
    """Make the film, run over it and print the memory at ten places."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60)
    frames = parser.parse_args().minutes * 60 * FPS
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "in.mp4"
        write_film(film, frames)
        options = RunOptions(
            str(film),
            out=Path(folder) / "out.mp4",
            labels=Path(folder) / "labels.mkv",
            table=Path(folder) / "table.parquet",
            backend="simulated",
        )
        marks: dict[int, float] = {}
        with Session(options) as session:
            session.run(lambda progress: note(marks, progress.books.shown * 10 // frames))
            peak_mb = max(marks.values())
            shown, fps = session.report()["frames"]["fresh"], session.report()["fps"]
    print(f"{shown} frames, {shown / FPS / 60:.0f} min of film at {fps:.0f} fps; {environment()['cpu']}.\n")
    print("| part done | " + " | ".join(f"{tenth * 10} %" for tenth in marks) + " |")
    print("|---" * (len(marks) + 1) + "|")
    print("| resident, MB | " + " | ".join(f"{size:.0f}" for size in marks.values()) + " |")
    print(f"\nPeak {peak_mb:.0f} MB.")


def note(marks: dict[int, float], tenth: int) -> None:
    """Keep the largest size seen in each tenth of the film."""
    marks[tenth] = max(marks.get(tenth, 0.0), psutil.Process().memory_info().rss / 1e6)


def write_film(path: Path, frames: int) -> None:
    """A film of a moving gradient."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        ramp = np.add.outer(np.arange(144), np.arange(160)).astype(np.uint8)
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(ramp + np.uint8(index % 256), format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))


if __name__ == "__main__":
    main()
