"""A film or a synthetic drive, played as a camera: every frame comes at its own time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rtseg.pipeline.clock import NS_PER_MS, NS_PER_S, ms_from_ns, s_from_ns
from rtseg.sources.live import TIME_BASE, Framer, refuse_beginning
from rtseg.sources.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Frame
    from rtseg.sources.base import Source
    from rtseg.sources.live import LiveOptions

_AHEAD = 4
"""Frames decoded before their time, at most; they bridge the ones that take longer."""
_READS, _SPARE_NS = 3, 3 * NS_PER_MS
"""What is left for reading a frame before the next is due: so many times the usual time, and so much more."""
_KEEPS_UP = 0.97
"""Share of its frame rate at which a source counts as fast enough."""
_ENOUGH = 30
"""Frames that must be read before that is judged."""


class Realtime:
    """Another source's frames, released at their own times from the first one on, on the monotonic clock.

    A context manager, to be iterated once; see `LiveSource` for the rest of the contract. A reader that comes
    late gets the frames that are due at once, one after the other: none is left out here.

    Attributes:
        uri: the other source's.
        width: pixels a row, as the other source delivers them first.
        height: rows.
        fps: the other source's.
        frame_count: None.
        time_base: 1/90000 s.
        film: None.
        first_pts: 0.
        exhausted: whether the last frame was delivered.
        warnings: one line for each kind of oddity met; complete once the iteration has ended.
    """

    def __init__(self, make_source: Callable[[], Source], options: LiveOptions) -> None:
        """Name the source by how it is made; once now, and for each further turn of a loop.

        Raises:
            InputError: `make_source` does.
        """
        self._make_source = make_source
        self._source = make_source()
        self.uri = self._source.uri
        self.width = self.height = 0
        self.fps = Fraction(1)
        self.frame_count: int | None = None
        self.time_base = TIME_BASE
        self.film = None
        self.first_pts = 0
        self.exhausted = False
        self.warnings: list[str] = []
        self._loop = options.loop
        self._patience = Patience()
        self._framer = Framer()
        self._turns = 0
        self._read = 0
        self._reading_ns = 0
        self._latest_ns = 0

    @property
    def losses(self) -> Mapping[str, int]:
        """Nothing: what a film cannot give is in its warnings."""
        return {}

    def __enter__(self) -> Self:
        """Open the other source.

        Raises:
            InputError: that failed.
        """
        self._source.__enter__()
        self.width, self.height, self.fps = self._source.width, self._source.height, self._source.fps
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the other source."""
        self._source.__exit__(kind, error, traceback)

    def begin_at(self, index: int, after_pts: int | None = None) -> None:  # noqa: ARG002
        """Nothing to do for frame 0; ValueError for others."""
        refuse_beginning(index)

    def stop(self) -> None:
        """End the iteration soon. From any thread and from a signal handler."""
        self._patience.stop()

    def __iter__(self) -> Iterator[Frame]:
        """Deliver the frames, each at its time.

        Raises:
            SourceFault: the other source failed.
        """
        ready: deque[tuple[Frame, int]] = deque()
        begun_ns: int | None = None
        coming = self._timed_frames()
        has_more = True
        try:
            while not self._patience.stopped:
                if has_more and begun_ns is not None and len(ready) == _AHEAD - 1:
                    self._let_others_work(begun_ns + ready[0][1])
                # Read ahead only while it cannot make the next frame late.
                while has_more and len(ready) < _AHEAD and self._has_time(ready, begun_ns):
                    item = self._read_one(coming)
                    has_more = item is not None
                    if item is not None:
                        ready.append(item)
                if not ready:
                    self.exhausted = True
                    return
                frame, since_first_ns = ready.popleft()
                if begun_ns is None:
                    begun_ns = time.monotonic_ns() - since_first_ns
                if not self._patience.sleep_until_ns(begun_ns + since_first_ns):
                    return
                captured_ns = time.monotonic_ns()
                self._latest_ns = max(self._latest_ns, captured_ns - begun_ns - since_first_ns)
                yield self._framer.frame_from(frame.picture, captured_ns)
        finally:
            coming.close()
            self._warn()

    def _let_others_work(self, due_ns: int) -> None:
        """Sleep until it is time to read another frame before the next one is due.

        A camera's pictures come at no cost while those before them are being worked on.
        """
        self._patience.sleep_until_ns(due_ns - _READS * self._usual_ns - _SPARE_NS)

    @property
    def _usual_ns(self) -> int:
        """How long reading a frame takes."""
        return self._reading_ns // max(1, self._read)

    def _has_time(self, ready: deque[tuple[Frame, int]], begun_ns: int | None) -> bool:
        if not ready:
            return True
        if begun_ns is None:
            return False
        return time.monotonic_ns() + 2 * self._usual_ns < begun_ns + ready[0][1]

    def _read_one(self, coming: Iterator[tuple[Frame, int]]) -> tuple[Frame, int] | None:
        started_ns = time.monotonic_ns()
        item = next(coming, None)
        self._reading_ns += time.monotonic_ns() - started_ns
        self._read += item is not None
        return item

    def _timed_frames(self) -> Generator[tuple[Frame, int], None, None]:
        """Frames with the nanoseconds from the first one to theirs, over all turns of a loop."""
        offset_ns = due_ns = 0
        while True:
            frames = iter(self._source)
            try:
                for frame in frames:
                    since_first = (frame.pts - self._source.first_pts) * frame.time_base
                    due_ns = offset_ns + round(since_first * NS_PER_S)
                    yield frame, due_ns
            finally:
                if isinstance(frames, Generator):
                    frames.close()
            self._turns += 1
            if not self._loop:
                return
            offset_ns = due_ns + round(NS_PER_S / self._source.fps)
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Open the other source again. It would warn of the same in each turn: the first one's is kept."""
        if self._turns == 1:
            self.warnings += self._source.warnings
        self._source.__exit__(None, None, None)
        self._source = self._make_source()
        self._source.__enter__()

    @property
    def _reading_fps(self) -> float:
        """At how many frames a second it can be read; 0 before that can be told."""
        return self._read / s_from_ns(self._reading_ns) if self._read >= _ENOUGH and self._reading_ns else 0.0

    def facts(self) -> dict[str, Any]:
        """How it went, up to now, ready for JSON. From any thread."""
        return {
            "kind": "realtime",
            "nominal_fps": round(float(self.fps), 3),
            "turns": self._turns,
            "could_be_read_at_fps": round(self._reading_fps, 1),
            "latest_release_ms": round(ms_from_ns(self._latest_ns), 3),
            "size_changes": self._framer.changes,
            "lost": {},
        }

    def _warn(self) -> None:
        if self._turns == 0 or not self._loop:
            self.warnings += self._source.warnings
        if 0 < self._reading_fps < _KEEPS_UP * self.fps:
            self.warnings.append(
                f"{self.uri}: could only be read at {self._reading_fps:.3g} of {float(self.fps):.3g} fps; "
                "its frames come late"
            )
