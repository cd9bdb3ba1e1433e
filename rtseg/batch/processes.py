"""Jobs in processes of this machine, a new one for each: what one of them breaks ends with it."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from rtseg.batch.job import perform
from rtseg.batch.scheduler import WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from types import FrameType

    from rtseg.batch.job import Job, Result
    from rtseg.session import Session

_CONTEXT = multiprocessing.get_context("spawn")


class Handle:
    """A job under way."""

    def __init__(self, job: Job) -> None:
        self.answer, theirs = _CONTEXT.Pipe(duplex=False)
        self.process: SpawnProcess = _CONTEXT.Process(target=_live, args=(job, theirs))
        self.process.start()
        theirs.close()


class Processes:
    """Runs jobs in processes.

    Attributes:
        workers: how many at a time.
        most_started: the same.
    """

    def __init__(self, workers: int) -> None:
        self.workers = self.most_started = workers

    def start(self, job: Job) -> Handle:
        """Begin a job."""
        return Handle(job)

    def wait(self, handles: Iterable[Handle], timeout_s: float) -> list[Handle]:
        """Those of the jobs that have ended, after this time at most."""
        running = list(handles)
        ended = wait([handle.answer for handle in running], timeout_s)
        return [handle for handle in running if handle.answer in ended]

    def result(self, handle: Handle) -> Result:
        """How a job that has ended did; WorkerDiedError if its process died."""
        try:
            result: Result = handle.answer.recv()
        except EOFError:
            handle.process.join()
            raise WorkerDiedError(f"its process died ({_words(handle.process.exitcode)})") from None
        finally:
            handle.answer.close()
        handle.process.join()
        return result

    def stop(self, handles: Iterable[Handle]) -> None:
        """Have all jobs end in order."""
        for handle in handles:
            if handle.process.is_alive():
                handle.process.terminate()

    def close(self) -> None:
        """Nothing is left open between jobs."""


def _live(job: Job, answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for us
    is_asked = False
    sessions: list[Session] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_asked
        is_asked = True
        for session in sessions:
            session.stop()

    def note(session: Session) -> None:
        sessions.append(session)
        if is_asked:
            session.stop()

    signal.signal(signal.SIGTERM, stop)
    answer.send(perform(job, note))
    answer.close()


def _words(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
