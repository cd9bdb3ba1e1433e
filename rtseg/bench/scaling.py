"""How cost grows: with the picture's size, with the number of streams, with the number of threads."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rtseg.bench.engine import engine_run
from rtseg.bench.figures import summary_ms
from rtseg.bench.fit import Line, line_through
from rtseg.bench.runs import file_run
from rtseg.bench.sustained import cpu_of, fps_of
from rtseg.errors import InputError, SourceFault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.bench.film import Films
    from rtseg.bench.request import Candidate
    from rtseg.bench.runs import PipelineRun

Setting = TypeVar("Setting")

SIZES = ((320, 240), (640, 480), (960, 540), (1280, 720), (1920, 1080))
STREAMS = (1, 2, 3, 4)
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Curve:
    """Points and a line through what they cost.

    Attributes:
        points: one a setting, ready for JSON.
        law: what the line is, in words with its figures.
        line: milliseconds over x; None where there are too few points.
    """

    points: list[dict[str, Any]]
    law: str
    line: Line | None

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "points": self.points,
            "law": self.law,
            "fit": self.line.facts() if self.line is not None else None,
        }


def size_curve(
    candidate: Candidate, films: Films, out: Path, watch: Callable[[], None], *, seconds: float
) -> Curve:
    """Frames a second and CPU time a frame over the picture's size; the line is CPU over megapixels.

    Raises:
        InputError, StageError, SourceError: as `file_run` does.
        Interrupted: `watch` did.
    """
    runs: dict[tuple[int, int], list[PipelineRun]] = {size: [] for size in SIZES}
    for size in there_and_back(SIZES):
        watch()
        film = films.sized(*size)
        runs[size].append(file_run(candidate, film, out, watch, seconds=seconds))
    points: list[dict[str, Any]] = [
        {
            "width": width,
            "height": height,
            "megapixels": width * height / 1e6,
            "fps": fps_of(measured),
            "cpu_ms": sum(cpu_of(measured).values()),
            "cpu_ms_per_frame": cpu_of(measured),
        }
        for (width, height), measured in runs.items()
    ]
    line = line_through([point["megapixels"] for point in points], [point["cpu_ms"] for point in points])
    assert line is not None
    law = f"CPU ms a frame = {line.base:.2f} {line.slope:+.2f} × megapixels"
    return Curve(points, law, line)


def thread_curve(
    candidate: Candidate,
    images_rgb: Sequence[NDArray[np.uint8]],
    cores: int,
    watch: Callable[[], None],
    *,
    seconds: float,
) -> Curve:
    """The engine's milliseconds an image over its threads; the line is over 1 / threads, Amdahl's law.

    Raises:
        InputError, DeviceFault: as `engine_run` does.
        Interrupted: `watch` did.
    """
    times_ms: dict[int, list[float]] = {threads: [] for threads in thread_counts(cores)}
    for threads in there_and_back(tuple(times_ms)):
        backend = candidate.opened_with(streams=1, threads=threads)
        times_ms[threads] += engine_run(backend, images_rgb, seconds, watch).ms
    points: list[dict[str, Any]] = [
        {"threads": threads, "ms": summary_ms(measured)["p50"]} for threads, measured in times_ms.items()
    ]
    line = line_through([1 / point["threads"] for point in points], [point["ms"] for point in points])
    law = f"ms an image = {line.base:.2f} {line.slope:+.2f} / threads" if line is not None else ""
    return Curve(points, law, line)


def stream_curve(
    candidate: Candidate, film: str, folder: Path, check_stopped: Callable[[], None], *, seconds: float
) -> Curve:
    """Frames a second over the number of films at once, each in a process of its own, as in a batch.

    The line is milliseconds of all a frame over 1 / streams.

    Raises:
        InputError, SourceFault: a process failed.
        Interrupted: `check_stopped` did.
    """
    fps: dict[int, list[list[float]]] = {streams: [] for streams in STREAMS}
    for streams in there_and_back(STREAMS):
        fps[streams].append(_fps_of_processes(candidate, film, folder, streams, seconds, check_stopped))
    points: list[dict[str, Any]] = [
        {"streams": streams, "fps": sum(map(sum, measured)) / len(measured), "fps_each": measured}
        for streams, measured in fps.items()
    ]
    xs = [1 / point["streams"] for point in points]
    line = line_through(xs, [1000 / point["fps"] for point in points])
    law = f"ms a frame, all streams = {line.base:.2f} {line.slope:+.2f} / streams" if line else ""
    return Curve(points, law, line)


def there_and_back(settings: Sequence[Setting]) -> list[Setting]:
    """All settings in their order, then backwards, so that a steady drift is the same for all."""
    return [*settings, *reversed(settings)]


def thread_counts(cores: int) -> list[int]:
    """1, 2, 4, … and all cores."""
    counts = [1]
    while counts[-1] * 2 < cores:
        counts.append(counts[-1] * 2)
    return counts if cores == 1 else [*counts, cores]


def _fps_of_processes(
    candidate: Candidate,
    film: str,
    folder: Path,
    streams: int,
    seconds: float,
    check_stopped: Callable[[], None],
) -> list[float]:
    command = [sys.executable, "-m", "rtseg", "run", film, "--overwrite", "--report", "-"]
    command += ["--backend", candidate.backend, "--precision", candidate.precision]
    command += ["--threads", str(candidate.threads), "--seconds", f"{seconds:g}"]
    command += ["--trust-plan"] if candidate.trust else []
    command += ["--model", candidate.model] if candidate.model is not None else []
    running = [
        subprocess.Popen(
            [*command, "-o", str(folder / f"stream-{number}.mp4")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(streams)
    ]
    try:
        while any(process.poll() is None for process in running):
            check_stopped()
            time.sleep(_POLL_S)
        return [_fps_of(process) for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
            process.communicate()


def _fps_of(process: subprocess.Popen[str]) -> float:
    said, complaint = process.communicate()
    if process.returncode != 0:
        lines = [line for line in complaint.strip().splitlines() if line] or ["it said nothing"]
        kind = InputError if process.returncode == InputError.exit_code else SourceFault
        raise kind(f"one of several streams failed: {lines[-1]}")
    fps: float = json.loads(said)["fps"]
    return fps
