"""The workers of one stage: they take items in turns, and hand them on in the order they came."""

from __future__ import annotations

from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtseg.pipeline.mailbox import Mailbox
    from rtseg.pipeline.worker import Worker


class Crew:
    """One worker, or several that work at the same time; to the stages before and after them they are one.

    Every item gets a ticket as it is taken. What was made of it is handed on when its turn has come. After a
    ticket that was lost, by a fault or by a call that does not return, no turn comes any more.

    Attributes:
        workers: the first one opens and closes the stage.
        error: what one of them raised; None if nothing.
    """

    def __init__(self, mailbox: Mailbox[Any]) -> None:
        """Take items from `mailbox`."""
        self.workers: list[Worker] = []
        self.error: BaseException | None = None
        self._mailbox = mailbox
        self._taking = Lock()
        self._tickets = 0
        self._turned = Condition()
        self._turn = 0
        self._lost: int | None = None
        self._gone: set[Worker] = set()

    def take(self) -> tuple[int, Any]:
        """Take the next item and its ticket; MailboxClosedError if there never will be one."""
        with self._taking:  # so that tickets are in the items' order
            item = self._mailbox.get()
            ticket, self._tickets = self._tickets, self._tickets + 1
            return ticket, item

    def wait_for_turn(self, ticket: int) -> bool:
        """Wait until all items before this one were handed on; False if one of them never will be."""
        with self._turned:
            while self._turn < ticket and not self._is_behind_lost(ticket):
                self._turned.wait()
            return not self._is_behind_lost(ticket)

    def end_turn(self, ticket: int) -> None:
        """The item of this ticket was handed on: it is the next one's turn."""
        with self._turned:
            self._turn = ticket + 1
            self._turned.notify_all()

    def lose(self, ticket: int) -> None:
        """The item of this ticket will never be handed on, and so none behind it."""
        with self._turned:
            self._lost = ticket if self._lost is None else min(self._lost, ticket)
            self._turned.notify_all()

    def leave(self, worker: Worker) -> bool:
        """A worker does nothing more; True if it was the last. Twice is as once."""
        with self._turned:
            self._gone.add(worker)
            return len(self._gone) == len(self.workers)

    def _is_behind_lost(self, ticket: int) -> bool:
        return self._lost is not None and self._lost < ticket
