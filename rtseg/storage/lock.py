"""One process builds a plan, the others wait for it."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtseg.errors import Interrupted, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOOK_AGAIN_S = 0.2


@contextmanager
def building_lock(
    plan: Path, on_wait: Callable[[], None], is_stopped: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Hold the lock on building `plan`; the system releases it when its owner ends, whatever ends it.

    Args:
        plan: the plan's place; the lock is a hidden file beside it, which goes with the lock.
        on_wait: called once if another process has it.
        is_stopped: asked while waiting.

    Raises:
        OutputError: the folder cannot be written to, or knows no locks.
        Interrupted: `is_stopped` said so.
    """
    path = plan.with_name(f".{plan.name}.lock")
    descriptor = _acquire(path)
    if descriptor is None:
        on_wait()
    while descriptor is None:
        if is_stopped():
            raise Interrupted("interrupted while another process built the plan")
        time.sleep(_LOOK_AGAIN_S)
        descriptor = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int | None:
    """A descriptor that holds the lock, or None while another process has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    except OSError as error:
        raise OutputError(f"{path.parent}: a plan cannot be built there ({error.strerror}).") from error
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether `path` is still the file that was opened: its last owner removes it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
