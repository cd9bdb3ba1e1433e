"""A live run: a camera or stream, shown at once or at a fixed latency, until it is stopped."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import av
import cv2

from rtseg.errors import InputError, Interrupted, OutputError, SinkFault, StageError
from rtseg.frame import Frame, Labelled, LabelMap
from rtseg.going_on import PAGE
from rtseg.outputs import live_sinks
from rtseg.pipeline import Pipeline
from rtseg.pipeline.clock import NS_PER_MS, ms_from_ns, ns_from_s
from rtseg.pipeline.meter import END_TO_END, Meter
from rtseg.pipeline.priority import quick_switches
from rtseg.pipeline.rules import LiveRules
from rtseg.session import Session
from rtseg.sinks.images import is_image_output
from rtseg.sinks.kept import Forerun
from rtseg.sinks.metrics import MetricsServer
from rtseg.sinks.output import holds_something
from rtseg.sinks.recording import pieces_of
from rtseg.sources import open_source
from rtseg.stages.capture import Capture
from rtseg.stages.infer import Infer
from rtseg.stages.preprocess import Preprocess
from rtseg.stages.present import Present
from rtseg.stages.propagate import Propagate
from rtseg.window.latest import LatestPicture
from rtseg.window.strip import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rtseg.options import LiveRun, RunOptions
    from rtseg.pipeline import Outcome, Progress
    from rtseg.pipeline.stage import Stage
    from rtseg.sinks.base import Sink
    from rtseg.sinks.metrics import Figures
    from rtseg.sources.base import Source
    from rtseg.sources.live import LiveSource
    from rtseg.tensorrt.cache import Terms

_TRIAL_S = 5.0
_TRIAL_LATENCY_MS = 1000.0
_TRIAL_MARGIN = 1.15
_STEP_MS = 5
_LATEST_S = 0.025
"""How long after its slot a frame may be shown at most; at usual frame rates half an interval is less."""
_WATCH_S, _TICK_S, _LOOK_UP_S = 0.1, 0.015, 0.5
"""How often the main thread looks at a run, draws its window, and computes percentiles for it."""
_OPENING_S, _STALL_S = 60.0, 1.0
"""How long a run of limited length waits for its first frame, and for one after its last."""


class LiveSession(Session):
    """One live run; used as `Session` is. `options.live` says what is different.

    Attributes:
        rules: which frames are inferred, and how punctual they are.
        proposed_ms: the latency that `--latency auto` found; None before, and without it.
    """

    mode: ClassVar[str] = "live"

    def __init__(
        self,
        options: RunOptions,
        sinks: Mapping[str, Sink] | None = None,
        *,
        terms: Terms | None = None,
        make_meter: Callable[[Sequence[str]], Meter] = Meter,
    ) -> None:
        """Check the options, open the source, and see whether the latency can be reached.

        Args:
            options: what to do, with `live`.
            sinks: further sinks, by names of their own; they get each picture before the outputs do.
            terms: see `Session`.
            make_meter: likewise.

        Raises:
            InputError: an option is out of its range, or the source, the model or an output cannot be used.
        """
        assert options.live is not None
        self.live: LiveRun = options.live
        self.proposed_ms: float | None = None
        self._further_sinks = sinks or {}
        super().__init__(options, terms=terms, make_meter=make_meter)

    @property
    def live_source(self) -> LiveSource:
        """The opened source."""
        return cast("LiveSource", self.source)

    def run(self, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Run until the source ends, the window is closed or `stop` is called; see `Session.run`.

        With a window, only from the main thread, and `rtseg.window.display.open_display` comes first.
        """
        cv2.setNumThreads(1)
        try:
            with ExitStack() as around:
                outcome = self._run(around, on_progress or (lambda _: None))
        except StageError as error:
            error.stuck = self._is_stuck()
            raise
        finally:
            self.outcome = self._pipeline.outcome
            self.close()
        stuck = [aside.name for aside in self._asides if aside.stuck]
        if stuck:
            fault = SinkFault(f"{', '.join(stuck)}: does not take what was to be written; the rest is lost")
            fault.stuck = True
            raise fault
        if self._stop_asked:
            raise Interrupted(f"interrupted after {outcome.books.shown} frames; what was written is whole")
        return outcome

    def _run(self, around: ExitStack, report: Callable[[Progress], None]) -> Outcome:
        """Open what is beside the pipeline, and run."""
        window = None
        around.enter_context(self._served())
        if self.rules.schedule is not None:
            around.enter_context(quick_switches())
        if self.live.metrics is not None:
            around.enter_context(MetricsServer(self.live.metrics, self.prometheus_figures))
        if self._latest is not None:
            from rtseg.window.window import Window

            classes = self.backend.model.classes
            window = around.enter_context(Window(self._latest, self._colorize, classes))
        status = _Status(self)

        def watch(progress: Progress) -> None:
            self._stop_if_over(progress)
            if self.live.auto_latency:
                self._settle_latency()
            if window is not None and not window.tick(status.at(progress)):
                self._end()
            report(progress)

        return self._pipeline.run(watch, interval_s=_TICK_S if window is not None else _WATCH_S)

    def prometheus_figures(self) -> Figures:
        """The figures of the run so far, from any thread."""
        deadline = self.rules.deadline
        return replace(
            super().prometheus_figures(),
            deadline_missed=deadline.missed if deadline is not None else 0,
            reconnects=self.live_source.facts().get("outages", 0),
        )

    def punctuality(self) -> dict[str, Any] | None:
        """How punctual the run is so far, as in the report; None without a fixed latency."""
        deadline = self.rules.deadline
        return deadline.summary() if deadline is not None else None

    def stop(self) -> None:
        """End the run early and in order; from any thread or signal handler."""
        self._stop_asked = True
        self._end()

    def report(self) -> dict[str, Any]:
        """The `run` report, schema 1, with what only live runs have."""
        facts = super().report()
        rules = self.rules
        if rules.deadline is not None and rules.schedule is not None:
            facts["deadline"] = {
                **rules.deadline.summary(),
                "proposed_ms": self.proposed_ms,
                "labels_ready_ms": rules.schedule.ready.summary_ms(),
            }
            facts["every"] = rules.thinning.summary()
        facts["forgiven"] = dict(rules.forgiven)
        path = self.options.outputs.get("video")
        if path is not None and self.live.split_s is not None:
            facts["recordings"] = [str(piece) for piece in pieces_of(path)]
        return facts

    def outputs(self) -> dict[str, str | None]:
        """As `Session.outputs`; a recording in several files goes by the name that was asked for."""
        outputs, path = super().outputs(), self.options.outputs.get("video")
        if path is not None and self.live.split_s is not None:
            outputs["video"] = str(path) if pieces_of(path) else None
        return outputs

    def figures(self) -> str:
        """How the run is going, in a line; at any time."""
        return "; ".join([super().figures(), *self.summary().values()])

    def summary(self) -> dict[str, str]:
        """How punctual the run is, in words."""
        deadline = self.rules.deadline
        if deadline is None:
            return {}
        facts = deadline.summary()
        jitter = facts["jitter_ms"]
        found = ", found by trial" if self.proposed_ms is not None else ""
        return {
            "latency": f"{facts['budget_ms']:g} ms{found}, {facts['missed']} missed, "
            f"jitter p50 {jitter['p50']:.2f} ms, p99 {jitter['p99']:.2f} ms, max {jitter['max']:.1f} ms"
        }

    def warnings(self) -> list[str]:
        """What the source, the stages and the sinks found worth saying, a line each."""
        return [*super().warnings(), *self._rule_warnings()]

    def _prepare(self, pieces: Forerun | None) -> None:  # noqa: ARG002 (a live run has none)
        self._forerun = Forerun(0)
        self._began_s: float | None = None
        self._latest = LatestPicture() if self.live.window else None
        self._present = Present(self._all_sinks(), on_segment=None)
        self._capture = Capture(self.source, max_frames=self.options.max_frames, seconds=self.options.seconds)
        self._colorize = self._make_colorize()
        latency_ms = _TRIAL_LATENCY_MS if self.live.auto_latency else self.live.latency_ms
        if latency_ms is not None:
            self._check_reachable(latency_ms)
        self.rules = LiveRules(
            latency_ns=round(latency_ms * NS_PER_MS) if latency_ms is not None else None,
            tolerance_ns=ns_from_s(min(float(1 / (2 * self.source.fps)), _LATEST_S)),
            every=self.live.every,
            skip_errors=self.live.skip_errors,
        )
        self._pipeline = Pipeline(
            self._capture, self._stages(), rules=self.rules, make_meter=self._make_meter
        )

    def _make_journal(self) -> None:
        """There is nothing to go on with after a live run, so there is no journal.

        Raises:
            OutputError: an output would be replaced, or is not one of live runs.
        """
        if self.options.out is not None and is_image_output(self.options.out):
            raise OutputError(f"{self.options.out}: a live run is recorded as a video, such as seen.mp4.")
        if self.options.overwrite:
            return
        outputs = self.options.outputs
        pieces = pieces_of(outputs["video"]) if "video" in outputs and self.live.split_s is not None else []
        for path in (*outputs.values(), *pieces):
            if holds_something(path):
                raise OutputError(
                    f"{path}: exists already. Choose another name, or give --overwrite to replace it."
                )

    def _make_source(self) -> Source:
        options = self.options
        return open_source(
            options.source, stream=options.stream, live=self.live.receive, realtime=self.live.realtime
        )

    def _source_facts(self) -> dict[str, Any]:
        return {**super()._source_facts(), **self.live_source.facts()}

    def _stages(self) -> list[Stage]:
        before: list[Stage] = [Preprocess(self.backend.model.input_hw), Infer(self.backend)]
        after: list[Stage] = [*self._make_smooth(None), self._colorize, self._present]
        return [*before, *after] if self.rules.deadline is None else [*before, Propagate(), *after]

    def _all_sinks(self) -> dict[str, Sink]:
        asides = live_sinks(self.options, self.live, self.source, self.backend.model.classes)
        self._asides = list(asides.values())
        shown: dict[str, Sink] = {} if self._latest is None else {"window": self._latest}
        if self.page is not None:
            shown[PAGE] = self.page.shelf
        return {**self._further_sinks, **shown, **asides}

    def _end(self) -> None:
        self._pipeline.stop()
        self.live_source.stop()

    def _stop_if_over(self, progress: Progress) -> None:
        """End a run of limited length whose source delivers nothing that would show it is over."""
        if self._began_s is None and (progress.books.captured or progress.seconds > _OPENING_S):
            self._began_s = progress.seconds
        limit_s, began_s = self.options.seconds, self._began_s
        if limit_s is not None and began_s is not None and progress.seconds - began_s > limit_s + _STALL_S:
            self._end()

    def _check_reachable(self, latency_ms: float) -> None:
        """Time a frame's way, and refuse a latency that is shorter.

        Raises:
            InputError: it is.
        """
        reachable_ms = self._fastest_ms()
        if latency_ms < reachable_ms:
            raise InputError(
                f"--latency {latency_ms:g}: cannot be reached on this machine, where a frame takes "
                f"{reachable_ms:.0f} ms at best. Give {_rounded_up(reachable_ms * 1.5)} or more, "
                "or --latency auto."
            )

    def _fastest_ms(self) -> float:
        """How long a frame takes at the very least, from capture to being shown, with nothing else to do."""
        picture = av.VideoFrame(self.source.width, self.source.height, "yuv420p")
        frame = Frame(0, 0, self.source.time_base, 0, picture)
        preprocess, infer, seconds = Preprocess(self.backend.model.input_hw), Infer(self.backend), []
        with infer, self._colorize:
            for _ in range(7):
                begun = time.perf_counter()
                labelled = infer.process(preprocess.process(frame))
                self._colorize.process(Labelled(frame, LabelMap(labelled.label_map.ids)))
                seconds.append(time.perf_counter() - begun)
        return min(seconds) * 1e3

    def _settle_latency(self) -> None:
        """Some seconds after the first frame, choose the latency by how long everything has taken."""
        schedule = self.rules.schedule
        if self.proposed_ms is not None or schedule is None:
            return
        if schedule.ready.count == 0 or time.monotonic_ns() - schedule.begun_ns < ns_from_s(_TRIAL_S):
            return
        worst_ms = ms_from_ns(schedule.ready.max_ns + schedule.lead_ns)
        self.proposed_ms = float(min(_rounded_up(worst_ms * _TRIAL_MARGIN), _TRIAL_LATENCY_MS))
        self.rules.change_latency(round(self.proposed_ms * NS_PER_MS))
        self._pipeline.forget_times()

    def _rule_warnings(self) -> list[str]:
        rules = self.rules
        warnings = [
            f"{stage} failed on {count} frames, which were passed over; the last time: "
            f"{rules.last_error[stage]}"
            for stage, count in rules.forgiven.items()
        ]
        thinning = rules.thinning
        if thinning.automatic and rules.deadline is not None:
            frames = sum(thinning.counts.values())
            thinned = frames - thinning.counts[1]
            if thinned:
                usual = max(
                    (every for every in thinning.counts if every > 1), key=thinning.counts.__getitem__
                )
                warnings.append(
                    f"the machine cannot infer every frame: during {thinned} of {frames} frames every "
                    f"{_ordinal(usual)} was inferred, mostly, and the labels moved along the flow between"
                )
        return warnings


class _Status:
    """What the window's strip tells; percentiles are looked up twice a second only."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._looked_up_s = -1.0
        self._p50_ms: float | None = None
        self._p99_ms: float | None = None

    def at(self, progress: Progress) -> Status:
        if progress.seconds - self._looked_up_s > _LOOK_UP_S:
            self._looked_up_s = progress.seconds
            shown = self._session._pipeline.meter.histograms[END_TO_END]
            if shown.count:
                self._p50_ms, self._p99_ms = (ms_from_ns(shown.percentile_ns(p)) for p in (50, 99))
        deadline = self._session.rules.deadline
        missed = None if deadline is None else deadline.missed
        return Status(progress.books, progress.fps, self._p50_ms, self._p99_ms, missed)


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _rounded_up(ms: float) -> int:
    return math.ceil(ms / _STEP_MS) * _STEP_MS
