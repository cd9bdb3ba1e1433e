"""The work on one file, or on a piece of it: one and the same code on every worker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtseg.errors import Interrupted, RtsegError, SourceFault, StageError
from rtseg.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rtseg.options import RunOptions
    from rtseg.sinks.kept import Forerun, Kept


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do; can be sent to another process.

    Attributes:
        options: the run.
        pieces: what goes before all that it makes; see `Session`.
    """

    options: RunOptions
    pieces: Forerun | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended; can be sent back.

    Attributes:
        frames: how many frames the outputs hold.
        seconds: how long it took.
        error: what went wrong, one or two plain lines; None if nothing did.
        ends_early: whether that is only that the source does, whose frames up to there are all made.
        interrupted: whether it was asked to stop.
        warnings: a line each.
        damaged: whether some of them are about the source.
        made: the outputs, by kind.
    """

    frames: int = 0
    seconds: float = 0.0
    error: str | None = None
    ends_early: bool = False
    interrupted: bool = False
    warnings: tuple[str, ...] = ()
    damaged: bool = False
    made: Mapping[str, Kept] = field(default_factory=dict)


def perform(job: Job, on_session: Callable[[Session], None] = lambda _session: None) -> Result:
    """Do the job; what goes wrong is told in the result, not raised. `on_session` gets the run to stop it."""
    begun = time.monotonic()
    try:
        session = Session(job.options, job.pieces)
    except RtsegError as error:
        return Result(seconds=time.monotonic() - begun, error=str(error))
    failure: RtsegError | None = None
    with session:
        on_session(session)
        try:
            session.run()
        except RtsegError as error:
            failure = error
    shown = session.outcome.books.shown if session.outcome is not None else 0
    return Result(
        frames=session.kept_frames + shown,
        seconds=time.monotonic() - begun,
        error=str(failure) if failure is not None else None,
        ends_early=isinstance(failure, StageError) and isinstance(failure.__cause__, SourceFault),
        interrupted=isinstance(failure, Interrupted),
        warnings=tuple(session.warnings()),
        damaged=bool(session.source.warnings),
        made=session.pieces(),
    )
