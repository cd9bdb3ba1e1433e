"""Which threads the system lets run first. Where it does not allow a choice, nothing happens."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PUNCTUAL, _PROMPT = 10, 5
"""Real-time priorities, as Linux counts them: 1 to 99."""
_COURTESY = 5
_SWITCH_INTERVAL_S = 0.0002


def be_punctual() -> None:
    """Let the calling thread run as soon as it wakes: real time, where the user may have that."""
    _run_first(_PUNCTUAL)


def be_prompt() -> None:
    """Let the calling thread go before all usual ones, and after punctual ones; likewise."""
    _run_first(_PROMPT)


def may_be_punctual() -> bool:
    """Whether the user may have real time. The calling thread comes out of it with usual priority."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PUNCTUAL))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except (OSError, AttributeError):
        return False
    return True


def _run_first(priority: int) -> None:
    """Ask for real time. Threads that the calling one starts, an encoder's, run as usual."""
    if hasattr(os, "SCHED_RESET_ON_FORK"):
        with contextlib.suppress(OSError):
            policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(priority))


def be_courteous() -> None:
    """Let others go before the calling thread, and before those that it starts."""
    with contextlib.suppress(OSError, AttributeError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _COURTESY)


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let a Python thread that wakes run after a fifth of a millisecond, not after five, while this lasts.

    Real time is of no use to a thread that waits for the interpreter's lock.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SWITCH_INTERVAL_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
