"""The latest picture, for viewers who come for it. It is never waited for: neither by them nor for them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtseg.sources.heap import give_back
from rtseg.web.film import Film
from rtseg.web.packet import Shown, packet_from
from rtseg.web.past import Past

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted

RECENT = 6
"""Packets at hand, for viewers who are a little behind each other."""


class Shelf:
    """A sink that keeps the latest picture, and makes packets of it as soon as a viewer asks.

    One packet serves all viewers. Pictures that nobody asks for cost nothing but a note.

    Attributes:
        latest: the picture shown last; None before the first.
        past: pictures from all along the run.
        film: all pictures as a film, for WebRTC.
        warnings: always empty.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.latest: Shown | None = None
        self.past = Past()
        self.warnings: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="web pictures")
        self._packets: dict[tuple[int, bool], Future[bytes]] = {}
        self.film = Film(self, self._pool)

    def serve_in(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Tell viewers of pictures in that loop from now on; None: no more."""
        self._loop = loop

    def close(self) -> None:
        """Make no more packets."""
        self._loop = None
        self._pool.shutdown(wait=True, cancel_futures=True)

    def tidy(self) -> None:
        """Give back the memory that packets have left free, which the C library would keep."""
        with suppress(RuntimeError):  # closed
            self._pool.submit(give_back)

    # As a sink, in the thread that shows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def write(self, painted: Painted) -> None:
        """Put a picture up, in place of the one before."""
        number = self.latest.number + 1 if self.latest is not None else 1
        self.latest = shown = Shown(number, painted, time.monotonic_ns())
        if self.past.wants(shown):
            self.past.expect(shown)
            with suppress(RuntimeError):  # closed
                self._pool.submit(lambda: self.past.keep(shown, packet_from(shown)))
        loop = self._loop
        if loop is not None and self._waiting:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._wake)

    def end_segment(self) -> dict[str, Any]:
        """Do nothing; nothing here outlives the run."""
        return {}

    # For viewers, in the loop

    async def newer(self, than: int) -> Shown:
        """The latest picture, as soon as its number is above `than`."""
        while (latest := self.latest) is None or latest.number <= than:
            waits = asyncio.get_running_loop().create_future()
            self._waiting.add(waits)
            try:
                if (latest := self.latest) is None or latest.number <= than:
                    await waits
            finally:
                self._waiting.discard(waits)
        return latest

    async def packet(self, shown: Shown, *, has_jpeg: bool = True) -> bytes:
        """The packet of a picture, made once for all who ask."""
        key = shown.number, has_jpeg
        making = self._packets.get(key)
        if making is None:
            making = self._pool.submit(packet_from, shown, has_jpeg=has_jpeg)
            self._packets = {**dict(list(self._packets.items())[1 - RECENT :]), key: making}
        return await asyncio.shield(asyncio.wrap_future(making))

    def _wake(self) -> None:
        for waits in self._waiting:
            if not waits.done():
                waits.set_result(None)
