"""What TensorRT says: its calls fail with None or False, and only the logger is told why."""

from __future__ import annotations

import threading
from collections import deque
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorrt as trt
else:
    from rtseg.runtimes import load_tensorrt

    trt = load_tensorrt()

_KEPT = 50
"""Messages of a kind that are remembered; the first ones tell the cause."""

_LONGEST = 300
"""Characters of a message that make it into an error."""


class Log(trt.ILogger):
    """Keeps errors and warnings until they are taken; TensorRT calls it from any of its threads.

    Attributes:
        on_message: also called with "error" or "warning" and each message, in the thread that TensorRT uses;
            None for nobody.
    """

    on_message: Callable[[str, str], None] | None = None

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._lock = threading.Lock()
        self._errors: deque[str] = deque()
        self._warnings: deque[str] = deque()

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """What TensorRT calls."""
        if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
            self._keep("error", self._errors, msg)
        elif severity == trt.ILogger.WARNING:
            self._keep("warning", self._warnings, msg)

    def take_reason(self) -> str:
        """The first error since one last asked, in one line; words to that effect if there was none."""
        errors = self._take(self._errors)
        return one_line(errors[0]) if errors else "it gave no reason"

    def take_warnings(self) -> list[str]:
        """The warnings since one last asked, one line each, none twice."""
        return list(dict.fromkeys(map(one_line, self._take(self._warnings))))

    def _keep(self, kind: str, messages: deque[str], text: str) -> None:
        with self._lock:
            if len(messages) < _KEPT:
                messages.append(text)
        if self.on_message is not None:
            self.on_message(kind, text)

    def _take(self, messages: deque[str]) -> list[str]:
        with self._lock:
            taken = list(messages)
            messages.clear()
        return taken


@cache
def the_log() -> Log:
    """The logger of this process: TensorRT keeps the first one it is given, and complains of others."""
    return Log()


def one_line(message: str) -> str:
    """A message without its line breaks, and no longer than an error should be."""
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
