"""A sink in a thread of its own, so that nothing it does can hold the pipeline up."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted
    from rtseg.sinks.base import Sink


class Aside:
    """Hands pictures to another sink in a thread that is its alone; latest wins.

    `write` never waits: where the sink does not keep up, the oldest picture that it has not yet taken makes
    room, and is counted. Opening waits for the sink, as what cannot be opened is to be said at the start; all
    of the sink's methods are called in the one thread, which bears `name`.

    What the sink raises on the way ends it, not the pipeline, unless `vital`: then the next `write`, or the
    end, raises it. In any case it ends with what was handed over written, or after `close_timeout_s`: then
    its thread is left behind (`stuck`), and who wants to leave has to use `os._exit`.

    Attributes:
        name: of the thread, and at the beginning of warnings.
        superseded: how many pictures made room for later ones.
        stuck: whether the thread was left behind in a call that does not return.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        *,
        capacity: int = 1,
        vital: bool = False,
        close_timeout_s: float = 5.0,
    ) -> None:
        """Wrap a sink; nothing starts yet. ValueError for a capacity below one.

        Args:
            sink: what takes the pictures; nobody else may use it.
            name: see the attribute.
            capacity: how many pictures may wait; each holds its memory.
            vital: whether a failure of the sink is one of the run.
            close_timeout_s: the longest that the end may take.
        """
        if capacity < 1:
            raise ValueError(f"at least 1 picture has to have room, not {capacity}")
        self.name = name
        self.superseded = 0
        self.stuck = False
        self._sink = sink
        self._capacity = capacity
        self._vital = vital
        self._close_timeout_s = close_timeout_s
        self._refused = 0
        self._waiting: deque[Painted] = deque()
        self._changed = Condition()
        self._opened = False
        self._ending = False
        self._ended = False
        self._cause: BaseException | None = None
        self._failure: BaseException | None = None
        self._own_warnings: list[str] = []
        # Not daemonic, as none is: the interpreter waits for it at its end.
        self._thread = Thread(target=self._live, name=name, daemon=False)

    @property
    def warnings(self) -> list[str]:
        """What the sink warns of, and what was lost on the way to it; complete once it is closed."""
        lines = [*self._sink.warnings, *self._own_warnings]
        if self.superseded:
            lines.append(f"{self.name}: could not keep up; {self.superseded} pictures were left out")
        if self._refused:
            lines.append(f"{self.name}: had failed; {self._refused} pictures after that were left out")
        return lines

    def __enter__(self) -> Self:
        """Start the thread and open the sink in it; raises what the sink raises."""
        self._thread.start()
        with self._changed:
            while not (self._opened or self._ended):
                self._changed.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def write(self, painted: Painted) -> None:
        """Leave a picture for the sink, at once; of a vital sink that failed, raises what it raised."""
        with self._changed:
            if self._failure is not None:
                if self._vital:
                    raise self._failure
                self._refused += 1
                return
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.superseded += 1
            self._waiting.append(painted)
            self._changed.notify_all()

    def end_segment(self) -> dict[str, Any]:
        """Do nothing: what lies aside is not gone on with."""
        return {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the sink finish what was handed over, and close it; of a vital sink, raises what it raised."""
        deadline = time.monotonic() + self._close_timeout_s
        with self._changed:
            self._cause = error
            self._ending = True
            self._changed.notify_all()
            while not self._ended and (left_s := deadline - time.monotonic()) > 0:
                self._changed.wait(left_s)
            self.stuck = not self._ended
            lost = len(self._waiting)
            self._waiting.clear()
        if self.stuck:
            self._own_warnings.append(
                f"{self.name}: did not end within {self._close_timeout_s:g} s; {lost} pictures were lost"
            )
            return
        self._thread.join()
        if self._failure is not None and error is None and self._vital:
            raise self._failure

    def _live(self) -> None:
        try:
            self._run()
        except BaseException as failure:
            with self._changed:
                self._failure = failure
                if self._opened and not self._vital:
                    self._own_warnings.append(f"{self.name}: {failure}" if str(failure) else repr(failure))
        finally:
            with self._changed:
                self._ended = True
                self._waiting.clear()
                self._changed.notify_all()

    def _run(self) -> None:
        self._sink.__enter__()
        with self._changed:
            self._opened = True
            self._changed.notify_all()
        failure: BaseException | None = None
        try:
            while (painted := self._next()) is not None:
                self._sink.write(painted)
        except BaseException as error:
            failure = error
        first = failure or self._cause
        self._sink.__exit__(type(first) if first else None, first, first.__traceback__ if first else None)
        if failure is not None:
            raise failure

    def _next(self) -> Painted | None:
        """The oldest picture that waits, as soon as there is one; None if there never will be."""
        with self._changed:
            while not self._waiting and not self._ending:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None
