"""A live source that is connected to again when it is lost."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rtseg.errors import Interrupted, SourceFault
from rtseg.pipeline.clock import s_from_ns
from rtseg.sources.connection import FALLBACK_FPS, ConnectionLost
from rtseg.sources.heap import give_back
from rtseg.sources.live import TIME_BASE, Framer, refuse_beginning
from rtseg.sources.outages import Outages
from rtseg.sources.patience import Patience
from rtseg.sources.tally import DECODE_ERROR, SOURCE_GAP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction
    from types import TracebackType

    import av
    from typing_extensions import Self

    from rtseg.frame import Frame
    from rtseg.sources.live import LiveOptions


class Connection(Protocol):
    """What is connected to: a stream or a camera."""

    @property
    def fps(self) -> Fraction:
        """Nominal frame rate."""

    @property
    def losses(self) -> Mapping[str, int]:
        """Pictures lost on this connection, by cause."""

    @property
    def damaged_pictures(self) -> int:
        """Pictures marked as damaged; delivered all the same."""

    @property
    def passed_over(self) -> int:
        """Pictures that had piled up before they were asked for, and were not delivered."""

    def first_picture(self) -> av.VideoFrame:
        """The first picture, for its size; ConnectionLost if none comes."""
        ...

    def pictures(self) -> Iterator[av.VideoFrame]:
        """All pictures from now on; ConnectionLost is how it ends."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Past:
    """The figures of all connections that are over."""

    losses: Counter[str] = field(default_factory=Counter)
    damaged: int = 0
    passed_over: int = 0

    def after(self, connection: Connection | None) -> _Past:
        """These and one connection's, if there is one."""
        if connection is None:
            return self
        return _Past(
            self.losses + Counter(connection.losses),
            self.damaged + connection.damaged_pictures,
            self.passed_over + connection.passed_over,
        )


