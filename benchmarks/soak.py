"""A live run for a long time, with faults drawn at random: nothing may grow.

python benchmarks/soak.py [--seconds 3600] [--seed 0] [--latency 150] [--table soak.csv]

A real RTSP server on this machine (Debian's GStreamer) plays the synthetic drive at 30 frames a second.
Faults come at random moments: it freezes, dies and comes back, changes its size, sends garbage, loses
packets; a sink blocks; inference takes long, or raises. Every second memory, file handles, threads and the
lag are noted: how old the picture is that was shown last, since the server sent it, as its strip tells.
At the end the recording is counted, and the slope of each figure is printed with its error.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import av
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions
from rtseg.picture import plane_view
from rtseg.report import environment
from rtseg.sources.drive import number_from_strip
from rtseg.sources.live import LiveOptions
from tests.rtsp import SIZE, SMALL, RtspServer, h264_of, images_of, write_clip

if TYPE_CHECKING:
    from rtseg.frame import Painted
    from rtseg.pipeline import Progress

_SETTLED_S = 120
"""Before this, or in a short run before a third of it, memory is still growing into its shape: 25 MB here,
until each fault has come by once."""
_PAUSE_S = (1.0, 4.0)


class Watcher:
    """A sink that notes the age of what is shown, and blocks when told to."""

    def __init__(self, sent: Path) -> None:
        """Note when frames were sent from the server's log `sent`."""
        self.block_s = 0.0
        self.warnings: list[str] = []
        self.age_ms: float | None = None
        self.shown = 0
        self._log = sent.open()
        self._sent: dict[int, int] = {}

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def write(self, painted: Painted) -> None:
        """Note one picture."""
        assert painted.frame.slot is not None
        self.shown += 1
        if self.block_s:
            block_s, self.block_s = self.block_s, 0.0
            time.sleep(block_s)
        number = number_from_strip(plane_view(painted.picture, 0))
        for line in self._log:
            sent_number, sent_ns = line.split()
            self._sent[int(sent_number)] = int(sent_ns)
        if number in self._sent:
            self.age_ms = (painted.frame.slot.shown_ns - self._sent[number]) / 1e6

    def end_segment(self) -> dict[str, Any]:
        """Do nothing."""
        return {}


class Faults:
    """Draws faults from a seed, one after the other, in a thread of its own."""

    def __init__(self, server: RtspServer, watcher: Watcher, session: LiveSession, seed: int) -> None:
        self.made: list[str] = []
        self._random = random.Random(seed)
        self._server, self._watcher = server, watcher
        self._slow_s = 0.0
        self._raises = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="faults")
        infer = session.backend._infer

        def infer_or_fail(image: Any) -> Any:  # noqa: ANN401
            slow_s, self._slow_s = self._slow_s, 0.0
            time.sleep(slow_s)
            if self._raises:
                self._raises -= 1
                raise RuntimeError("on purpose")
            return infer(image)

        session.backend._infer = infer_or_fail  # type: ignore[method-assign, assignment]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Make no more, and set all right."""
        self._stop.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stop.wait(self._random.uniform(*_PAUSE_S)):
            kind = self._random.choice(
                ("freeze", "die", "resize", "corrupt", "lose", "block", "slow", "raise", "raise", "slow")
            )
            self.made.append(kind)
            getattr(self, f"_{kind}")()
        self._server.lose(0)

    def _freeze(self) -> None:
        self._server.freeze(self._random.uniform(0.2, 3))

    def _die(self) -> None:
        self._server.kill()
        self._stop.wait(self._random.uniform(0.1, 3))
        self._server.restart()

    def _resize(self) -> None:
        self._server.resize(*self._random.choice((SIZE, SMALL)))

    def _corrupt(self) -> None:
        self._server.corrupt(self._random.uniform(0.1, 1))

    def _lose(self) -> None:
        self._server.lose(self._random.uniform(0, 0.3))
        self._stop.wait(1)
        self._server.lose(0)

    def _block(self) -> None:
        self._watcher.block_s = self._random.uniform(0.1, 3)

    def _slow(self) -> None:
        self._slow_s = self._random.uniform(0.05, 0.6)

    def _raise(self) -> None:
        self._raises = self._random.randint(1, 5)


