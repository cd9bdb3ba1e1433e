"""The building process: `python -m rtseg.tensorrt.worker`, with a job on standard input.

TensorRT's builder leaks, crashes with the driver and cannot always be stopped; so it has its own process.
The job is one JSON object (`Job.to_json`). On standard output it is told how it goes, an object a line:
{"event": "progress", …}, {"event": "warning", "text": …}, and at the end {"event": "done", "seconds": …} or
{"event": "failed", "error": NAME, "text": …} with the name of one of rtseg's errors. It ends when its parent
does, and on SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, TextIO

from rtseg.errors import RtsegError, SinkFault
from rtseg.storage.files import write_private
from rtseg.tensorrt.job import Job

if TYPE_CHECKING:
    from rtseg.tensorrt.job import Progress

_PR_SET_PDEATHSIG = 1
_STOP = (signal.SIGTERM, signal.SIGINT)


class Reporter:
    """Writes events; TensorRT's threads call it, too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def event(self, event: str, **values: object) -> None:
        """Write a line; a parent that is gone is no error, as we go with it."""
        line = json.dumps({"event": event, **values}) + "\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except BrokenPipeError:
                os._exit(1)

    def progress(self, progress: Progress) -> None:
        """Tell of progress."""
        self.event("progress", **progress.to_json())

    def warning(self, text: str) -> None:
        """Tell of something that is not as it was asked for."""
        self.event("warning", text=text)


def main() -> int:
    """Do the job on standard input; returns the exit code."""
    # Held back, not handled: Python would run a handler only after the build, if TensorRT calls the monitor
    # from threads of its own. The monitor looks whether one is waiting. And before any library is imported,
    # as the threads that it starts would take the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    reporter = Reporter(_own_output())
    values = json.loads(sys.stdin.read())
    _end_with(values.pop("parent", None))
    try:
        seconds = _perform(Job.from_json(values), reporter)
    except RtsegError as error:
        reporter.event("failed", error=type(error).__name__, text=str(error))
        return 1
    except Exception as error:  # told to the parent, which shows it as the fault it is
        traceback.print_exc()
        reporter.event("failed", error="RtsegError", text=f"{type(error).__name__}: {error}")
        return 1
    reporter.event("done", seconds=seconds)
    return 0


def _perform(job: Job, reporter: Reporter) -> float:
    """Build the plan and write it; returns how many seconds the build took."""
    from rtseg.cuda.device import Device
    from rtseg.tensorrt.build import plan_from_onnx
    from rtseg.tensorrt.network import is_weakly_typed

    if is_weakly_typed():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)  # it has no monitor to ask; so they end the process
    begin = time.perf_counter()
    with Device(job.ordinal) as device, device.pushed():
        plan = plan_from_onnx(job, reporter.progress, reporter.warning, _is_cancelled)
        seconds = time.perf_counter() - begin
        _write(job, memoryview(plan))
        del plan
    return seconds


def _is_cancelled() -> bool:
    return not signal.sigpending().isdisjoint(_STOP)


def _write(job: Job, plan: memoryview) -> None:
    try:
        write_private(job.plan, plan)
    except OSError as error:
        raise SinkFault(f"{job.plan.parent}: the plan cannot be written ({error.strerror}).") from error


def _own_output() -> TextIO:
    """Standard output for us alone: what libraries print there goes to standard error."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    return open(ours, "w", encoding="utf-8")


def _end_with(parent: Any) -> None:  # noqa: ANN401  # a process id, or None for a job given by hand
    """Have the system kill this process when its parent ends, however it ends."""
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
