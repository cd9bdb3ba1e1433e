from __future__ import annotations

import socket
import sys
import threading
import urllib.error
import urllib.request

import pytest

from rtseg.errors import MissingDependencyError, OutputError
from rtseg.pipeline.books import Bookkeeper
from rtseg.pipeline.meter import END_TO_END, Meter
from rtseg.sinks.metrics import Figures, Latency, MetricsServer, host_and_port

parser = pytest.importorskip("prometheus_client.parser")


class Run:
    """Counts like a run."""

    def __init__(self) -> None:
        self.books, self.meter = Bookkeeper(), Meter(["infer"])
        self.missed = 0

    def figures(self) -> Figures:
        histograms = self.meter.histograms
        return Figures(
            books=self.books.books(),
            latency={stage: Latency.of(histogram) for stage, histogram in histograms.items()},
            fps=29.5,
            deadline_missed=self.missed,
            reconnects=2,
            waiting={"infer": 1},
        )


def scraped(server: MetricsServer) -> dict[tuple[str, tuple], float]:
    """All samples, by name and labels."""
    with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = list(parser.text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_figures_of_the_moment():
    run = Run()
    with MetricsServer("0", run.figures) as server:
        assert server.address.startswith("127.0.0.1:")
        assert scraped(server)["rtseg_frames_captured_total", ()] == 0
        for number in range(10):
            run.books.capture()
            run.meter.record("infer", 4_000_000 + number)
            run.meter.record_shown(0, 80_000_000)
        run.books.show("fresh")
        run.books.show("held")
        run.books.drop('superseded "before" infer', 3)
        run.missed = 4
        found = scraped(server)
    expected = {
        ("rtseg_frames_captured_total", ()): 10,
        ("rtseg_frames_total", (("fate", "fresh"),)): 1,
        ("rtseg_frames_total", (("fate", "propagated"),)): 0,
        ("rtseg_frames_total", (("fate", "held"),)): 1,
        ("rtseg_frames_dropped_total", (("cause", 'superseded "before" infer'),)): 3,
        ("rtseg_deadline_missed_total", ()): 4,
        ("rtseg_reconnects_total", ()): 2,
        ("rtseg_frames_in_flight", ()): 5,
        ("rtseg_frames_per_second", ()): 29.5,
        ("rtseg_frames_waiting", (("stage", "infer"),)): 1,
        ("rtseg_latency_seconds_bucket", (("le", "0.002"), ("stage", "infer"))): 0,
        ("rtseg_latency_seconds_bucket", (("le", "0.005"), ("stage", "infer"))): 10,
        ("rtseg_latency_seconds_bucket", (("le", "+Inf"), ("stage", "infer"))): 10,
        ("rtseg_latency_seconds_bucket", (("le", "0.075"), ("stage", END_TO_END))): 0,
        ("rtseg_latency_seconds_bucket", (("le", "0.1"), ("stage", END_TO_END))): 10,
        ("rtseg_latency_seconds_count", (("stage", END_TO_END),)): 10,
        ("rtseg_latency_seconds_sum", (("stage", END_TO_END),)): pytest.approx(0.8),
    }
    assert {key: found[key] for key in expected} == expected
    assert all(name.startswith(("rtseg_", "process_")) for name, _ in found)


def test_every_scrape_is_consistent_while_others_count():
    run, done = Run(), threading.Event()

    def count() -> None:
        while not done.is_set():
            run.books.capture()
            run.meter.record("infer", 3_000_000)
            done.wait(0.0001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with MetricsServer(":0", run.figures) as server:
            last = 0.0
            for _ in range(10):
                found = scraped(server)
                stage = (("stage", "infer"),)
                buckets = [
                    v
                    for (name, labels), v in found.items()
                    if name.endswith("_bucket") and labels[-1] == stage[0]
                ]
                assert buckets == sorted(buckets)
                assert buckets[-1] == found["rtseg_latency_seconds_count", stage] >= last
                last = buckets[-1]
    finally:
        done.set()
        thread.join()


def test_it_is_gone_at_the_end_and_can_come_again():
    run = Run()
    threads = threading.active_count()
    for _ in range(2):
        with MetricsServer("127.0.0.1:0", run.figures) as server:
            scraped(server)
        with pytest.raises(urllib.error.URLError):
            scraped(server)
    assert threading.active_count() <= threads + 1  # an answer's own thread may be on its last instruction
    with MetricsServer("0", run.figures) as one, MetricsServer("0", run.figures) as other:
        assert scraped(one).keys() == scraped(other).keys()


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "address already in use"), ("192.0.2.1", "cannot assign")]
)
def test_an_address_that_cannot_be_had(host: str, reason: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"{host}:{taken.getsockname()[1]}"
        with pytest.raises(OutputError) as raised:
            MetricsServer(address, Run().figures).__enter__()
    assert str(raised.value).startswith(f"{address}: no metrics can be served there ({reason}")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":1", ("127.0.0.1", 1)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]):
    assert host_and_port(address) == expected


@pytest.mark.parametrize("address", ["", "host", "host:", "host:x", "host:99999", "a:1/b", "u@h:1", "[::1"])
def test_what_is_no_address(address: str):
    with pytest.raises(OutputError, match="no address"):
        host_and_port(address)


def test_where_the_library_is_missing_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingDependencyError, match="prometheus-client is not installed"):
        MetricsServer("0", Run().figures)
