"""Frames that wait for the labels on both sides of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

from rtseg.pipeline.mailbox import MailboxClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.frame import Followed, Frame, Labelled


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame, and the labels that it lies between.

    Attributes:
        followed: the frame.
        before: labels of the latest key frame up to it; its own, if it is one.
        after: labels of the next key frame; None for a key frame, and where no other comes.
        until: the frames from the next one to that key frame, both included; empty without one.
    """

    followed: Followed
    before: Labelled
    after: Labelled | None = None
    until: tuple[Followed, ...] = ()

    @property
    def frame(self) -> Frame:
        """The frame itself."""
        return self.followed.frame


class Gaps:
    """Between inference and what is shown, where only key frames are inferred: all others pass it by.

    Every frame is expected here in order, key frame or not; the labels of key frames arrive beside. `get`
    hands the frames out in order, each as soon as the labels on both sides of it are there. The first frame
    of all has to be a key frame.

    Behaves as a mailbox towards the stages beside it. Lossless: where there is no room, `expect` waits.
    """

    def __init__(self, capacity: int, on_lost: Callable[[int], None]) -> None:
        """Begin without frames.

        Args:
            capacity: how many frames may wait; more than lie between two key frames at most, as otherwise
                none could ever leave.
            on_lost: told how many frames will never be labelled, as inference has ended before them; called
                with a lock held, so it must not call back.
        """
        self._capacity = capacity
        self._on_lost = on_lost
        self._waiting: deque[Followed] = deque()
        self._labelled: dict[int, Labelled] = {}
        self._before: Labelled | None = None
        self._closed = False
        self._cancelled = False
        self._changed = Condition()

    def __len__(self) -> int:
        """How many frames wait at this instant."""
        return len(self._waiting)

    def expect(self, followed: Followed) -> None:
        """Let a frame wait here as soon as there is room; MailboxClosedError if nothing is shown any more."""
        with self._changed:
            while len(self._waiting) >= self._capacity and not self._closed:
                self._changed.wait()
            if self._closed:
                raise MailboxClosedError
            self._waiting.append(followed)
            self._changed.notify_all()

    def put(self, item: Labelled) -> None:
        """Take what inference made of a key frame; MailboxClosedError if nothing is shown any more."""
        with self._changed:
            if self._cancelled:
                raise MailboxClosedError
            self._labelled[item.frame.index] = item
            self._changed.notify_all()

    def get(self) -> Placed:
        """Wait until the next frame lies between labels; MailboxClosedError if it never will."""
        with self._changed:
            while (placed := self._next()) is None:
                if self._closed:
                    if self._waiting:
                        self._on_lost(len(self._waiting))
                    self._waiting.clear()
                    raise MailboxClosedError
                self._changed.wait()
            self._waiting.popleft()
            self._changed.notify_all()
            return placed

    def close(self) -> None:
        """No more frames or labels come; those between labels are still handed out. Twice is as once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel(self) -> list[Followed]:
        """Close, and throw away what waits: returned, oldest first, for the caller to account for."""
        with self._changed:
            self._closed = self._cancelled = True
            thrown_away = list(self._waiting)
            self._waiting.clear()
            self._labelled.clear()
            self._changed.notify_all()
            return thrown_away

    def _next(self) -> Placed | None:
        """The oldest frame, if it can be labelled now."""
        if not self._waiting:
            return None
        followed = self._waiting[0]
        if followed.is_key:
            own = self._labelled.pop(followed.frame.index, None)
            self._before = own or self._before
            return None if own is None else Placed(followed, own)
        assert self._before is not None
        until = self._until_key()
        if until:
            after = self._labelled.get(until[-1].frame.index)
            return None if after is None else Placed(followed, self._before, after, until)
        return Placed(followed, self._before) if self._closed else None

    def _until_key(self) -> tuple[Followed, ...]:
        """What comes after the oldest frame, up to the next key frame; nothing if none has come yet."""
        until = []
        for followed in list(self._waiting)[1:]:
            until.append(followed)
            if followed.is_key:
                return tuple(until)
        return ()
