"""How long a wait may last, and ending it early: also inside FFmpeg, which cannot be told from outside."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import local
from typing import TYPE_CHECKING, Any

from av.container import core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SLICE_S = 0.05
_LEAP_S = 1e9


class Patience:
    """A deadline that its owner moves, and a stop that anybody may ask for.

    Attributes:
        stopped: whether `stop` was called.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._deadline_s: float | None = None

    def allow(self, seconds: float | None) -> None:
        """Let the next waits last until so many seconds from now; None for ever."""
        self._deadline_s = None if seconds is None else time.monotonic() + seconds

    def stop(self) -> None:
        """End all waits, now and in future. Sets a plain bool: signal handlers may call it."""
        self.stopped = True

    @property
    def timed_out(self) -> bool:
        """Whether the deadline is over."""
        return self._deadline_s is not None and time.monotonic() > self._deadline_s

    @property
    def over(self) -> bool:
        """Whether a wait is to end."""
        return self.stopped or self.timed_out

    def pause(self, seconds: float) -> None:
        """Sleep, but not past `stop`. The deadline does not matter here."""
        self.sleep_until_ns(time.monotonic_ns() + round(seconds * 1e9))

    def sleep_until_ns(self, instant_ns: int) -> bool:
        """Sleep until an instant of the monotonic clock; False if stopped."""
        while not self.stopped and (left_ns := instant_ns - time.monotonic_ns()) > 0:
            time.sleep(min(left_ns / 1e9, _SLICE_S))
        return not self.stopped


class _Clock(local):
    """Stands in for the module `time` inside `av.container.core`, and there only.

    PyAV has no way to end a call of FFmpeg that waits for the network. But while FFmpeg waits, it asks PyAV's
    interrupt callback ten times a second whether it may go on, and that callback compares `time.monotonic()`,
    looked up in its module, with the call's time-out. In a thread whose patience is over, the clock leaps
    forward with every look, so the time-out has passed. Other threads see the true time. Should a later PyAV
    ask another clock, waits end by PyAV's own time-outs, a little later; a test tells.
    """

    monotonic: Callable[[], float] = time.monotonic

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(time, name)


_clock = _Clock()


def _instants(patience: Patience, raised: list[BaseException]) -> Iterator[float]:
    """The time at each look.

    A generator, because a signal handler that raises (Ctrl-C) does so where Python code goes on: here that is
    inside the `try`. The callback, which is C, could not pass it on.
    """
    leaps = 0
    while True:
        try:
            now_s = time.monotonic()
            if patience.over:
                leaps += 1
            yield now_s + leaps * _LEAP_S
        except GeneratorExit:
            return
        except BaseException as error:
            raised.append(error)
            patience.allow(-1)


@contextmanager
def interruptible(patience: Patience) -> Iterator[None]:
    """Let `patience` end the calls of PyAV in this block, in this thread, on containers that have time-outs.

    Such a call raises some `av.FFmpegError`, not always the same one; `patience` tells why. What a signal
    handler raised meanwhile is raised at the end of the block.
    """
    if getattr(core, "time", None) is time:
        setattr(core, "time", _clock)  # noqa: B010 (no such name in the type stubs)
    raised: list[BaseException] = []
    instants = _instants(patience, raised)
    next(instants)
    _clock.monotonic = instants.__next__
    try:
        yield
    finally:
        del _clock.monotonic
        if raised:
            raise raised[0]
