"""What is done next: whole files, pieces of long ones, their joining, and again what a dead worker left."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from rtseg.batch.job import Job, Result
from rtseg.batch.pieces import cutting_for
from rtseg.errors import InputError, RtsegError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from rtseg.batch.clips import Clip
    from rtseg.batch.pieces import Cutting
    from rtseg.options import RunOptions

ATTEMPTS = 3
_WAIT_S = 0.5


class WorkerDiedError(RtsegError):
    """A worker died on a job, which may be tried again."""


class Executor(Protocol):
    """Where jobs are done."""

    workers: int

    def start(self, job: Job) -> Any:  # noqa: ANN401 (whatever tells jobs apart there)
        """Begin a job; returns what tells it apart."""

    def wait(self, handles: Iterable[Any], timeout_s: float) -> list[Any]:
        """Those of the jobs that have ended, after this time at most."""

    def result(self, handle: Any) -> Result:  # noqa: ANN401 (as above)
        """How a job that has ended did; WorkerDiedError if its worker died."""

    def stop(self, handles: Iterable[Any]) -> None:
        """Have all jobs end in order."""

    def close(self) -> None:
        """Let go of the workers."""


@dataclasses.dataclass(slots=True)
class Work:
    """A clip on its way; changed by the scheduler only.

    Attributes:
        clip: the file.
        options: the run over it.
        cutting: how it is cut, None for in one go.
        results: of its pieces, by number.
        seconds: how long all its jobs took so far.
    """

    clip: Clip
    options: RunOptions
    cutting: Cutting | None = None
    results: dict[int, Result] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    work: Work
    job: Job
    piece: int | None = None
    attempt: int = 1


class Scheduler:
    """Takes a batch through an executor; used by one thread."""

    def __init__(self, executor: Executor, on_done: Callable[[Work, Result], None]) -> None:
        """`on_done` gets each clip once, with the result of its last job."""
        self._executor = executor
        self._on_done = on_done
        self._waiting: deque[_Task] = deque()
        self._running: dict[Any, _Task] = {}
        self._stopped = False

    @property
    def running(self) -> list[RunOptions]:
        """The runs that are under way, pieces among them."""
        return [task.job.options for task in self._running.values()]

    def run(self, works: Sequence[Work], on_wait: Callable[[], None] = lambda: None) -> None:
        """Do all the work; `on_wait` is called about twice a second."""
        workers = self._executor.workers
        for work in works:
            self._waiting += self._first_tasks(work, is_alone=len(works) < 2 * workers)
        while self._running or (self._waiting and not self._stopped):
            while self._waiting and not self._stopped and len(self._running) < workers:
                task = self._waiting.popleft()
                self._running[self._executor.start(task.job)] = task
            for handle in self._executor.wait(self._running, _WAIT_S):
                self._finish(self._running.pop(handle), handle)
            on_wait()

    def stop(self) -> None:
        """Begin nothing more, and have what is under way end in order; from a signal handler, too."""
        self._stopped = True
        self._executor.stop(list(self._running))

    def _first_tasks(self, work: Work, *, is_alone: bool) -> list[_Task]:
        try:
            folder = _pieces_folder(work)
            work.cutting = cutting_for(work.options, folder, self._executor.workers) if is_alone else None
        except InputError:
            work.cutting = None  # the run itself will say what is wrong
        if work.cutting is None:
            return [_Task(work, Job(work.options))]
        work.cutting.folder.mkdir(parents=True, exist_ok=True)
        return [_Task(work, job, piece) for piece, job in enumerate(work.cutting.jobs())]

    def _finish(self, task: _Task, handle: Any) -> None:  # noqa: ANN401 (as above)
        work = task.work
        try:
            result = self._executor.result(handle)
        except WorkerDiedError as error:
            if task.attempt < ATTEMPTS and not self._stopped:
                self._waiting.appendleft(_again(task))
                return
            result = Result(error=f"{work.clip.path}: {error}, {task.attempt} times. Run again for the rest.")
        work.seconds += result.seconds
        if task.piece is None or result.interrupted:
            self._end(work, result)
        else:
            self._take_piece(work, task.piece, result)

    def _take_piece(self, work: Work, piece: int, result: Result) -> None:
        assert work.cutting is not None
        work.results[piece] = result
        if len(work.results) < len(work.cutting.bounds) - 1:
            return
        results = [work.results[number] for number in sorted(work.results)]
        if work.cutting.is_whole(results):
            self._waiting.appendleft(_Task(work, work.cutting.joining(results)))
        else:
            self._waiting.appendleft(_Task(work, Job(work.options)))

    def _end(self, work: Work, result: Result) -> None:
        if work.cutting is not None and not result.interrupted:
            work.cutting.remove()
        self._on_done(work, result)


def _pieces_folder(work: Work) -> Path:
    first = next(iter(work.options.outputs.values()))
    return first.with_name(f".{first.name}.pieces")


def _again(task: _Task) -> _Task:
    """The task once more, going on with what the dead worker left."""
    options = dataclasses.replace(task.job.options, resume=True, overwrite=False)
    job = dataclasses.replace(task.job, options=options)
    return dataclasses.replace(task, job=job, attempt=task.attempt + 1)
