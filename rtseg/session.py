"""Puts a run together: source, stages, backend and sinks, joined into a pipeline, and reports on it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2

from rtseg import backends, report
from rtseg.backends.simulated import SimulatedBackend
from rtseg.errors import Interrupted, OutputError, SourceError, StageError
from rtseg.model import find_model
from rtseg.pipeline import Pipeline
from rtseg.sinks.images import check_image_output, image_sink, is_image_output
from rtseg.sinks.labels import check_labels_output, label_sink
from rtseg.sinks.output import CONTAINERS, check_output
from rtseg.sinks.table import TableSink, check_table_output
from rtseg.sinks.video import VideoSink
from rtseg.sources import open_source
from rtseg.stages.capture import Capture
from rtseg.stages.colorize import Colorize
from rtseg.stages.infer import Infer
from rtseg.stages.preprocess import Preprocess
from rtseg.stages.present import Present

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtseg.backends.base import Backend
    from rtseg.pipeline import Outcome, Progress
    from rtseg.sinks.base import Sink
    from rtseg.sources.base import Source


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is to do.

    Attributes:
        source: a video file; an image, a folder or a pattern of them; or
            synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N.
        stream: number of the video stream in the file; None for the best.
        out: the overlay: a video file, an image, or a folder for images; None for none.
        codec: of the overlay video: "h264", "hevc", "av1", "ffv1", or FFmpeg's name of an encoder.
        crf: quality of the overlay video on the encoder's scale, lower is better; None for the usual one.
        labels: the label maps: a .mkv file, a folder for PNG images, or None for none.
        table: a row for each frame: a .parquet or .csv file, or None for none.
        model: name of a shipped model, a model folder, an ONNX file, or None for the default.
        precision: "auto", "fp32", "fp16" or "int8".
        backend: "auto" or a backend's name.
        threads: how many threads the backend may compute with; None leaves it the choice.
        opacity: of the colours over the picture, 0…1.
        only: the classes to colour; None for all.
        view: "overlay" or "mask".
        legend: whether the classes' names and colours are burnt in.
        max_frames: end after so many frames; None for no limit.
        seconds: end after so many seconds of the source; None for no limit.
    """

    source: str
    stream: int | None = None
    out: Path | None = None
    codec: str = "h264"
    crf: float | None = None
    labels: Path | None = None
    table: Path | None = None
    model: str | None = None
    precision: str = "auto"
    backend: str = "auto"
    threads: int | None = None
    opacity: float = 0.5
    only: frozenset[str] | None = None
    view: str = "overlay"
    legend: bool = False
    max_frames: int | None = None
    seconds: float | None = None


