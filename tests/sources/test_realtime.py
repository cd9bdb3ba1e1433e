from __future__ import annotations

import threading
import time
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rtseg.errors import InputError, SourceNotFoundError
from rtseg.sources import open_live, open_source
from rtseg.sources.live import LiveOptions
from rtseg.sources.realtime import Realtime
from rtseg.sources.synthetic import SyntheticDrive
from tests.films import make_film

pytestmark = pytest.mark.live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rtseg.frame import Frame


def play(source: Realtime, *, frames: int | None = None, late_at: int | None = None) -> list[Frame]:
    """All frames, or so many; the reader sleeps 0.3 s before one of them."""
    taken = []
    for frame in source:
        taken.append(frame)
        if len(taken) == late_at:
            time.sleep(0.3)
        if len(taken) == frames:
            source.stop()
    return taken


def test_frames_come_at_their_own_times(tmp_path: Path):
    film = make_film(tmp_path / "film.mp4", frames=12, sound=None, begin_s=Fraction(3))
    with open_live(str(film), realtime=True) as source:
        begun_ns = time.monotonic_ns()
        frames = play(source)
    due_ms = [(frame.captured_ns - frames[0].captured_ns) / 1e6 for frame in frames]
    assert (frames[0].captured_ns - begun_ns) / 1e6 < 100
    assert [round(ms / 100) for ms in due_ms] == list(range(12))
    assert min(ms - 100 * k for k, ms in enumerate(due_ms)) > -1
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.pts for frame in frames] == [
        (frame.captured_ns - frames[0].captured_ns) * 90_000 // 1_000_000_000 for frame in frames
    ]
    assert (source.film, source.frame_count, source.first_pts) == (None, None, 0)
    assert source.exhausted
    assert source.warnings == []
    assert source.losses == {}


def test_late_reader_misses_nothing(tmp_path: Path):
    film = make_film(tmp_path / "film.mp4", frames=10, sound=None)
    with open_live(str(film), realtime=True) as source:
        frames = play(source, late_at=3)
    assert [frame.index for frame in frames] == list(range(10))
    due_ms = [(frame.captured_ns - frames[0].captured_ns) / 1e6 for frame in frames]
    assert due_ms[3] > 450  # 200 and the sleep
    assert due_ms[-1] < 1000
    assert source.warnings == []


def test_loop_goes_on_with_index_and_time(tmp_path: Path):
    film = make_film(tmp_path / "film.mp4", frames=3, sound=None)
    with open_live(str(film), LiveOptions(loop=True), realtime=True) as source:
        frames = play(source, frames=8)
    steps_ms = [(b.captured_ns - a.captured_ns) / 1e6 for a, b in pairwise(frames)]
    assert [frame.index for frame in frames] == list(range(8))
    assert all(60 < step < 160 for step in steps_ms)
    assert source.facts()["turns"] >= 2
    assert not source.exhausted


def test_stop_does_not_wait_for_the_next_frame():
    drive = SyntheticDrive(64, 48, Fraction(1, 20), seconds=Fraction(100))
    drive.render(0)  # the first frame takes a while
    with Realtime(lambda: drive, LiveOptions()) as source:
        timer = threading.Timer(0.3, source.stop)
        begun = time.monotonic()
        timer.start()
        assert len(play(source)) == 1
        timer.join()
    assert time.monotonic() - begun < 1.5


class _SlowDrive(SyntheticDrive):
    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            time.sleep(0.02)
            yield frame


def test_source_that_is_too_slow_is_told():
    drive = _SlowDrive(64, 48, Fraction(100), seconds=Fraction(1, 2))
    with Realtime(lambda: drive, LiveOptions()) as source:
        frames = play(source)
    assert len(frames) == 50
    (line,) = source.warnings
    assert "could only be read at" in line
    assert "of 100 fps" in line


def test_damage_in_a_film_is_warned_of_once(videos: Path):
    with open_live(str(videos / "london.mp4"), LiveOptions(loop=True), realtime=True) as source:
        play(source, frames=9)
    assert sum("not rising" in line for line in source.warnings) == 1


def test_turned_film_is_upright(videos: Path):
    with open_source(str(videos / "rotated90.mov"), realtime=True) as source:
        frame = next(iter(source))
        assert (source.width, source.height) == (320, 568)
    assert (frame.picture.width, frame.picture.height) == (320, 568)


def test_what_cannot_be_played(tmp_path: Path):
    with pytest.raises(InputError, match="images"):
        open_source(str(tmp_path), realtime=True)
    with pytest.raises(InputError, match="live already"):
        open_source("rtsp://u:geheim@cam/x", realtime=True)
    with pytest.raises(SourceNotFoundError), open_live(str(tmp_path / "no.mp4"), realtime=True):
        pass
