"""Live runs over a real RTSP server, with one fault each: the books balance, and it recovers."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import psutil
import pytest

from rtseg.errors import InputError, StageError
from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions
from rtseg.sources.live import LiveOptions
from tests.rtsp import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rtseg.pipeline import Outcome

pytestmark = pytest.mark.live

LATENCY_MS = 150
FPS = 30


class Run:
    """One live run into a recording and a table, with a fault on the way."""

    def __init__(
        self, folder: Path, source: str, *, seconds: float = 6, sinks: Any = None, **live: Any
    ) -> None:
        self.video, self.table = folder / "out.mp4", folder / "out.csv"
        receive = LiveOptions(read_timeout_s=1.0, **live.pop("receive", {}))
        options = RunOptions(
            source,
            out=self.video,
            table=self.table,
            backend=live.pop("backend", "simulated:5"),
            seconds=seconds,
            live=LiveRun(**{"latency_ms": LATENCY_MS, "receive": receive, **live}),
        )
        self.session = LiveSession(options, sinks=sinks)

    def run(self, *faults: tuple[float, Callable[[], object]]) -> Outcome:
        """Run to the end; each fault begins so many seconds after the first frame."""
        timers = [threading.Timer(after_s, fault) for after_s, fault in faults]
        for timer in timers:
            timer.start()
        try:
            with self.session:
                return self.session.run()
        finally:
            for timer in timers:
                timer.join()

    def rows(self) -> list[dict[str, str]]:
        with self.table.open(newline="") as file:
            return list(csv.DictReader(file))

    def numbers(self) -> list[int | None]:
        """What the strips of the recorded pictures say."""
        with av.open(str(self.video)) as film:
            return [number_of(picture) for picture in film.decode(video=0)]

    def check(self, *, fresh_at_the_end: float = 0.8) -> None:
        """Recompute books and latency from what was written, and see that the run recovered."""
        outcome, rows = self.session.outcome, self.rows()
        assert outcome is not None
        books = outcome.books
        assert books.balanced
        assert books.captured == books.shown + sum(books.dropped.values())
        assert len(rows) == books.shown
        fates = [row["fate"] for row in rows]
        assert (fates.count("fresh"), fates.count("propagated"), fates.count("held")) == (
            books.fresh,
            books.propagated,
            books.held,
        )
        assert len(self.numbers()) == books.shown
        # Never before the slot; more than half an interval after it only if a thread oversleeps.
        latency_ms = sorted(float(row["latency_ms"]) for row in rows)
        assert latency_ms[0] >= LATENCY_MS - 0.001
        assert latency_ms[len(rows) * 9 // 10] <= LATENCY_MS + 1000 / FPS / 2
        last = fates[-FPS:]
        assert last.count("fresh") >= fresh_at_the_end * len(last)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Threads and open files are what they were."""
    process = psutil.Process()
    threads = set(threading.enumerate())
    files = {file.path for file in process.open_files()}
    sockets = len(process.net_connections())
    yield
    assert set(threading.enumerate()) <= threads
    assert {file.path for file in process.open_files()} <= files
    assert len(process.net_connections()) <= sockets


def test_every_frame_of_a_quiet_run_is_shown_in_order_with_its_own_labels(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url)
    outcome = run.run()
    run.check()
    numbers = run.numbers()
    assert None not in numbers
    steps = [(b - a) % 150 for a, b in pairwise(numbers)]
    assert sum(step - 1 for step in steps) == outcome.books.dropped.get("source gap", 0)
    assert outcome.books.fresh > 0.9 * outcome.books.captured
    facts = run.session.report()
    assert facts["mode"] == "live"
    assert facts["deadline"]["budget_ms"] == LATENCY_MS
    assert facts["source"]["uri"] == server.url


def test_a_server_that_dies_and_comes_back(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=10)
    run.run((2, server.kill), (4, server.restart))
    run.check()
    facts = run.session.report()["source"]
    assert facts["outages"] == 1
    assert 1 < facts["seconds_without_picture"] < 6
    assert float(run.rows()[-1]["pts_s"]) > 8.5


def test_a_stream_that_freezes(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=9)
    run.run((2, lambda: server.freeze(2.5)))
    run.check()
    assert float(run.rows()[-1]["pts_s"]) > 7.5


def test_another_resolution_in_mid_stream(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=7)
    run.run((2, lambda: server.resize(240, 180)))
    run.check()
    with av.open(str(run.video)) as film:
        assert {(picture.width, picture.height) for picture in film.decode(video=0)} == {(320, 240)}


def test_corrupt_packets_for_a_second(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=7)
    run.run((2, lambda: server.corrupt(1)))
    run.check()


def test_a_third_of_all_packets_lost_on_udp(rtsp_server, tmp_path):
    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=8, receive={"transport": "udp"})
    run.run((1.5, lambda: server.lose(0.3)), (4, lambda: server.lose(0)))
    run.check()
    assert run.session.report()["source"]["transport"] == "udp"