class Reconnecting:
    """A live source as a chain of connections, with growing pauses between those that fail.

    A context manager, to be iterated once; see `LiveSource` for the rest of the contract. A subclass says how
    to connect.

    Attributes:
        uri: what the user named, without passwords.
        width: pixels a row of the first picture, and so of all.
        height: rows.
        fps: nominal frame rate of the first connection.
        frame_count: None.
        time_base: 1/90000 s.
        film: None.
        first_pts: 0.
        exhausted: whether it was a film, and is over; a stream or a camera has no end of its own.
        warnings: one line for each kind of oddity met; complete once the iteration has ended.
    """

    def __init__(self, uri: str, options: LiveOptions) -> None:
        """Name it; nothing is opened yet. `uri` has no password in it any more."""
        self.uri = uri
        self.fps: Fraction = FALLBACK_FPS
        self.frame_count: int | None = None
        self.time_base = TIME_BASE
        self.film = None
        self.first_pts = 0
        self.exhausted = False
        self.warnings: list[str] = []
        self._options = options
        self._patience = Patience()
        self._framer = Framer()
        self._outages = Outages()
        # Changed in one step only, so that other threads never see a figure go back.
        self._present: tuple[_Past, Connection | None] = (_Past(), None)
        self._begun_ns = self._last_ns = 0

    def _connect(self) -> Connection:
        """Open a connection; ConnectionLost if that fails."""
        raise NotImplementedError

    def _facts_of_connection(self) -> dict[str, Any]:
        """What the subclass knows beside the rest, ready for JSON."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Pixels a row, as delivered."""
        return self._framer.width

    @property
    def height(self) -> int:
        """Rows, as delivered."""
        return self._framer.height

    @property
    def losses(self) -> Mapping[str, int]:
        """How many frames were lost before they became a `Frame`, by cause."""
        past, connection = self._present
        return dict(past.after(connection).losses)

    def __enter__(self) -> Self:
        """Connect and wait for the first picture, which tells the size.

        Raises:
            InputError: that failed; it is not tried again.
            Interrupted: `stop` was called meanwhile.
        """
        refusal = None
        try:
            connection = self._begin_connection()
            self._framer.see(connection.first_picture())
            self.fps = connection.fps
        except ConnectionLost as lost:
            refusal = lost.refusal
        except BaseException:
            self._leave_connection()
            raise
        if refusal is not None:
            self._leave_connection()
            if self._patience.stopped:
                raise Interrupted(f"{self.uri}: stopped while it was being opened.")
            raise refusal.error(self.uri)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection. Pictures handed out stay valid."""
        self._leave_connection()

    def begin_at(self, index: int, after_pts: int | None = None) -> None:  # noqa: ARG002
        """Nothing to do for frame 0; ValueError for others."""
        refuse_beginning(index)

    def stop(self) -> None:
        """End the iteration soon, whatever it waits for. From any thread and from a signal handler."""
        self._patience.stop()

    def __iter__(self) -> Iterator[Frame]:
        """Deliver frames until stopped.

        Raises:
            SourceFault: there was no picture for longer than `give_up_s`.
        """
        self._begun_ns = self._last_ns = time.monotonic_ns()
        try:
            while not (self._patience.stopped or self.exhausted):
                yield from self._frames()
        finally:
            self._outages.end(time.monotonic_ns())
            self._warn()

    def _frames(self) -> Iterator[Frame]:
        """The frames of one connection; at its end, the next is made or being waited for."""
        try:
            connection = self._present[1]
            if connection is None:
                connection = self._begin_connection()
                connection.first_picture()
            for picture in connection.pictures():
                captured_ns = time.monotonic_ns()
                self._outages.end(captured_ns)
                self._last_ns = captured_ns
                yield self._framer.frame_from(picture, captured_ns)
                if self._patience.stopped:
                    return
        except ConnectionLost as lost:
            self.exhausted = lost.is_over
            what = lost.refusal.what
        else:
            what = "the stream ended"
        if self.exhausted:
            return
        if self._patience.stopped:
            return
        self._leave_connection()
        give_back()
        pause_s = self._outages.lose(what, self._last_ns)
        self._check_patience(what, pause_s)
        self._patience.pause(pause_s)

    def _check_patience(self, what: str, pause_s: float) -> None:
        """Give up if the next attempt would come too late.

        Raises:
            SourceFault: it would.
        """
        limit_s = self._options.give_up_s
        without_s = s_from_ns(time.monotonic_ns() - self._last_ns)
        if limit_s is not None and without_s + pause_s > limit_s:
            raise SourceFault(
                f"{self.uri}: lost ({what}), and no picture came within {limit_s:g} s. "
                "The outputs hold what came before; look at the camera and the network."
            )

    def _begin_connection(self) -> Connection:
        connection = self._connect()
        self._present = (self._present[0], connection)
        return connection

    def _leave_connection(self) -> None:
        """Close it, and keep its figures. Twice is as once."""
        past, connection = self._present
        if connection is not None:
            self._present = (past.after(connection), None)
            connection.close()

    def facts(self) -> dict[str, Any]:
        """What the source really is and how it went, up to now, ready for JSON. From any thread."""
        past, connection = self._present
        sums = past.after(connection)
        framer, elapsed_ns = self._framer, self._last_ns - self._begun_ns
        now_ns = time.monotonic_ns()
        return {
            **self._facts_of_connection(),
            "measured_fps": round((framer.count - 1) / s_from_ns(elapsed_ns), 2)
            if elapsed_ns and framer.count > 1
            else None,
            **self._outages.facts(now_ns),
            "size_changes": framer.changes,
            "frames_scaled": framer.resized,
            "frames_damaged": sums.damaged,
            "passed_over_at_start": sums.passed_over,
            "lost": dict(sums.losses),
        }

    def _warn(self) -> None:
        past, connection = self._present
        sums = past.after(connection)
        counted = (
            (sums.losses[DECODE_ERROR], "pictures could not be decoded"),
            (sums.losses[SOURCE_GAP], "pictures missing, by the times of the others"),
            (sums.damaged, "pictures damaged; kept as the decoder made them"),
            (self._framer.resized, "pictures of another size than the first; scaled to the first's"),
        )
        self.warnings += [f"{self.uri}: {line}" for line in self._outages.lines()]
        self.warnings += [f"{self.uri}: {count} {what}" for count, what in counted if count]
