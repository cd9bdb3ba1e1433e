"""The sink that reads the card back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rtseg.latency.card import age_ns
from rtseg.picture import plane_view
from rtseg.pipeline.meter import Histogram

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.frame import Painted


class CardReader:
    """Notes how old each picture is when it is handed to the sinks, and how old it was when it was captured.

    Attributes:
        whole: from the card's making to the sinks.
        before: from the card's making to the capture stamp: encoder, network, decoder and their buffers.
        unread: pictures in which no card could be read.
        warnings: stays empty.
    """

    def __init__(self) -> None:
        self.whole = Histogram()
        self.before = Histogram()
        self.unread = 0
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        """Do nothing; there is nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    def write(self, painted: Painted) -> None:
        """Read one picture."""
        now_ns = time.monotonic_ns()
        age = age_ns(plane_view(painted.picture, 0), now_ns)
        if age is None:
            self.unread += 1
            return
        self.whole.record(age)
        self.before.record(age - (now_ns - painted.frame.captured_ns))

    def end_segment(self) -> dict[str, Any]:
        """Do nothing."""
        return {}
