"""A bounded, ordered place between two threads in which nobody waits for a partner that has gone."""

from __future__ import annotations

from collections import deque
from threading import Condition, Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosedError(Exception):
    """The mailbox has reached its end: `get` has nothing left, `put` leaves the item with its caller."""


class Mailbox(Generic[T]):
    """Ordered. An empty mailbox makes `get` wait; a full one makes `put` wait, unless the latest wins.

    An item that was put leaves exactly once: through one `get`, one `cancel`, or superseded by a `put`.
    All methods may be called from any thread, but not from a signal handler.
    """

    def __init__(self, capacity: int, *, latest_wins: bool = False) -> None:
        """Make room for `capacity` items; ValueError for less than one.

        With `latest_wins` a `put` never waits: where there is no room, the oldest item makes it.
        """
        if capacity < 1:
            raise ValueError(f"a mailbox holds at least 1 item, not {capacity}")
        self._capacity = capacity
        self._latest_wins = latest_wins
        self._items: deque[T] = deque()
        self._closed = False
        lock = Lock()
        self._has_item = Condition(lock)
        self._has_room = Condition(lock)

    def __len__(self) -> int:
        """How many items lie inside at this instant."""
        return len(self._items)

    def put(self, item: T) -> T | None:
        """Leave `item` as soon as there is room; MailboxClosedError if it was not taken.

        Returns the item that it superseded, for the caller to account for; None without one.
        """
        with self._has_room:
            while len(self._items) >= self._capacity and not self._closed and not self._latest_wins:
                self._has_room.wait()
            if self._closed:
                raise MailboxClosedError
            superseded = self._items.popleft() if len(self._items) >= self._capacity else None
            self._items.append(item)
            self._has_item.notify()
            return superseded

    def get(self) -> T:
        """Take the oldest item as soon as there is one; MailboxClosedError if there never will be."""
        with self._has_item:
            while not self._items and not self._closed:
                self._has_item.wait()
            if not self._items:
                raise MailboxClosedError
            item = self._items.popleft()
            self._has_room.notify()
            return item

    def close(self) -> None:
        """Take no more items, and wake everybody; those inside can still be got. Twice is as once."""
        with self._has_item:
            self._closed = True
            self._has_item.notify_all()
            self._has_room.notify_all()

    def cancel(self) -> list[T]:
        """Close, and throw away what lies inside: returned, oldest first, for the caller to account for."""
        with self._has_item:
            self._closed = True
            thrown_away = list(self._items)
            self._items.clear()
            self._has_item.notify_all()
            self._has_room.notify_all()
            return thrown_away
