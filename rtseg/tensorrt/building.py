"""The building process, as the one that waits for it sees it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from rtseg import errors
from rtseg.errors import BuildFault, Interrupted, RtsegError
from rtseg.tensorrt.job import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtseg.tensorrt.job import Job

_LOOK_S = 0.25
"""Between two looks whether to stop."""
_GRACE_S = 5.0
"""That it has to end by itself once it was asked to."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches a build.

    Attributes:
        on_progress: told of progress, in the thread that waits; never with TensorRT 8.
        is_stopped: asked a few times a second; True ends the build.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    is_stopped: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Built:
    """How a build went.

    Attributes:
        seconds: how long it took.
        warnings: what was not as asked for, and what TensorRT warned of.
    """

    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


def build(job: Job, watcher: Watcher) -> Built:
    """Run `job` in a process of its own and wait for it; afterwards the plan lies at `job.plan`.

    Raises:
        InputError: the worker's own: the model cannot be built, an option cannot be had, there is no GPU.
        SinkFault: the plan could not be written.
        BuildFault: the process died.
        Interrupted: `watcher.is_stopped` said so.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        process = _start(job, complaints)
        try:
            return _result(process, watcher)
        except BaseException as error:
            _end(process)
            job.plan.unlink(missing_ok=True)
            if isinstance(error, _Died):
                raise BuildFault(_words(job, process.returncode, complaints)) from error
            raise
        finally:
            _end(process)


class _Died(Exception):
    """The process ended without a last word."""


def _start(job: Job, complaints: IO[str]) -> subprocess.Popen[bytes]:
    # The same modules as here, but never those of the folder one stands in; and Ctrl-C in the terminal is for
    # us alone, who pass it on.
    path = [os.path.abspath(entry) for entry in sys.path if entry] + ([os.getcwd()] if "" in sys.path else [])
    process = subprocess.Popen(
        [sys.executable, "-m", "rtseg.tensorrt.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"},
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps({**job.to_json(), "parent": os.getpid()}).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died; its exit code tells more
    return process


def _result(process: subprocess.Popen[bytes], watcher: Watcher) -> Built:
    built = Built()
    for event in _events(process, watcher):
        match event:
            case {"event": "progress", **rest}:
                watcher.on_progress(Progress(**rest))
            case {"event": "warning", "text": str(text)}:
                built.warnings.append(text)
            case {"event": "failed", "error": str(name), "text": str(text)}:
                raise _error(name, text)
            case {"event": "done", "seconds": float(seconds)}:
                built.seconds = seconds
                _let_end(process)
                return built
    _let_end(process)
    raise _Died


def _events(process: subprocess.Popen[bytes], watcher: Watcher) -> Iterator[dict[str, Any]]:
    """What the process tells, until its output ends."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    rest = b""
    while True:
        if watcher.is_stopped():
            raise Interrupted("the build was interrupted; nothing is left of it")
        if not select.select([output], [], [], _LOOK_S)[0]:
            continue
        piece = os.read(output, 1 << 16)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)


def _error(name: str, text: str) -> RtsegError:
    kind = getattr(errors, name, RtsegError)
    if kind is errors.MissingDependencyError:
        kind = errors.InputError  # the text says what to install
    error: RtsegError = kind(text)
    return error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process if it has not ended, and let go of it."""
    if process.poll() is None:
        process.terminate()
        _let_end(process)
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _let_end(process: subprocess.Popen[bytes]) -> None:
    """Give it time to end by itself."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)


def _words(job: Job, code: int, complaints: IO[str]) -> str:
    """How it died, in one or two lines."""
    complaints.seek(0)
    last = [line.strip() for line in complaints.read().splitlines() if line.strip()][-1:]
    said = f" Its last words: {last[0]:.200}" if last else ""
    if code == -signal.SIGKILL:
        return (
            f"{job.onnx}: the building process was killed, most likely for want of memory.\n"
            f"Close other programs, or give a smaller --workspace.{said}"
        )
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return (
        f"{job.onnx}: TensorRT's builder crashed ({how}); nothing is left of the plan.\n"
        f"Try --timing-cache none, or another version of TensorRT or the driver.{said}"
    )
