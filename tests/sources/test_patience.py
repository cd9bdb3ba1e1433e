from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress

import av
import pytest

from rtseg.sources.outages import Outages
from rtseg.sources.patience import Patience, interruptible
from tests.sources import streams

pytestmark = pytest.mark.live


def wait_in_ffmpeg(patience: Patience) -> float:
    begun = time.monotonic()
    with streams.silent_server() as port, suppress(av.FFmpegError), interruptible(patience):
        av.open(f"http://127.0.0.1:{port}/x", timeout=20)
    return time.monotonic() - begun


def test_ffmpeg_is_interrupted_by_stop_and_by_the_deadline():
    patience = Patience()
    patience.allow(0.3)
    assert 0.25 < wait_in_ffmpeg(patience) < 1
    assert patience.timed_out
    patience.allow(None)
    timer = threading.Timer(0.3, patience.stop)
    timer.start()
    assert 0.25 < wait_in_ffmpeg(patience) < 1
    timer.join()
    assert not patience.timed_out


def test_other_threads_wait_as_long_as_they_like():
    patience = Patience()
    patience.stop()
    waited: list[float] = []
    mine = Patience()
    mine.allow(0.6)
    other = threading.Thread(target=lambda: waited.append(wait_in_ffmpeg(mine)))
    other.start()
    while other.is_alive():
        wait_in_ffmpeg(patience)
    assert waited[0] > 0.5


def test_ctrl_c_ends_a_wait_in_ffmpeg():
    patience = Patience()
    timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
    begun = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        wait_in_ffmpeg(patience)
    assert time.monotonic() - begun < 1
    timer.join()


def test_pauses_end_with_stop():
    patience = Patience()
    timer = threading.Timer(0.2, patience.stop)
    begun = time.monotonic()
    timer.start()
    patience.pause(30)
    assert time.monotonic() - begun < 1
    timer.join()


def test_sleep_is_exact():
    patience = Patience()
    late_ns = []
    for _ in range(20):
        instant_ns = time.monotonic_ns() + 7_000_000
        assert patience.sleep_until_ns(instant_ns)
        late_ns.append(time.monotonic_ns() - instant_ns)
    assert min(late_ns) >= 0
    patience.stop()
    assert not patience.sleep_until_ns(0)


def test_pauses_grow_until_pictures_come():
    outages = Outages()
    assert [outages.lose("gone", 0) for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    outages.end(3_000_000_000)
    outages.end(4_000_000_000)
    assert outages.lose("frozen", 5_000_000_000) == 0.5
    facts = outages.facts(7_000_000_000)
    assert (facts["outages"], facts["reconnect_attempts"]) == (2, 8)
    assert facts["seconds_without_picture"] == 5
    assert facts["longest_outage_s"] == 3
    assert facts["outage_reasons"] == {"gone": 1, "frozen": 1}
    assert not facts["connected"]
    outages.end(7_000_000_000)
    assert outages.lines() == [
        "lost 2×: gone (1×), frozen (1×); 5.0 s without picture, at most 3.0 s at once"
    ]
    assert Outages().lines() == []
