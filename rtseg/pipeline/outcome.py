"""What a run tells while it lasts, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.errors import StageError
    from rtseg.pipeline.books import Books


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        books: the frames up to now.
        fps: frames shown a second, from the first shown to the last; 0 before the second frame.
        seconds: time since the run began.
    """

    books: Books
    fps: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went.

    Attributes:
        books: balanced, unless `run` was left by a second Ctrl-C while it was winding up.
        latency_ms: mean, p50, p90, p95, p99 and max by stage and for `end_to_end`;
            a stage that finished no frame is absent.
        cpu_ms_per_frame: CPU milliseconds a shown frame, by stage and for `runtime threads`: what the process
            spent in no stage's thread. Empty if nothing was shown.
        fps: (n − 1) / t for n frames shown, t seconds between the first and the last; 0 for n < 2.
        seconds: from the beginning of the run until its last thread had ended.
        stopped: whether `Pipeline.stop` was called before the end.
        errors: everything that stages raised, in that order; `run` raised the first.
        stuck: names of the stages whose threads had to be left behind. Non-empty means that the interpreter
            will not end by itself until their calls return.
    """

    books: Books
    latency_ms: Mapping[str, Mapping[str, float]]
    cpu_ms_per_frame: Mapping[str, float]
    fps: float
    seconds: float
    stopped: bool
    errors: tuple[StageError, ...]
    stuck: tuple[str, ...]