def test_a_wall_clock_that_jumps_changes_nothing(rtsp_server, tmp_path, monkeypatch):
    server = rtsp_server()
    real, real_ns, jumped = time.time, time.time_ns, threading.Event()
    monkeypatch.setattr(time, "time", lambda: real() - 3600 * jumped.is_set())
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() - 3600 * 10**9 * jumped.is_set())
    run = Run(tmp_path, server.url)
    outcome = run.run((2, jumped.set))
    run.check()
    assert outcome.books.fresh > 0.9 * outcome.books.captured


def test_a_sink_that_blocks_for_three_seconds(rtsp_server, tmp_path):
    class Blocking:
        warnings: list[str] = []  # noqa: RUF012
        blocked = False

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, painted):
            if painted.frame.pts > 2 * 90_000 and not self.blocked:
                self.blocked = True
                time.sleep(3)

        def end_segment(self):
            return {}

    server = rtsp_server()
    run = Run(tmp_path, server.url, seconds=8, sinks={"blocking": Blocking()})
    outcome = run.run()
    run.check()
    assert 60 < outcome.books.dropped["late"] < 110
    times = [float(row["pts_s"]) for row in run.rows()]
    after = min(pts for pts in times if pts > 4.9)
    assert after < 5.5
    fates = [row["fate"] for row in run.rows() if after <= float(row["pts_s"]) < after + 2]
    assert fates[-10:].count("fresh") >= 8


def slowed(session: LiveSession, cost_s: Callable[[int], float]) -> None:
    """Have inference take so long, by the number of the call."""
    infer, calls = session.backend._infer, []

    def slow(image):
        calls.append(0)
        time.sleep(cost_s(len(calls)))
        return infer(image)

    session.backend._infer = slow


def test_a_backend_that_takes_half_a_second_once(rtsp_server, tmp_path):
    run = Run(tmp_path, rtsp_server().url)
    slowed(run.session, lambda call: 0.5 if call == 60 else 0)
    outcome = run.run()
    run.check()
    assert outcome.books.propagated + outcome.books.held >= 5
    assert outcome.books.shown > 0.97 * outcome.books.captured


def test_a_backend_that_always_takes_three_frame_times(rtsp_server, tmp_path):
    run = Run(tmp_path, rtsp_server().url, seconds=8)
    slowed(run.session, lambda _: 3 / FPS)
    outcome = run.run()
    run.check(fresh_at_the_end=0)
    assert outcome.books.shown > 0.9 * outcome.books.captured
    every = run.session.report()["every"]["frames_by_n"]
    assert max(every, key=every.__getitem__) in ("4", "5")
    assert any("cannot infer every frame" in line for line in run.session.warnings())


@pytest.mark.parametrize("latency_ms", [None, LATENCY_MS])
def test_a_backend_that_raises_now_and_then_is_passed_over_if_asked_to(rtsp_server, tmp_path, latency_ms):
    def fail(call: int) -> float:
        if call % 20 == 0:
            raise RuntimeError("out of order")
        return 0

    run = Run(tmp_path, rtsp_server().url, seconds=5, latency_ms=latency_ms, skip_errors=True)
    slowed(run.session, fail)
    outcome = run.run()
    assert outcome.books.balanced
    if latency_ms is None:
        assert outcome.books.dropped["infer failed"] >= 4
    else:
        run.check()
        assert outcome.books.propagated >= 4
    assert run.session.report()["forgiven"]["infer"] >= 4
    assert any("out of order" in line for line in run.session.warnings())


def test_a_backend_that_raises_ends_the_run_else_and_the_recording_plays(rtsp_server, tmp_path):
    def fail(call: int) -> float:
        if call == 50:
            raise RuntimeError("out of order")
        return 0

    run = Run(tmp_path, rtsp_server().url)
    slowed(run.session, fail)
    with pytest.raises(StageError, match="infer: out of order"):
        run.run()
    assert run.session.outcome.books.balanced
    assert len(run.numbers()) == run.session.outcome.books.shown > 30


