"""One thread of a pipeline, as the other threads see it."""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.pipeline.crew import Crew


class Worker:
    """Knows whether its thread is inside a call of its stage, and whether a frame is at stake there.

    Between `begin` and `rest`, which its own thread calls, it is busy: in a call that may hang. Otherwise it
    is in our own code, where nothing waits without end. The thread that watches may give up on a busy worker,
    never on one at rest. From then on the worker owns nothing: its item was accounted for by the one who gave
    up, and whatever its call returns is ignored.

    Attributes:
        name: the stage's, and the thread's.
        crew: the workers of its stage; None for capture.
        ticket: of the item that it took last.
        position: 0 for capture, then counting up along the pipeline.
        thread: not daemonic; started by the pipeline.
        opened: set when the stage is ready for its first item, or never will be.
        ended: set as the last thing that the thread does. The thread itself is not asked: CPython up to 3.12
            takes it for dead once Ctrl-C has interrupted a `join` with a timeout.
    """

    def __init__(
        self, name: str, position: int, life: Callable[[Worker], None], crew: Crew | None = None
    ) -> None:
        self.name = name
        self.position = position
        self.crew = crew
        self.ticket: int | None = None
        self.thread = Thread(target=self._live, args=(life,), name=name, daemon=False)
        self.opened = Event()
        self.ended = Event()
        self._lock = Lock()
        self._busy_since_ns: int | None = None
        self._holds_item = False
        self._given_up = False
        self._cpu_seen_ns = 0

    def _live(self, life: Callable[[Worker], None]) -> None:
        try:
            life(self)
        finally:
            self.ended.set()

    @property
    def started(self) -> bool:
        """Whether there ever was a thread."""
        return self.thread.ident is not None

    @property
    def alive(self) -> bool:
        """Whether the thread runs and is still expected to end."""
        return self.started and not self.ended.is_set() and not self._given_up

    @property
    def stuck(self) -> bool:
        """Whether the thread runs though it was given up."""
        return self._given_up and not self.ended.is_set()

    def take_cpu_ns(self) -> int:
        """CPU time of the calling thread, the worker's own, since it last asked; nanoseconds."""
        seen_ns, self._cpu_seen_ns = self._cpu_seen_ns, time.thread_time_ns()
        return self._cpu_seen_ns - seen_ns

    def begin(self, *, holds_item: bool = False) -> int:
        """Enter a call of the stage; returns the instant, monotonic, in nanoseconds."""
        now_ns = time.monotonic_ns()
        with self._lock:
            self._busy_since_ns = now_ns
            self._holds_item = holds_item
        return now_ns

    def rest(self) -> bool:
        """Come back from the stage, its item safe; False if given up meanwhile: then it must not go on."""
        with self._lock:
            if self._given_up:
                return False
            self._busy_since_ns = None
            self._holds_item = False
            return True

    def lose_item(self) -> bool:
        """Take the item out of a busy worker's hands; True for the one caller who has to account for it."""
        with self._lock:
            held, self._holds_item = self._holds_item, False
            return held

    def give_up_if_busy_since(self, instant_ns: int) -> bool:
        """Give up if the present call of the stage began no later than that; True if this did it."""
        with self._lock:
            if self._given_up or self._busy_since_ns is None or self._busy_since_ns > instant_ns:
                return False
            self._given_up = True
            return True
