"""Slots: when each captured frame is due, and which labels have come by then."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from threading import Condition
from typing import TYPE_CHECKING

from rtseg.frame import Slot
from rtseg.pipeline.clock import NS_PER_MS, s_from_ns
from rtseg.pipeline.mailbox import MailboxClosedError
from rtseg.pipeline.meter import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.frame import Frame, Labelled

_FIRST_LEAD_NS = 20 * NS_PER_MS
_MARGIN_NS = 3 * NS_PER_MS
_CAUTION = 1.25
_CALMING = 0.99
"""What is left of the lead after each frame that needed less: half of it after 70 frames."""
_LARGEST_LEAD = 0.5
"""Of the latency."""


@dataclass(frozen=True, slots=True)
class Due:
    """A frame whose slot is near.

    Attributes:
        frame: the frame.
        labelled: what inference has finished since the frame before, oldest first: of this frame, of older
            ones that were late, or of younger ones.
    """

    frame: Frame
    labelled: tuple[Labelled, ...]


class Schedule:
    """Between inference and what is shown: every captured frame waits here for its slot, labelled or not.

    A frame's slot is `latency_ns` after it was captured. `get` hands it out a lead ahead of that, which is
    what painting has lately taken at most. A frame whose slot is over by more than `tolerance_ns` is late; it
    is not handed out, so there are never more frames here than fit into the latency.

    Behaves as a mailbox towards the stages beside it.

    Attributes:
        latency_ns: from a frame's capture to its slot.
        tolerance_ns: how long after its slot a frame may still be shown.
        ready: how long after their frames' capture labels were there.
        begun_ns: when the first frame came.
    """

    def __init__(
        self,
        latency_ns: int,
        *,
        tolerance_ns: int,
        on_late: Callable[[int], None],
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin without frames.

        Args:
            latency_ns: from a frame's capture to its slot.
            tolerance_ns: how long after its slot a frame may still be shown.
            on_late: told how many frames were late; called with a lock held, so it must not call back.
            now_ns: the monotonic clock.
        """
        self.latency_ns = latency_ns
        self.tolerance_ns = tolerance_ns
        self._on_late = on_late
        self._now_ns = now_ns
        self._lead_ns = float(min(_FIRST_LEAD_NS, latency_ns // 2))
        self._waiting: deque[tuple[Slot, Frame]] = deque()
        self._labelled: list[Labelled] = []
        self._has_begun = False
        self._closed = False
        self._cancelled = False
        self._changed = Condition()
        self.ready = Histogram()
        self.begun_ns = now_ns()

    def __len__(self) -> int:
        """How many frames wait at this instant."""
        return len(self._waiting)

    @property
    def lead_ns(self) -> int:
        """How long before its slot a frame is handed out."""
        return round(self._lead_ns)

    def is_late(self, slot: Slot) -> bool:
        """Whether it is too late to show what was to be shown in that slot."""
        return self._now_ns() > slot.due_ns + self.tolerance_ns

    def expect(self, frame: Frame, *, wanted: bool) -> Frame:
        """Give a captured frame its slot, and let it wait here; returns it with its slot.

        Raises:
            MailboxClosedError: nothing is shown any more.
        """
        slot = Slot(frame.captured_ns + self.latency_ns, wanted)
        frame = replace(frame, slot=slot)
        with self._changed:
            if self._closed:
                raise MailboxClosedError
            if not self._has_begun:
                self._has_begun, self.begun_ns = True, self._now_ns()
            self._discard_late()
            self._waiting.append((slot, frame))
            self._changed.notify_all()
        return frame

    def put(self, item: Labelled) -> None:
        """Take what inference made of a frame; MailboxClosedError if nothing is shown any more."""
        with self._changed:
            if self._cancelled:
                raise MailboxClosedError
            self._labelled.append(item)
        self.ready.record(self._now_ns() - item.frame.captured_ns)

    def get(self) -> Due:
        """Wait for the next frame to come near its slot; MailboxClosedError if there never will be one."""
        with self._changed:
            while True:
                self._discard_late()
                if not self._waiting:
                    if self._closed:
                        raise MailboxClosedError
                    self._changed.wait()
                    continue
                slot, frame = self._waiting[0]
                left_ns = slot.due_ns - self.lead_ns - self._now_ns()
                if left_ns <= 0:
                    self._waiting.popleft()
                    labelled, self._labelled = tuple(self._labelled), []
                    return Due(frame, labelled)
                self._changed.wait(s_from_ns(left_ns))

    def took(self, duration_ns: int) -> None:
        """Learn how long it took to paint a frame."""
        needed_ns = min(duration_ns * _CAUTION + _MARGIN_NS, self.latency_ns * _LARGEST_LEAD)
        self._lead_ns = max(needed_ns, self._lead_ns * _CALMING)

    def change_latency(self, latency_ns: int) -> int:
        """Give frames to come their slots at another latency; returns how many that wait are thrown away."""
        with self._changed:
            thrown_away = len(self._waiting)
            self._waiting.clear()
            self.latency_ns = latency_ns
            self._changed.notify_all()
            return thrown_away

    def close(self) -> None:
        """No more labels come; frames that wait are still handed out, each in its slot. Twice is as once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel(self) -> list[Frame]:
        """Close, and throw away what waits: returned, oldest first, for the caller to account for."""
        with self._changed:
            self._closed = self._cancelled = True
            thrown_away = [frame for _, frame in self._waiting]
            self._waiting.clear()
            self._labelled.clear()
            self._changed.notify_all()
            return thrown_away

    def _discard_late(self) -> None:
        late = 0
        while self._waiting and self.is_late(self._waiting[0][0]):
            self._waiting.popleft()
            late += 1
        if late:
            self._on_late(late)
