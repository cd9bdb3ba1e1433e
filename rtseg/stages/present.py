"""The painted picture, to every sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg.sinks.segments import SEGMENT_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted
    from rtseg.sinks.base import Sink


class Present:
    """Hands each picture to all sinks in turn, and closes all of them, whichever fail."""

    name = "present"

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        on_segment: Callable[[int, int, dict[str, dict[str, Any]], int], None] | None = (
            lambda _frames, _pts, _states, _propagated: None
        ),
    ) -> None:
        """Choose where pictures go.

        Args:
            sinks: the sinks, by the kind of output.
            on_segment: called when all sinks have ended a segment, with the number of frames in them, the
                last one's presentation time, what each said of it, by its kind, and to how many of all frames
                up to there that were written here labels were moved; None without segments.
        """
        self._sinks = sinks
        self._on_segment = on_segment
        self._propagated = 0
        self._open: list[Sink] = []
        self._late_errors: list[str] = []

    @property
    def warnings(self) -> list[str]:
        """What the sinks warn of, and failures to close that came after another error."""
        return [line for sink in self._sinks.values() for line in sink.warnings] + self._late_errors

    def __enter__(self) -> Self:
        """Open all sinks; where one fails, close those before it."""
        try:
            for sink in self._sinks.values():
                sink.__enter__()
                self._open.append(sink)
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all sinks; the first error wins, later ones become warnings."""
        failure = self._close(error)
        if error is None and failure is not None:
            raise failure

    def process(self, painted: Painted) -> None:
        """Write to all sinks."""
        for sink in self._open:
            sink.write(painted)
        self._propagated += painted.label_map.fate == "propagated"
        frames = painted.frame.index + 1
        if self._on_segment is not None and frames % SEGMENT_FRAMES == 0:
            states = {kind: sink.end_segment() for kind, sink in self._sinks.items()}
            self._on_segment(frames, painted.frame.pts, states, self._propagated)

    def _close(self, error: BaseException | None) -> BaseException | None:
        """Close what is open and return the first error there is, `error` before all."""
        while self._open:
            failure = _close_one(self._open.pop(), error)
            if failure is None:
                continue
            if error is None:
                error = failure
            else:
                self._late_errors.append(str(failure))
        return error


def _close_one(sink: Sink, error: BaseException | None) -> BaseException | None:
    """Close one sink as after `error`; what it raises is returned, so that the others are closed too."""
    try:
        sink.__exit__(
            type(error) if error is not None else None, error, error.__traceback__ if error else None
        )
    except BaseException as failure:
        return failure
    return None
