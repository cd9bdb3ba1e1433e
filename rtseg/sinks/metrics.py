"""The figures of a run for Prometheus, over HTTP, as they are when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rtseg.errors import MissingDependencyError, OutputError
from rtseg.pipeline.clock import NS_PER_S, s_from_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.pipeline import Books
    from rtseg.pipeline.meter import Histogram

DEFAULT_HOST = "127.0.0.1"

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the latency buckets: close where budgets usually are."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a stage takes, or a frame from its capture to the moment it is shown.

    Attributes:
        counts: how many took no longer than each of `BOUNDS_S`, and at last how many there were.
        sum_s: all of them together.
    """

    counts: tuple[int, ...]
    sum_s: float

    @classmethod
    def of(cls, histogram: Histogram) -> Latency:
        """Read a histogram of a pipeline."""
        counts = histogram.counts_until_ns([bound * NS_PER_S for bound in BOUNDS_S])
        return cls(tuple(counts), s_from_ns(histogram.total_ns))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run tells at one instant. All counts go up for as long as the run lasts.

    Attributes:
        books: the frames by what became of them.
        latency: by stage, and for `end_to_end`.
        fps: frames shown a second.
        deadline_missed: frames whose labels came too late for their slot.
        reconnects: how often the source was lost and found again.
        waiting: how many frames lie in each mailbox, by the stage that they wait for.
    """

    books: Books
    latency: Mapping[str, Latency]
    fps: float
    deadline_missed: int = 0
    reconnects: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)


class MetricsServer:
    """Answers Prometheus at http://HOST:PORT/metrics; a context manager.

    Nothing is computed until somebody asks. It listens in threads of the library's own, which are daemonic:
    the process may end over an answer that somebody does not fetch.

    Attributes:
        address: where it listens, HOST:PORT; once entered, with the real port.
    """

    def __init__(self, address: str, read: Callable[[], Figures]) -> None:
        """Choose the place; nothing listens yet.

        Args:
            address: HOST:PORT, :PORT or PORT; without a host only this machine can ask. Port 0 is any.
            read: called for each answer, in another thread.

        Raises:
            OutputError: it is no address.
            MissingDependencyError: prometheus-client is not installed.
        """
        self._host, self._port = host_and_port(address)
        self.address = address
        self._prometheus = _load()
        self._read = read

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            OutputError: the address is taken, or not this machine's.
        """
        registry = _registry(self._prometheus, self._read)
        try:
            self._server, self._thread = self._prometheus.start_http_server(self._port, self._host, registry)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(
                f"{self.address}: no metrics can be served there ({reason}). Choose another host or port."
            ) from error
        host, port = self._server.server_address[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def exposition(read: Callable[[], Figures]) -> tuple[bytes, str]:
    """The figures in Prometheus's text format, and what that is called in HTTP.

    Raises:
        MissingDependencyError: prometheus-client is not installed.
    """
    prometheus = _load()
    return prometheus.generate_latest(_registry(prometheus, read)), prometheus.CONTENT_TYPE_LATEST


def _registry(prometheus: Any, read: Callable[[], Figures]) -> Any:  # noqa: ANN401
    registry = prometheus.CollectorRegistry()
    registry.register(_Collector(prometheus, read))
    prometheus.ProcessCollector(registry=registry)
    return registry


class _Collector:
    """Makes metrics of figures, each time it is asked."""

    def __init__(self, prometheus: Any, read: Callable[[], Figures]) -> None:  # noqa: ANN401
        self._core = prometheus.core
        self._read = read

    def describe(self) -> list[Any]:
        """Nothing beforehand: names are ours alone, and nobody has figures yet."""
        return []

    def collect(self) -> Iterator[Any]:
        """All metrics."""
        figures = self._read()
        books = figures.books
        yield self._counter("rtseg_frames_captured", "Frames that the source delivered.", books.captured)
        fates = {"fresh": books.fresh, "propagated": books.propagated, "held": books.held}
        yield self._counters("rtseg_frames", "Frames shown, by where their labels come from.", "fate", fates)
        yield self._counters("rtseg_frames_dropped", "Frames not shown, by cause.", "cause", books.dropped)
        missed = figures.deadline_missed
        yield self._counter(
            "rtseg_deadline_missed", "Frames whose labels came too late for their slot.", missed
        )
        yield self._counter(
            "rtseg_reconnects", "Times the source was lost and found again.", figures.reconnects
        )
        yield self._core.GaugeMetricFamily(
            "rtseg_frames_in_flight", "Frames captured and not yet shown or dropped.", value=books.in_flight
        )
        yield self._core.GaugeMetricFamily(
            "rtseg_frames_per_second", "Frames shown a second.", value=figures.fps
        )
        waiting = self._core.GaugeMetricFamily(
            "rtseg_frames_waiting", "Frames that wait, by stage that they wait for.", labels=["stage"]
        )
        for stage, count in figures.waiting.items():
            waiting.add_metric([stage], count)
        yield waiting
        yield self._latency(figures.latency)

    def _counter(self, name: str, text: str, value: int) -> Any:  # noqa: ANN401
        return self._core.CounterMetricFamily(name, text, value=value)

    def _counters(self, name: str, text: str, label: str, values: Mapping[str, int]) -> Any:  # noqa: ANN401
        family = self._core.CounterMetricFamily(name, text, labels=[label])
        for key, value in values.items():
            family.add_metric([key], value)
        return family

    def _latency(self, latency: Mapping[str, Latency]) -> Any:  # noqa: ANN401
        family = self._core.HistogramMetricFamily(
            "rtseg_latency_seconds",
            "Time a stage is busy with a frame; end_to_end: from its capture until it is shown.",
            labels=["stage"],
        )
        bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
        for stage, one in latency.items():
            family.add_metric([stage], list(zip(bounds, one.counts, strict=True)), one.sum_s)
        return family


def host_and_port(address: str) -> tuple[str, int]:
    """Read HOST:PORT, :PORT or PORT; without a host it is this machine alone. IPv6 hosts stand in [ ].

    Raises:
        OutputError: it is none of these.
    """
    text = address if ":" in address else f":{address}"
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.netloc != text or "@" in text:
        raise OutputError(f"{address}: no address. Write HOST:PORT or only PORT, for instance 9464.")
    return parts.hostname or DEFAULT_HOST, port


def _load() -> Any:  # noqa: ANN401
    try:
        import prometheus_client
        import prometheus_client.core
    except ImportError as error:
        raise MissingDependencyError("prometheus-client", extra="metrics") from error
    return prometheus_client