def test_a_source_twice_as_fast_as_the_model_is_never_behind(rtsp_server, tmp_path):
    run = Run(tmp_path, rtsp_server().url, seconds=8, latency_ms=None)
    slowed(run.session, lambda _: 2 / FPS)
    outcome = run.run()
    assert outcome.books.balanced
    assert outcome.books.dropped["superseded before infer"] > 0.3 * outcome.books.captured
    latency_ms = [float(row["latency_ms"]) for row in run.rows()]
    third = len(latency_ms) // 3
    assert sorted(latency_ms[-third:])[third // 2] < sorted(latency_ms[:third])[third // 2] + 1000 / FPS


def test_the_least_latency_is_found_and_kept(rtsp_server, tmp_path):
    run = Run(tmp_path, rtsp_server().url, seconds=10, latency_ms=None, auto_latency=True)
    slowed(run.session, lambda _: 0.02)
    run.run()
    deadline = run.session.report()["deadline"]
    assert 30 <= deadline["proposed_ms"] == deadline["budget_ms"] <= 400
    assert deadline["missed"] <= 5
    assert float(run.rows()[-1]["latency_ms"]) == pytest.approx(deadline["budget_ms"], abs=20)


def test_a_latency_that_cannot_be_reached_is_refused_with_one_that_can(rtsp_server, tmp_path):
    server, folder = rtsp_server(), tmp_path / "out"
    folder.mkdir()
    with pytest.raises(InputError, match=r"--latency 20: cannot be reached .* at best\. Give \d+ or more"):
        Run(folder, server.url, latency_ms=20, backend="simulated:60")
    assert not list(folder.iterdir())


def command(folder: Path, source: str, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "rtseg", "run", source, "--latency", "150", "--backend", "simulated:5"),
            *("-o", str(folder / "out.mp4"), "--report", str(folder / "run.json"), *options),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for_frames(process: subprocess.Popen, folder: Path) -> None:
    recording, end = folder / "out.mp4", time.monotonic() + 40
    while not (recording.exists() and recording.stat().st_size > 20_000):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"nothing was recorded: {process.stderr and process.stderr.read()}")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGTERM, signal.SIGTERM)]
)
def test_a_signal_ends_it_and_the_recording_plays(rtsp_server, tmp_path, signals):
    process = command(tmp_path, rtsp_server().url)
    wait_for_frames(process, tmp_path)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.01)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in text
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) > 20


def test_a_closed_terminal_ends_it_and_the_recording_plays(rtsp_server, tmp_path):
    import pty

    master, slave = pty.openpty()
    arguments = ["-m", "rtseg", "run", rtsp_server().url, "--latency", "150", "--backend", "simulated:5"]
    process = subprocess.Popen(
        [sys.executable, *arguments, "-o", str(tmp_path / "out.mp4")],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(slave)
    drain = threading.Thread(target=_read_all, args=(master,), daemon=True)
    drain.start()
    wait_for_frames(process, tmp_path)
    process.send_signal(signal.SIGHUP)  # what the kernel sends as the terminal goes
    assert process.wait(timeout=30) == 130
    os.close(master)
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) > 20


def _read_all(file: int) -> None:
    try:
        while os.read(file, 4096):
            pass
    except OSError:
        pass


def test_a_signal_asks_how_it_goes(rtsp_server, tmp_path):
    process = command(tmp_path, rtsp_server().url)
    wait_for_frames(process, tmp_path)
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert "captured" in text
    assert "jitter p50" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["clip.mp4", "--latency", "100"], "--latency is for live runs"),
        (["clip.mp4", "--window"], "--window is for live runs"),
        (["clip.mp4", "--loop"], "--loop is for live runs"),
        (["clip.mp4", "--every", "31"], "--every 31: over a file a whole number from 1 to 30"),
        (["clip.mp4", "--realtime", "--mode", "file"], "--mode file: --realtime is live"),
        (["rtsp://127.0.0.1/x", "--mode", "file"], "--mode file: a camera or a stream is live"),
        (["rtsp://127.0.0.1/x", "--resume"], "--resume is for files"),
        (["rtsp://127.0.0.1/x", "--realtime"], "--realtime is for files"),
        (["rtsp://127.0.0.1/x", "--every", "2"], "--every is for runs with --latency"),
        (["rtsp://127.0.0.1/x", "--latency", "soon"], "neither a number of milliseconds"),
        (["rtsp://127.0.0.1/x", "--latency", "nan"], "neither a number of milliseconds"),
        (["0", "--camera-size", "big"], "not of the form WIDTHxHEIGHT"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, options, words):
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", "run", *options, "-o", str(tmp_path / "out.mp4")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not list(tmp_path.iterdir())


def test_prometheus_gets_figures_that_add_up_while_it_runs(rtsp_server, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = command(tmp_path, rtsp_server().url, "--metrics", address)
    wait_for_frames(process, tmp_path)
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    figures = {name: float(value) for name, value in lines}
    counted = sum(
        value
        for name, value in figures.items()
        if name.startswith(("rtseg_frames_total{", "rtseg_frames_dropped_total{"))
    )
    assert counted > 10
    assert figures["rtseg_frames_captured_total"] == counted + figures["rtseg_frames_in_flight"]
    assert figures['rtseg_latency_seconds_bucket{le="+Inf",stage="end_to_end"}'] > 10


def test_what_is_pushed_arrives(rtsp_server, tmp_path):
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{probe.getsockname()[1]}"
    process = command(tmp_path, rtsp_server().url, "--push", url, "--seconds", "8")
    numbers = []
    with av.open(url, timeout=(20, 5)) as stream:
        for picture in stream.decode(video=0):
            numbers.append(number_of(picture))
            if len(numbers) == 60:
                break
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 130, text
    read = [number for number in numbers if number is not None]
    assert len(read) > 50
    assert sum((b - a) % 150 == 1 for a, b in pairwise(read)) > 45
