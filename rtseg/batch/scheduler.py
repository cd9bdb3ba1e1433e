"""What is done next: whole files, pieces of long ones, their joining, and again what a dead worker left."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from rtseg.batch.job import Job, Result
from rtseg.batch.pieces import cutting_for
from rtseg.errors import InputError, RtsegError
from rtseg.journal import Journal

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

    @property
    def workers(self) -> int:
        """How many jobs it can do at a time."""

    @property
    def most_started(self) -> int:
        """How many jobs may be handed over at a time."""

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
    def frames_under_way(self) -> int:
        """How many frames are made of films that are not done with: looked up in the runs' journals."""
        tasks = list(self._running.values())
        works = {id(task.work): task.work for task in (*tasks, *self._waiting)}
        made = sum(result.frames for work in works.values() for result in work.results.values())
        return made + sum(Journal.peek(task.job.options.outputs).frames for task in tasks)

    def under_way(self) -> dict[str, int]:
        """How many frames are made of each film that is worked on, by its path."""
        made: dict[str, int] = {}
        for task in self._running.values():
            source = str(task.work.clip.path)
            of_pieces = sum(result.frames for result in task.work.results.values())
            made[source] = made.get(source, of_pieces) + Journal.peek(task.job.options.outputs).frames
        return made

    def run(self, works: Sequence[Work], on_wait: Callable[[], None] = lambda: None) -> None:
        """Do all the work; `on_wait` is called about twice a second."""
        for work in works:
            self._waiting += self._first_tasks(work, may_cut=len(works) < 2 * self._executor.workers)
        while self._running or (self._waiting and not self._stopped):
            while self._waiting and not self._stopped and len(self._running) < self._executor.most_started:
                task = self._waiting.popleft()
                self._running[self._executor.start(task.job)] = task
            for handle in self._executor.wait(self._running, _WAIT_S):
                self._finish(self._running.pop(handle), handle)
            on_wait()

    def stop(self) -> None:
        """Begin nothing more, and have what is under way end in order; from a signal handler, too."""
        self._stopped = True
        self._executor.stop(list(self._running))

    def _first_tasks(self, work: Work, *, may_cut: bool) -> list[_Task]:
        try:
            folder = _pieces_folder(work)
            work.cutting = cutting_for(work.options, folder, self._executor.workers) if may_cut else None
        except InputError:
            work.cutting = None  # the run itself will say what is wrong
        if work.cutting is None:
            return [_Task(work, Job(work.options))]
        work.results = work.cutting.results_on_disk()
        tasks = [_Task(work, job, piece) for piece, job in enumerate(work.cutting.jobs())]
        missing = [task for task in tasks if task.piece not in work.results]
        return missing or [_Task(work, work.cutting.joining(work.results))]

    def _finish(self, task: _Task, handle: Any) -> None:  # noqa: ANN401 (as above)
        work = task.work
        try:
            result = self._executor.result(handle)
        except WorkerDiedError as error:
            if self._stopped:
                result = Result(interrupted=True)
            elif task.attempt < ATTEMPTS:
                self._waiting.appendleft(_again(task))
                return
            else:
                message = f"{work.clip.path}: {error}, {task.attempt} times. Run again for the rest."
                result = Result(error=message)
        work.seconds += result.seconds
        if task.piece is None or result.interrupted:
            self._end(work, result)
        else:
            self._take_piece(work, task.piece, result)

    def _take_piece(self, work: Work, piece: int, result: Result) -> None:
        assert work.cutting is not None
        work.results[piece] = result
        work.cutting.note(piece, result)
        if len(work.results) < len(work.cutting.bounds) - 1:
            return
        if work.cutting.is_whole(work.results):
            self._waiting.appendleft(_Task(work, work.cutting.joining(work.results)))
        else:
            work.results = {}
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
    options = dataclasses.replace(task.job.options, resume=True, overwrite=True)
    job = dataclasses.replace(task.job, options=options)
    return dataclasses.replace(task, job=job, attempt=task.attempt + 1)