class Growth:
    """Figures over time, and how steeply they rise."""

    UNITS: ClassVar[dict[str, str]] = {"memory": "MB", "handles": "", "threads": "", "lag": "ms"}

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, float, float]] = []
        self._process = psutil.Process()
        self._begun = self._last = time.monotonic()

    def note(self, age_ms: float | None) -> None:
        """Note all figures, at most once a second."""
        now = time.monotonic()
        if now - self._last < 1 or age_ms is None:
            return
        self._last = now
        memory = self._process.memory_info().rss / 1e6
        self.rows.append(
            (now - self._begun, memory, self._process.num_fds(), threading.active_count(), age_ms)
        )

    def slopes_an_hour(self) -> dict[str, tuple[float, float]]:
        """Slope an hour and its standard error, by least squares, of each figure."""
        table = np.array(self.rows)
        settled = table[table[:, 0] > min(_SETTLED_S, table[-1, 0] / 3)]
        hours = settled[:, 0] / 3600
        found = {}
        for column, name in enumerate(self.UNITS, start=1):
            values = settled[:, column]
            if np.ptp(values) == 0:
                found[name] = (0.0, 0.0)
                continue
            (slope, _), covariance = np.polyfit(hours, values, 1, cov=True)
            found[name] = (float(slope), float(np.sqrt(covariance[0, 0])))
        return found


def soak(
    folder: Path, seconds: float, seed: int, latency_ms: float = 150
) -> tuple[LiveSession, Growth, list[str]]:
    """Run for so long; returns the ended session, the figures and the faults. The recording is out.mkv.

    An MP4 would do as well, but its index is kept in memory until the end: 73 bytes a picture.
    """
    clips = {size: write_clip(folder / f"{size[0]}.clip", h264_of(images_of(size))) for size in (SIZE, SMALL)}
    server = RtspServer(clips, log=folder / "sent.log")
    try:
        watcher, growth = Watcher(folder / "sent.log"), Growth()
        options = RunOptions(
            server.url,
            out=folder / "out.mkv",
            backend="simulated:8",
            seconds=seconds,
            live=LiveRun(latency_ms=latency_ms, skip_errors=True, receive=LiveOptions(read_timeout_s=1.0)),
        )
        session = LiveSession(options, sinks={"watcher": watcher})
        faults = Faults(server, watcher, session, seed)

        def watch(_: Progress) -> None:
            growth.note(watcher.age_ms)

        faults.start()
        try:
            with session:
                session.run(watch)
        finally:
            faults.stop()
    finally:
        server.kill()
    gc.collect()
    return session, growth, faults.made


def main() -> None:
    """Soak, and print what grew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=150)
    parser.add_argument("--table", type=Path, help="every second's figures, as CSV")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session, growth, faults = soak(folder, arguments.seconds, arguments.seed, arguments.latency)
        recorded = pictures_in(folder / "out.mkv")
    assert session.outcome is not None
    books = session.outcome.books
    print(f"{arguments.seconds:g} s, seed {arguments.seed}, {len(faults)} faults; {environment()['cpu']}")
    print(
        f"books: {books.sentence()}; balanced: {books.balanced}; recorded: {recorded} of {books.shown} shown"
    )
    print(*session.summary().values())
    print("\n| figure | first | last | slope an hour | error |\n|---|---|---|---|---|")
    for column, (name, (slope, error)) in enumerate(growth.slopes_an_hour().items(), start=1):
        first, last = growth.rows[0][column], growth.rows[-1][column]
        unit = Growth.UNITS[name]
        print(f"| {name} {unit} | {first:.1f} | {last:.1f} | {slope:+.2f} | {error:.2f} |")
    if arguments.table:
        header = ",".join(("seconds", *Growth.UNITS))
        np.savetxt(arguments.table, growth.rows, "%.3f", delimiter=",", header=header, comments="")
    for line in session.warnings():
        print(f"warning: {line}")


def pictures_in(path: Path) -> int:
    """How many pictures a film has."""
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


if __name__ == "__main__":
    main()
