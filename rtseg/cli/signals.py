"""Signals: Ctrl-C, SIGTERM and a closed terminal end a run in order, SIGUSR1 asks how it is going."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call `stop`, once; a second one raises KeyboardInterrupt.

    A SIGHUP that is ignored, as under nohup, stays so.
    """

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        if number == signal.SIGHUP:
            _leave_terminal()
        stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Asked:
    """Whether SIGUSR1 has come since one last looked; a context manager."""

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> Asked:
        self._before = signal.signal(signal.SIGUSR1, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGUSR1, self._before)

    def take(self) -> bool:
        """Tell, and forget."""
        asked, self._asked = self._asked, False
        return asked

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def _leave_terminal() -> None:
    """Write nowhere from now on where a terminal was: it is gone, and writing to it fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)
