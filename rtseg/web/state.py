"""How a run goes, twice a second, for all viewers: from meter and books, as its report is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rtseg.pipeline.clock import NS_PER_S, ms_from_ns
from rtseg.pipeline.meter import END_TO_END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtseg.backends.base import Backend
    from rtseg.classes import ClassSet
    from rtseg.pipeline import Books
    from rtseg.pipeline.meter import Meter


class Watched(Protocol):
    """What is looked at: a run, as its session shows it. All may be asked at any time, from any thread."""

    @property
    def mode(self) -> str:
        """What kind of run it is: file or live."""

    @property
    def backend(self) -> Backend:
        """What infers."""

    @property
    def title(self) -> str:
        """What is run over, without passwords."""

    @property
    def meter(self) -> Meter:
        """How long stages and frames take."""

    @property
    def books(self) -> Books:
        """What became of the frames."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames there should be."""

    @property
    def kept_frames(self) -> int:
        """How many an earlier run has made."""

    @property
    def running(self) -> bool:
        """Whether it is not over yet."""

    def waiting(self) -> Mapping[str, int]:
        """Frames before each stage."""

    def punctuality(self) -> dict[str, Any] | None:
        """`deadline` of the report so far; None without a fixed latency."""

    def report(self) -> dict[str, Any]:
        """The report so far."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What does not change in a run."""

    run: str
    title: str
    mode: str
    model: str
    backend: str
    classes: ClassSet
    opacity: float
    rtc: bool

    def as_message(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "type": "hello",
            "run": self.run,
            "title": self.title,
            "mode": self.mode,
            "model": self.model,
            "backend": self.backend,
            "classes": list(self.classes.names),
            "palette": [list(colour) for colour in self.classes.palette_rgb],
            "opacity": self.opacity,
            "rtc": self.rtc,
        }


class Ticker:
    """Says how a run goes, and how it went since it was asked last; for one who asks at a steady pace."""

    def __init__(self, watched: Watched) -> None:
        """Begin to look."""
        self._watched = watched
        self._meter: Meter | None = None
        self._earlier: dict[str, Any] = {}
        self._shown, self._looked_ns = 0, time.monotonic_ns()

    def message(self) -> dict[str, Any]:
        """JSON-ready. Percentiles and `fps` are of the while since the last look, in milliseconds."""
        watched, meter, now_ns = self._watched, self._watched.meter, time.monotonic_ns()
        if meter is not self._meter:  # --latency auto begins to measure anew
            self._meter, self._earlier = meter, {}
        stages = {name: self._recent(name) for name in meter.histograms}
        books = watched.books
        elapsed_s = (now_ns - self._looked_ns) / NS_PER_S
        fps = (books.shown - self._shown) / elapsed_s if elapsed_s > 0 else 0.0
        self._shown, self._looked_ns = books.shown, now_ns
        return {
            "type": "state",
            "now_ms": round(ms_from_ns(now_ns), 3),
            "running": watched.running,
            "fps": round(max(fps, 0.0), 2),
            "latency": stages.pop(END_TO_END),
            "stages": stages,
            "waiting": dict(watched.waiting()),
            "frames": {
                "captured": books.captured + watched.kept_frames,
                "fresh": books.fresh + watched.kept_frames,
                "propagated": books.propagated,
                "held": books.held,
                "dropped": dict(books.dropped),
            },
            "deadline": watched.punctuality(),
            "expected": watched.expected_frames,
        }

    def _recent(self, name: str) -> dict[str, float] | None:
        """Percentiles of a stage in the while; None where nothing came through."""
        assert self._meter is not None
        look = self._meter.histograms[name].since(self._earlier.get(name))
        self._earlier[name] = look.counts
        if not look.count:
            return None
        return {f"p{percent}": round(ms_from_ns(look.percentile_ns(percent)), 2) for percent in (50, 95, 99)}
