"""Pictures from all along a run, to seek in: ever further apart the longer it lasts, so in bounded memory."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtseg.web.packet import Shown

MOST = 300
"""Pictures kept, at most; some tens of kilobytes each."""

FIRST_STEP_S = 1.0
"""Seconds of the film between two, as long as there are not too many."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them. Its packet has pages of its own: small blocks that stay would break up the heap."""

    number: int
    seconds: float
    packet: mmap.mmap


class Past:
    """Keeps a picture every so often. When there are too many, every second one goes, and the step doubles.

    Any thread may call it.
    """

    def __init__(self, most: int = MOST) -> None:
        """Begin with none; keep at most so many."""
        self._most = most
        self._step_s = FIRST_STEP_S
        self._kept: dict[int, Kept] = {}
        self._last_s: float | None = None
        self._lock = Lock()

    def wants(self, shown: Shown) -> bool:
        """Whether a picture is to be kept: a step after the last one, or before it, as a film begins anew."""
        last_s = self._last_s
        return last_s is None or not 0 <= round(shown.seconds - last_s, 3) < self._step_s

    def expect(self, shown: Shown) -> None:
        """Note that a picture is about to be kept, so that none near it is wanted."""
        self._last_s = shown.seconds

    def keep(self, shown: Shown, packet: bytes) -> None:
        """Keep a picture."""
        pages = mmap.mmap(-1, len(packet))
        pages[:] = packet
        with self._lock:
            self._kept[shown.number] = Kept(shown.number, shown.seconds, pages)
            if len(self._kept) > self._most:
                self._kept = dict(list(self._kept.items())[::2])
                self._step_s *= 2

    def listed(self) -> list[tuple[int, float]]:
        """Number and place in seconds of all that are kept, oldest first."""
        with self._lock:
            return [(kept.number, kept.seconds) for kept in self._kept.values()]

    def packet(self, number: int) -> bytes | None:
        """The picture of a number; None if it is not kept, or no more."""
        kept = self._kept.get(number)
        return None if kept is None else kept.packet[:]
