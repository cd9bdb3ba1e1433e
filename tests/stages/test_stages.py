from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from rtseg.frame import Frame, LabelMap, Painted, Prepared
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.stages.capture import Capture
from rtseg.stages.infer import Infer
from rtseg.stages.present import Present
from tests.stages.pictures import frame_of, yuv_picture


class Film:
    """A source of ten frames, four a second, that counts what is taken from it."""

    uri, width, height, fps, time_base, warnings = "film", 4, 4, Fraction(4), Fraction(1, 4), []
    frame_count = 10
    first_pts = 100

    def __init__(self) -> None:
        self.taken = 0
        self.begin = 0

    def begin_at(self, index: int, after_pts: int | None) -> None:
        self.begin, self.after_pts = index, after_pts

    def __iter__(self):
        for index in range(self.begin, 10):
            self.taken += 1
            yield Frame(index, 100 + index, self.time_base, 0, None)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 10),
        ({"max_frames": 3}, 3),
        ({"max_frames": 0}, 0),
        ({"seconds": 1}, 4),
        ({"seconds": 1.01}, 5),
        ({"seconds": 2, "max_frames": 5}, 5),
        ({"seconds": 99, "max_frames": 99}, 10),
    ],
)
def test_capture_limits(limits: dict, expected: int):
    film = Film()
    assert [frame.index for frame in Capture(film, **limits)] == list(range(expected))
    assert film.taken <= expected + ("seconds" in limits)


def test_limits_count_from_the_first_frame_wherever_the_delivery_begins():
    def numbers(**limits):
        return [frame.index for frame in Capture(Film(), begin=2, after_pts=101, **limits)]

    assert numbers() == list(range(2, 10))
    assert numbers(max_frames=5) == [2, 3, 4]
    assert numbers(seconds=1) == [2, 3]
    assert numbers(max_frames=2) == []


def test_capture_estimates():
    assert Capture(Film()).frame_count == 10
    assert Capture(Film(), max_frames=3, seconds=1).frame_count == 3
    unknown = Film()
    unknown.frame_count = None
    assert Capture(unknown).frame_count is None
    assert Capture(unknown, seconds=1).frame_count == 4


class Recorder:
    """A sink that writes down what happens to it, and fails when told to."""

    def __init__(self, log: list[str], name: str, fail: str = "") -> None:
        self.log, self.name, self.fail = log, name, fail
        self.warnings = [f"{name} warns"]

    def _note(self, what: str) -> None:
        self.log.append(f"{self.name} {what}")
        if self.fail == what:
            raise OSError(f"{self.name} {what} failed")

    def __enter__(self):
        self._note("open")
        return self

    def __exit__(self, *_error):
        self._note("close")

    def write(self, _painted: Painted) -> None:
        self._note("write")

    def end_segment(self) -> dict:
        self._note("end segment")
        return {"name": self.name}


def named(*recorders: Recorder) -> dict[str, Recorder]:
    return {recorder.name: recorder for recorder in recorders}


def painted() -> Painted:
    picture = yuv_picture((8, 8))
    return Painted(frame_of(picture), LabelMap(np.zeros((2, 2), np.uint8)), picture)


def test_present_writes_to_all_and_closes_all():
    log: list[str] = []
    with Present(named(Recorder(log, "a"), Recorder(log, "b"))) as stage:
        assert stage.process(painted()) is None
    assert log == ["a open", "b open", "a write", "b write", "b close", "a close"]
    assert stage.warnings == ["a warns", "b warns"]


def test_present_ends_a_segment_in_all_sinks_at_its_last_frame():
    log: list[str] = []
    said: list[tuple] = []
    item = painted()
    with Present(
        named(Recorder(log, "a"), Recorder(log, "b")), on_segment=lambda *news: said.append(news)
    ) as stage:
        for index in range(SEGMENT_FRAMES - 2, SEGMENT_FRAMES + 2):
            frame = Frame(index, 1000 + index, item.frame.time_base, 0, item.picture)
            stage.process(Painted(frame, item.label_map, item.picture))
    assert log[2:-2] == [
        *["a write", "b write"] * 2,
        "a end segment",
        "b end segment",
        *["a write", "b write"] * 2,
    ]
    states = {"a": {"name": "a"}, "b": {"name": "b"}}
    assert said == [(SEGMENT_FRAMES, 1000 + SEGMENT_FRAMES - 1, states, 0)]


def test_present_closes_what_was_opened_when_opening_fails():
    log: list[str] = []
    with pytest.raises(OSError, match="b open failed"):
        Present(named(Recorder(log, "a"), Recorder(log, "b", "open"), Recorder(log, "c"))).__enter__()
    assert log == ["a open", "b open", "a close"]


def test_present_closes_all_though_closing_fails_and_the_first_error_wins():
    log: list[str] = []
    stage = Present(named(Recorder(log, "a", "close"), Recorder(log, "b", "close"), Recorder(log, "c")))
    stage.__enter__()
    with pytest.raises(OSError, match="b close failed"):
        stage.__exit__(None, None, None)
    assert log[-3:] == ["c close", "b close", "a close"]
    assert stage.warnings[-1] == "a close failed"


def test_present_does_not_hide_the_error_that_ended_it():
    log: list[str] = []
    stage = Present(named(Recorder(log, "a", "close")))
    stage.__enter__()
    stage.__exit__(RuntimeError, RuntimeError("first"), None)
    assert log[-1] == "a close"
    assert stage.warnings[-1] == "a close failed"


def test_infer_opens_runs_and_closes_its_backend():
    calls: list[object] = []
    backend = SimpleNamespace(
        open=lambda: calls.append("open"),
        close=lambda: calls.append("close"),
        infer=lambda image: image[..., 0] % 11,
    )
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    frame = frame_of(yuv_picture((8, 8)))
    with Infer(backend) as stage:
        result = stage.process(Prepared(frame, image))
    assert calls == ["open", "close"]
    assert result.frame is frame
    assert np.array_equal(result.label_map.ids, image[..., 0] % 11)
    assert result.label_map.fate == "fresh"
