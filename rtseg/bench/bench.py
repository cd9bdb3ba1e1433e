"""The whole measurement: what is measured, in which order, and ending it early."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.bench import machine
from rtseg.bench.engine import EngineRun, engine_run
from rtseg.bench.film import Films
from rtseg.bench.readings import Readings
from rtseg.bench.request import ROUNDS
from rtseg.bench.rounds import interleaved
from rtseg.bench.runs import PipelineRun, file_run, live_run
from rtseg.bench.scaling import Curve, size_curve, stream_curve, thread_curve
from rtseg.bench.sustained import SLICE_S, SUSTAINED_FROM_S, Slice
from rtseg.errors import Interrupted, SourceError
from rtseg.gpu_report.frames import samples_of_the_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.bench.request import Candidate, Request
    from rtseg.tensorrt.cache import Terms

LIVE_FPS = (15, 30)
_ROUNDS_S = 60.0
"""The rounds get no more than this a candidate; what is left is the sustained load."""
_MEASURING = 0.65
"""Of the time asked for; opening models and films takes the rest."""
_SHARES = {"engine": 0.12, "streams": 0.12, "file": 0.36, "live": 0.20}
_WORDS = {"engine": "engine", "streams": "engine, several streams", "file": "film", "live": "live "}
_LEAST_S = 0.5
_SCALING_S = 3.0


@dataclass(slots=True)
class Record:
    """All that was measured of one candidate, a run a round.

    Attributes:
        candidate: of which.
        version: the runtime's.
        device: what it computes on, in words; empty before it was opened.
        engine: one image at a time.
        streams: as many images at once as it has streams; empty for a backend that has none.
        file: runs over the film.
        live: live runs, by frames a second; 0 stands for the source's own.
        sustained: runs over the film, for long.
        scaling: curves by their names.
    """

    candidate: Candidate
    version: str | None
    device: str = ""
    engine: list[EngineRun] = field(default_factory=list)
    streams: list[EngineRun] = field(default_factory=list)
    file: list[PipelineRun] = field(default_factory=list)
    live: dict[int, list[PipelineRun]] = field(default_factory=dict)
    sustained: list[Slice] = field(default_factory=list)
    scaling: dict[str, Curve] = field(default_factory=dict)


class Bench:
    """One measurement; for one use.

    Attributes:
        records: what was measured up to now, a record a candidate.
        machine: what the machine was before it began.
        notes: what was done to the source, a line each.
        interrupted: whether `stop` was called before the end.
    """

    def __init__(self, request: Request, terms: Terms) -> None:
        """Find out whether all of it can be done; builds TensorRT plans, which takes minutes.

        Raises:
            InputError: it cannot.
        """
        self.machine = machine.machine_facts()
        self.request = request
        self.records = [
            Record(candidate, candidate.opened_with(streams=1).version())
            for candidate in request.candidates(terms, report.cores())
        ]
        self.notes: list[str] = []
        self.interrupted = False
        self._readings = Readings()
        self._images: dict[tuple[int, int], list[NDArray[np.uint8]]] = {}

    def stop(self) -> None:
        """End it early and in order; from any thread or signal handler."""
        self.interrupted = True

    @property
    def candidates(self) -> list[Candidate]:
        """What is compared, in the order of the request."""
        return [record.candidate for record in self.records]

    @property
    def rounds(self) -> int:
        """How many rounds are whole."""
        return min(len(runs) for record in self.records for runs in self._series(record))

    def run(self, on_step: Callable[[str], None]) -> None:
        """Measure everything; blocks.

        Args:
            on_step: told before each step what it is.

        Raises:
            InputError, StageError: something cannot be measured.
            Interrupted: `stop` was called. If `rounds` is not 0, there is something to report all the same;
                what does not belong to a whole round is left out.
        """
        try:
            self._run(on_step)
        except Interrupted:
            rounds = self.rounds
            for record in self.records:
                for runs in self._series(record):
                    del runs[rounds:]
            raise

    def _run(self, on_step: Callable[[str], None]) -> None:
        with ExitStack() as around:
            folder = Path(around.enter_context(tempfile.TemporaryDirectory(prefix="rtseg-bench-")))
            films = Films(self.request.source, folder, self._check_stopped)
            self.notes = films.notes
            on_step("reading the source")
            self._collect_images(films)
            self._run_rounds(films, folder / "out.mp4", on_step)
            if self.request.seconds >= SUSTAINED_FROM_S and not self.request.is_live:
                self._run_sustained(films, folder / "out.mp4", on_step)
            if self.request.scaling:
                self._run_scaling(films, folder, on_step)

    def steps(self) -> int:
        """How many steps `run` has, about."""
        steps = 1 + sum(1 for _ in self._in_turns())
        if self.request.seconds >= SUSTAINED_FROM_S:
            steps += round((self.request.seconds - _ROUNDS_S) / SLICE_S) * len(self.records)
        return steps + self.request.scaling * 3 * len(self.records)

    def _steps(self) -> list[tuple[str, int]]:
        """Names of a round's steps, and for live ones the frames a second."""
        engine = [("engine", 0), ("streams", 0)]
        if self.request.is_live:
            return [*engine, ("live", 0)]
        live = [("live", fps) for fps in LIVE_FPS] if self.request.is_film else []
        return [*engine, ("file", 0), *live]

    def _run_rounds(self, films: Films, out: Path, on_step: Callable[[str], None]) -> None:
        for number, (name, fps), record in self._in_turns():
            on_step(f"round {number + 1}/{ROUNDS}: {record.candidate.name}, {_WORDS[name]}{fps or ''}")
            self._check_stopped()
            round_s = min(self.request.seconds, _ROUNDS_S) * _MEASURING / ROUNDS
            seconds = round_s * _SHARES[name]
            self._readings.take()
            if name == "file":
                record.file.append(self._file_run(record, films, out, max(seconds, _LEAST_S)))
            elif name == "live":
                run = self._live_run(record, films, fps, max(seconds, _LEAST_S))
                record.live.setdefault(fps, []).append(run)
            else:
                self._time_engine(record, name, seconds)

    def _series(self, record: Record) -> list[list[Any]]:
        """What grows by one a round."""
        series: list[list[Any]] = []
        for name, fps in self._steps():
            if name == "live":
                series.append(record.live.setdefault(fps, []))
            elif name != "streams" or record.candidate.streams > 1:
                series.append(getattr(record, name))
        return series

    def _in_turns(self) -> Iterator[tuple[int, tuple[str, int], Record]]:
        for number, step, record in interleaved(ROUNDS, self._steps(), self.records):
            if step[0] != "streams" or record.candidate.streams > 1:
                yield number, step, record

    def _time_engine(self, record: Record, name: str, seconds: float) -> None:
        streams = record.candidate.streams if name == "streams" else 1
        backend = record.candidate.opened_with(streams=streams)
        images = self._images[record.candidate.file.input_hw]
        run = engine_run(backend, images, seconds, self._check_stopped)
        record.device = backend.device
        (record.streams if name == "streams" else record.engine).append(run)

    def _file_run(self, record: Record, films: Films, out: Path, seconds: float) -> PipelineRun:
        film = films.long() if self.request.is_film else self.request.source
        target = out if self.request.is_film else None
        return file_run(record.candidate, film, target, self._watch, seconds=seconds)

    def _live_run(self, record: Record, films: Films, fps: int, seconds: float) -> PipelineRun:
        source = films.at(fps) if fps else self.request.source
        return live_run(
            record.candidate,
            source,
            self._watch,
            seconds=seconds,
            played=bool(fps),
        )

    def _run_sustained(self, films: Films, out: Path, on_step: Callable[[str], None]) -> None:
        began = time.monotonic()
        whole_s = (self.request.seconds - _ROUNDS_S) * len(self.records)
        while time.monotonic() - began < whole_s:
            for record in self.records:
                left_s = whole_s - (time.monotonic() - began)
                on_step(f"sustained, {left_s:.0f} s left: {record.candidate.name}, film")
                run = self._file_run(record, films, out, SLICE_S)
                middle = (run.begun + run.ended) / 2 - began
                reading = self._readings.between(run.begun, run.ended)
                record.sustained.append(Slice(middle, run, reading))

    def _run_scaling(self, films: Films, folder: Path, on_step: Callable[[str], None]) -> None:
        for record in self.records:
            candidate, name = record.candidate, record.candidate.name
            images = self._images[candidate.file.input_hw]
            on_step(f"scaling: {name}, threads")
            record.scaling["threads"] = thread_curve(
                candidate, images, report.cores(), self._check_stopped, seconds=_SCALING_S / 2
            )
            if not self.request.is_film:
                continue
            on_step(f"scaling: {name}, sizes")
            record.scaling["sizes"] = size_curve(
                candidate, films, folder / "out.mp4", self._watch, seconds=_SCALING_S
            )
            on_step(f"scaling: {name}, streams")
            record.scaling["streams"] = stream_curve(
                candidate, films.long(), folder, self._check_stopped, seconds=_SCALING_S
            )

    def _collect_images(self, films: Films) -> None:
        """Frames of the source at each model's size, for the engines."""
        source = self.request.source if self.request.is_live else films.original()
        for candidate in self.candidates:
            input_hw = candidate.file.input_hw
            if input_hw in self._images:
                continue
            self._check_stopped()
            self._images[input_hw] = _images_of(source, input_hw)
        for images in self._images.values():
            if not images:
                raise SourceError(f"{self.request.source}: there is not a single frame in it.")

    def _watch(self) -> None:
        self._check_stopped()
        self._readings.take()

    def _check_stopped(self) -> None:
        if self.interrupted:
            raise Interrupted("interrupted")


def _images_of(source: str, input_hw: tuple[int, int]) -> list[NDArray[np.uint8]]:
    samples: Sequence[Any] = samples_of_the_source(input_hw, source)
    return [sample.image_rgb for sample in samples]
