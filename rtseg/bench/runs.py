"""The whole of `rtseg run`, measured: over a file, and live."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from rtseg.bench.samples import SampleMeter
from rtseg.errors import Interrupted
from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions
from rtseg.pipeline.clock import ms_from_ns
from rtseg.session import Session
from rtseg.sources.live import LiveOptions
from rtseg.tensorrt.cache import Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rtseg.bench.request import Candidate
    from rtseg.pipeline import Progress


LEAST_FRAMES = 10
"""A run is not ended before so many were shown, however slow the machine: of fewer there is no rate."""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """How one run went. All samples are in the order in which frames were done.

    Attributes:
        begun: monotonic clock, seconds.
        ended: likewise.
        source: width, height and frames a second of what was run over.
        captured: frames that the source delivered.
        shown: frames that the sinks were given.
        dropped: the others, by cause.
        fps: (n − 1) / t of the shown ones.
        cpu_ms: CPU milliseconds a shown frame, by stage, then "runtime threads".
        stage_ms: how long each stage was busy with each frame, by stage.
        end_to_end_ms: from each shown frame's capture to the sinks' having it.
        interval_ms: between each shown frame and the one before.
    """

    begun: float
    ended: float
    source: Mapping[str, Any]
    captured: int
    shown: int
    dropped: Mapping[str, int]
    fps: float
    cpu_ms: Mapping[str, float]
    stage_ms: Mapping[str, list[float]]
    end_to_end_ms: list[float]
    interval_ms: list[float]

    def missed(self, budget_ms: float) -> int:
        """How many captured frames were not shown within the budget, shown late or not at all."""
        return self.captured - sum(sample_ms <= budget_ms for sample_ms in self.end_to_end_ms)


def file_run(
    candidate: Candidate,
    film: str,
    out: Path | None,
    watch: Callable[[], None],
    *,
    seconds: float | None = None,
) -> PipelineRun:
    """Run over a film or images as `rtseg run FILM -o OUT` does.

    Args:
        candidate: with which backend and model.
        film: over what.
        out: the overlay, which is replaced; None for none.
        watch: called about ten times a second; raises Interrupted to end it.
        seconds: end it in order after so long, but not before `LEAST_FRAMES`; None for the end of the film.

    Raises:
        InputError, StageError, SourceError: as `Session` does.
        Interrupted: `watch` did.
    """
    options = RunOptions(film, out=out, overwrite=True, **_shared(candidate))
    with Session(options, make_meter=SampleMeter, terms=Terms(trust=candidate.trust)) as session:
        return _measured(session, watch, seconds)


def live_run(
    candidate: Candidate, source: str, watch: Callable[[], None], *, seconds: float, played: bool
) -> PipelineRun:
    """Run live, each frame shown as soon as it can be; it is painted, and nothing is written.

    Args:
        candidate: with which backend and model.
        source: over what.
        watch: called about ten times a second; raises Interrupted to end it.
        seconds: how long.
        played: whether the source is a film, to be played as a camera, again and again.

    Raises:
        InputError, StageError: as `LiveSession` does.
        Interrupted: `watch` did.
    """
    live = LiveRun(realtime=played, receive=LiveOptions(loop=played))
    options = RunOptions(source, live=live, seconds=seconds, **_shared(candidate))
    with LiveSession(options, make_meter=SampleMeter, terms=Terms(trust=candidate.trust)) as session:
        return _measured(session, watch, None)


def _shared(candidate: Candidate) -> dict[str, Any]:
    return {
        "model": candidate.model,
        "precision": candidate.precision,
        "backend": candidate.backend,
        "threads": candidate.threads,
        "trust_plan": candidate.trust,
    }


def _measured(session: Session, watch: Callable[[], None], seconds: float | None) -> PipelineRun:
    begun = time.monotonic()
    first_shown: float | None = None

    def on_progress(progress: Progress) -> None:
        nonlocal first_shown
        watch()
        if first_shown is None and progress.books.shown:
            first_shown = time.monotonic()
        if seconds is None or first_shown is None or progress.books.shown < LEAST_FRAMES:
            return
        if time.monotonic() - first_shown > seconds:
            session.stop()

    try:
        session.run(on_progress)
    except Interrupted:
        watch()  # raises, if that was not us
        if session.outcome is None or not session.outcome.books.shown:
            raise
    assert session.outcome is not None
    outcome, meter = session.outcome, cast("SampleMeter", session.meter)
    shown_ns = meter.shown_ns
    source = session.source
    return PipelineRun(
        begun=begun,
        ended=time.monotonic(),
        source={"width": source.width, "height": source.height, "fps": float(source.fps)},
        captured=outcome.books.captured,
        shown=outcome.books.shown,
        dropped=dict(outcome.books.dropped),
        fps=outcome.fps,
        cpu_ms=dict(outcome.cpu_ms_per_frame),
        stage_ms={name: list(map(ms_from_ns, samples)) for name, samples in meter.stage_ns.items()},
        end_to_end_ms=list(map(ms_from_ns, meter.end_to_end_ns)),
        interval_ms=[ms_from_ns(b - a) for a, b in pairwise(shown_ns)],
    )