class Session:
    """One run, from opening its source to its report; for one use.

    Making one opens the source and the model file, and checks all options; nothing is written before `run`.
    A context manager: leaving it closes the source.

    Attributes:
        source: the opened source.
        outcome: how the run went; None before it has ended.
    """

    def __init__(self, options: RunOptions) -> None:
        """Check the options and open what is read.

        Raises:
            InputError: an option is out of its range, or the source, the model or the output cannot be used.
        """
        self.options = options
        self.outcome: Outcome | None = None
        self._open = ExitStack()
        _check_outputs(options)
        self.backend = backend_for(options.backend, options.model, options.precision, options.threads)
        self.source: Source = self._open.enter_context(
            open_source(options.source, stream=options.stream, one_size=_writes_film(options))
        )
        try:
            self._pipeline = self._make_pipeline()
        except BaseException:
            self._open.close()
            raise

    def run(self, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Run to the end of the source; blocks, and calls `on_progress` about ten times a second.

        Raises:
            StageError: a stage failed on the way; its cause is chained. The outputs were closed in order.
            SourceError: the source had not a single frame; nothing was written.
            Interrupted: `stop` was called; the outputs were closed in order.
        """
        cv2.setNumThreads(1)  # process-wide: each stage has one thread, and the backend wants the other cores
        try:
            outcome = self._pipeline.run(on_progress)
        except StageError as error:
            error.stuck = self._is_stuck()
            raise
        finally:
            self.outcome = self._pipeline.outcome
            self.close()
        if outcome.stopped:
            raise Interrupted(f"interrupted after {outcome.books.shown} frames; what was written is whole")
        if outcome.books.captured == 0:
            raise SourceError(f"{self.source.uri}: there is not a single frame in it.")
        return outcome

    def stop(self) -> None:
        """End the run early and in order; from any thread or signal handler."""
        self._pipeline.stop()

    def close(self) -> None:
        """Close the source, which a run does by itself; not while a stuck thread may still be in it."""
        if not self._is_stuck():
            self._open.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def report(self) -> dict[str, Any]:
        """The `run` report, schema 1; after `run`, also after one that raised."""
        if self.outcome is None:
            raise RuntimeError("there is nothing to report before the run has ended")
        books = self.outcome.books
        return {
            "schema": report.SCHEMA,
            "command": "run",
            "environment": report.environment(self.backend.name, self.backend.version()),
            "model": report.model_facts(self.backend.model),
            "source": {
                "uri": self.source.uri,
                "width": self.source.width,
                "height": self.source.height,
                "fps": float(self.source.fps),
            },
            "mode": "file",
            "frames": {
                "captured": books.captured,
                "fresh": books.fresh,
                "propagated": books.propagated,
                "held": books.held,
                "dropped": dict(books.dropped),
            },
            "seconds": self.outcome.seconds,
            "fps": self.outcome.fps,
            "latency_ms": {name: dict(figures) for name, figures in self.outcome.latency_ms.items()},
            "outputs": self.outputs(),
            "warnings": self.warnings(),
            "errors": [str(error) for error in self.outcome.errors],
        }

    def warnings(self) -> list[str]:
        """What the source and the sinks found worth saying, a line each."""
        return [*self.source.warnings, *self._present.warnings]

    def outputs(self) -> dict[str, str | None]:
        """Paths of what was written: "video", "labels" and "table"; None where there is nothing."""
        options = self.options
        wanted = {"video": options.out, "labels": options.labels, "table": options.table}
        return {kind: str(path) if path and path.exists() else None for kind, path in wanted.items()}

    @property
    def expected_frames(self) -> int | None:
        """How many frames there should be, as far as one can know. For progress bars only."""
        return self._capture.frame_count

    def _is_stuck(self) -> bool:
        return self._pipeline.outcome is not None and bool(self._pipeline.outcome.stuck)

    def _make_pipeline(self) -> Pipeline:
        options = self.options
        classes = self.backend.model.classes
        self._capture = Capture(self.source, max_frames=options.max_frames, seconds=options.seconds)
        self._present = Present(self._make_sinks())
        return Pipeline(
            self._capture,
            [
                Preprocess(self.backend.model.input_hw),
                Infer(self.backend),
                Colorize(
                    classes,
                    opacity=options.opacity,
                    only=options.only,
                    view=options.view,
                    legend=options.legend,
                ),
                self._present,
            ],
        )

    def _make_sinks(self) -> list[Sink]:
        options = self.options
        sinks: list[Sink] = []
        if options.out is not None and is_image_output(options.out):
            sinks.append(image_sink(options.out, self.expected_frames))
        elif options.out is not None:
            sinks.append(VideoSink(options.out, self.source, codec=options.codec, crf=options.crf))
        if options.labels is not None:
            sinks.append(label_sink(options.labels, self.source))
        if options.table is not None:
            sinks.append(TableSink(options.table, self.source, self.backend.model.classes))
        return sinks


def _writes_film(options: RunOptions) -> bool:
    """Whether an output is a film, which has one size; images may each keep theirs."""
    return any(path and path.suffix.lower() in CONTAINERS for path in (options.out, options.labels))


def _check_outputs(options: RunOptions) -> None:
    """Check all outputs before anything is opened.

    Raises:
        InputError: one cannot be written, or two are one.
    """
    if options.out is not None:
        check = check_image_output if is_image_output(options.out) else check_output
        check(options.out, options.source)
    if options.labels is not None:
        check_labels_output(options.labels, options.source)
    if options.table is not None:
        check_table_output(options.table, options.source)
    outputs = [path.resolve() for path in (options.out, options.labels, options.table) if path is not None]
    if len(set(outputs)) < len(outputs):
        raise OutputError("Two outputs have the same name. Give each its own.")


def backend_for(
    backend: str, model: str | None, precision: str = "auto", threads: int | None = None
) -> Backend:
    """Choose a backend and find a model for it; the backend is not open yet.

    Raises:
        InputError: there is no such backend, model or precision.
    """
    chosen = backends.choose(backend)
    if model is None and issubclass(chosen, SimulatedBackend):
        return chosen(chosen.synthetic_model(), threads=threads)
    return chosen(find_model(model, precision, chosen.preferred_precisions), threads=threads)
