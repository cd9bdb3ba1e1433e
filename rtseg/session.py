"""Puts a run together: source, stages, backend and sinks, joined into a pipeline, and reports on it."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import cv2

from rtseg import report
from rtseg.backends import backend_for
from rtseg.errors import Interrupted, SourceError, StageError
from rtseg.going_on import PAGE, conclude, facts_of, journal_for, noting_in, take_over
from rtseg.options import check_outputs
from rtseg.outputs import film_sinks
from rtseg.pipeline import Pipeline
from rtseg.pipeline.key_rules import KeyRules
from rtseg.pipeline.meter import Meter
from rtseg.sinks.growing import GrowingVideo
from rtseg.sinks.kept import Forerun, Kept
from rtseg.sinks.metrics import Figures, Latency
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.sources import open_source
from rtseg.stages.between import Between
from rtseg.stages.capture import Capture
from rtseg.stages.colorize import Colorize
from rtseg.stages.follow import Follow
from rtseg.stages.infer import Infer
from rtseg.stages.keys import key_rule_for
from rtseg.stages.painter import check_overlay, painter_on
from rtseg.stages.preprocess import Preprocess
from rtseg.stages.present import Present
from rtseg.stages.smooth import Smooth
from rtseg.tensorrt.cache import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Self

    from rtseg.journal import Journal
    from rtseg.options import RunOptions
    from rtseg.pipeline import Books, Outcome, Progress
    from rtseg.pipeline.stage import Stage
    from rtseg.sinks.base import Sink
    from rtseg.sources.base import Source
    from rtseg.web.page import RunPage

MOST_STREAMS = 4
"""Frames that are inferred at the same time, at most; with more, too many wait for their turn."""

_STAY_S = 0.1
"""How often a page that stays looks whether it is to go."""

_WAITING_BYTES = 256 << 20
"""Of pictures that wait for labels, as far as the longest gap allows."""


class Session:
    """One run, from opening its source to its report; for one use.

    Making one opens the source and the model file, and checks all options; nothing is written before `run`.
    A context manager: leaving it closes the source.

    Attributes:
        mode: "file" or "live".
        source: the opened source.
        outcome: how the run went; None before it has ended.
        page: what browsers see of it; None without `options.serve`.
    """

    mode: ClassVar[str] = "file"

    def __init__(
        self,
        options: RunOptions,
        pieces: Forerun | None = None,
        *,
        terms: Terms | None = None,
        make_meter: Callable[[Sequence[str]], Meter] = Meter,
    ) -> None:
        """Check the options and open what is read.

        Args:
            options: what to do.
            pieces: outputs of the same source and options, made by others, which go before all that is made.
            terms: how a TensorRT plan is got where one is needed, and who is told meanwhile.
            make_meter: makes what measures the run, of the stages' names.

        Raises:
            InputError: an option is out of its range, or the source, the model or the output cannot be used.
        """
        self.options = options
        self.outcome: Outcome | None = None
        self._stop_asked = False
        self._make_meter = make_meter
        self._open = ExitStack()
        check_outputs(options)
        self.page = _page_for(options)
        try:
            self._begin(pieces, terms)
        except BaseException:
            self._open.close()
            if self.page is not None:
                self.page.close()
            raise

    def _begin(self, pieces: Forerun | None, terms: Terms | None) -> None:
        """Open what is read."""
        options = self.options
        self._keys = key_rule_for(options.every)
        self._journal = self._make_journal()
        threads = options.threads or report.cores()
        self.backend = backend_for(
            options.backend,
            options.model,
            options.precision,
            threads,
            streams=min(threads, MOST_STREAMS) if self.mode == "file" else 1,
        )
        check_overlay(options.overlay_on, self.backend.name)
        self.source: Source = self._open.enter_context(self._make_source())
        self.backend.prepare(terms or Terms(trust=options.trust_plan))
        self._prepare(pieces)

    def _prepare(self, pieces: Forerun | None) -> None:
        """Make all that needs the opened source."""
        self._facts = facts_of(self.options, self.backend)
        earlier = take_over(self._journal, self._facts, self.options)
        self._forerun = pieces or earlier or Forerun(self.options.begin)
        self._is_anew = earlier is None
        self._pipeline = self._make_pipeline()

    @property
    def kept_frames(self) -> int:
        """How many frames an earlier run has made, which are not made again."""
        return self._forerun.next_frame - self.options.begin

    @property
    def meter(self) -> Meter:
        """How long stages and frames take; for reading."""
        return self._pipeline.meter

    def run(self, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Run to the end of the source; blocks, and calls `on_progress` about ten times a second.

        Raises:
            StageError: a stage failed on the way; its cause is chained. The outputs were closed in order.
            SourceError: the source had not a single frame; nothing was written.
            Interrupted: `stop` was called; the outputs were closed in order.
        """
        cv2.setNumThreads(1)  # process-wide: each stage has one thread, and the backend wants the other cores
        if self._journal is not None:
            self._journal.begin(self._facts, anew=self._is_anew)
        try:
            with self._served():
                outcome = self._pipeline.run(on_progress)
        except StageError as error:
            error.stuck = self._is_stuck()
            raise
        finally:
            self.outcome = self._pipeline.outcome
            if self._journal is not None and self.outcome is not None:
                conclude(self._journal, self.outcome, made=any(self.outputs().values()))
            self.close()
        if outcome.stopped:
            shown = self.kept_frames + outcome.books.shown
            go_on = "; --resume goes on from there" if self._journal is not None else ""
            raise Interrupted(f"interrupted after {shown} frames; what was written is whole{go_on}")
        if outcome.books.captured + self.kept_frames == 0:
            raise SourceError(f"{self.source.uri}: there is not a single frame in it.")
        return outcome

    def stop(self) -> None:
        """End the run early and in order, and `stay`; from any thread or signal handler."""
        self._stop_asked = True
        self._pipeline.stop()

    def stay(self) -> None:
        """With a page that stays, wait until somebody calls `stop`."""
        while self.page is not None and self.page.stays and not self._stop_asked:
            time.sleep(_STAY_S)

    @contextmanager
    def _served(self) -> Iterator[None]:
        """The page, if there is one, around a run."""
        page = self.page
        if page is not None:
            page.start(self, self.prometheus_figures, self.options.opacity)
        try:
            yield
        finally:
            if page is not None and not page.stays:
                page.close()

    def close(self) -> None:
        """Close the source, which a run does by itself; not while a stuck thread may still be in it."""
        if not self._is_stuck():
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self.page is not None:
            self.page.close()

    def report(self) -> dict[str, Any]:
        """The `run` report, schema 1, so far; whole after `run`, also after one that raised."""
        outcome = self._pipeline.so_far()
        books = outcome.books
        facts = {
            "schema": report.SCHEMA,
            "command": "run",
            "environment": report.environment(self.backend.name, self.backend.version()),
            "model": report.model_facts(self.backend.model),
            "source": self._source_facts(),
            "mode": self.mode,
            "frames": {
                "captured": books.captured + self.kept_frames,
                "fresh": books.fresh + self.kept_frames - self._forerun.propagated,
                "propagated": books.propagated + self._forerun.propagated,
                "held": books.held,
                "dropped": dict(books.dropped),
            },
            "resumed_frames": self.kept_frames,
            "running": self.running,
            "seconds": outcome.seconds,
            "fps": outcome.fps,
            "latency_ms": {name: dict(figures) for name, figures in outcome.latency_ms.items()},
            "cpu_ms_per_frame": dict(outcome.cpu_ms_per_frame),
            "outputs": self.outputs(),
            "warnings": self.warnings(),
            "errors": [str(error) for error in outcome.errors],
        }
        if self._keys is not None:
            facts["every"] = self._keys.summary()
        if self._smooth is not None:
            facts["smooth"] = self._smooth.summary()
        return facts

    def _source_facts(self) -> dict[str, Any]:
        return {
            "uri": self.source.uri,
            "width": self.source.width,
            "height": self.source.height,
            "fps": float(self.source.fps),
        }

    def figures(self) -> str:
        """How the run is going, in a line; at any time."""
        return f"{self._pipeline.books.sentence()}; {self._pipeline.meter.fps:.1f} fps"

    @property
    def running(self) -> bool:
        """Whether the run is not over yet."""
        return self._pipeline.outcome is None

    @property
    def title(self) -> str:
        """What is run over, without the folder that it lies in."""
        uri = self.source.uri
        return uri if "://" in uri else uri.rstrip("/").rpartition("/")[2]

    @property
    def books(self) -> Books:
        """What has become of the frames of this run so far."""
        return self._pipeline.books

    def waiting(self) -> dict[str, int]:
        """How many frames lie before each stage."""
        return self._pipeline.waiting()

    def punctuality(self) -> dict[str, Any] | None:
        """How punctual the run is so far, as in the report; None without a fixed latency."""
        return None

    def prometheus_figures(self) -> Figures:
        """The figures of the run so far, from any thread."""
        meter = self.meter
        return Figures(
            books=self.books,
            latency={name: Latency.of(histogram) for name, histogram in meter.histograms.items()},
            fps=meter.fps,
            waiting=self.waiting(),
        )

    def summary(self) -> dict[str, str]:
        """What this kind of run has to say beside frames and speed, for people."""
        return {}

    def warnings(self) -> list[str]:
        """What the source and the sinks found worth saying, a line each."""
        return [*self.source.warnings, *self._present.warnings]

    def outputs(self) -> dict[str, str | None]:
        """Paths of what was written: "video", "labels" and "table"; None where there is nothing."""
        paths = self.options.outputs
        return {
            kind: str(paths[kind]) if kind in paths and paths[kind].exists() else None
            for kind in ("video", "labels", "table")
        }

    def pieces(self) -> dict[str, Kept]:
        """What was made, once it is whole, for another session to put together."""
        frames = self.kept_frames + (self.outcome.books.shown if self.outcome is not None else 0)
        return {
            kind: Kept(path, frames, {"tags": sink.tags} if isinstance(sink, GrowingVideo) else {})
            for (kind, path), sink in zip(self.options.outputs.items(), self._sinks.values(), strict=True)
        }

    @property
    def expected_frames(self) -> int | None:
        """How many frames there should be, as far as one can know. For progress bars only."""
        return self._capture.frame_count

    def _is_stuck(self) -> bool:
        return self._pipeline.outcome is not None and bool(self._pipeline.outcome.stuck)

    def _make_source(self) -> Source:
        options = self.options
        return open_source(options.source, stream=options.stream, one_size=options.writes_film)

    def _make_journal(self) -> Journal | None:
        return journal_for(self.options)

    def _make_colorize(self) -> Colorize:
        options = self.options
        return Colorize(
            self.backend.model.classes,
            opacity=options.opacity,
            only=options.only,
            view=options.view,
            legend=options.legend,
            mark_stale=options.live is not None and options.live.mark_stale,
            painter=painter_on(options.overlay_on),
        )

    def _make_smooth(self, period: int | None) -> list[Smooth]:
        """The stage, if it is asked for."""
        self._smooth = Smooth(period) if self.options.smooth else None
        return [self._smooth] if self._smooth is not None else []

    def _make_pipeline(self) -> Pipeline:
        options = self.options
        journal = self._journal
        self._capture = Capture(
            self.source,
            begin=self._forerun.next_frame,
            after_pts=self._forerun.last_pts,
            max_frames=options.max_frames,
            seconds=options.seconds,
        )
        classes = self.backend.model.classes
        self._sinks = film_sinks(options, self.source, classes, self._forerun, self.expected_frames)
        shown: dict[str, Sink] = {} if self.page is None else {PAGE: self.page.shelf}
        self._present = (
            Present({**self._sinks, **shown})
            if journal is None
            else Present({**self._sinks, **shown}, on_segment=noting_in(journal, self._forerun.propagated))
        )
        label: list[Stage] = [Preprocess(self.backend.model.input_hw), Infer(self.backend)]
        show: list[Stage] = [*self._make_smooth(SEGMENT_FRAMES), self._make_colorize(), self._present]
        if self._keys is None:
            return Pipeline(self._capture, [*label, *show], make_meter=self._make_meter)
        return Pipeline(
            self._capture,
            [Follow(self._keys, SEGMENT_FRAMES), *label, Between(), *show],
            rules=KeyRules(self._frames_that_may_wait()),
            make_meter=self._make_meter,
        )

    def _frames_that_may_wait(self) -> int:
        """For their labels: three gaps' worth, so that inference has several to do, or what memory allows."""
        assert self._keys is not None
        picture = self.source.width * self.source.height * 3 // 2
        wanted = min(3 * self._keys.largest, _WAITING_BYTES // max(picture, 1))
        return max(self._keys.largest + 2, wanted)


def _page_for(options: RunOptions) -> RunPage | None:
    """The page of a run, its address taken."""
    if options.serve is None:
        return None
    from rtseg.web.page import RunPage

    return RunPage(options.serve)
