"""Whole runs: real clips, the real file sink, and faults in each stage on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest

from rtseg import (
    InputError,
    Interrupted,
    RunOptions,
    Session,
    SourceError,
    StageError,
)
from rtseg.backends.simulated import SimulatedBackend
from rtseg.session import backend_for
from rtseg.sinks.video import VideoSink
from rtseg.stages.colorize import Colorize
from rtseg.stages.preprocess import Preprocess

ENDS_WITHIN_S = 20
"""No fault may keep a run from ending for longer; the pipeline's own deadline is 10 s."""


def times_of(path):
    """Presentation times of the video's frames, seconds."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def options_for(source, out, **changes):
    return RunOptions(**{"source": str(source), "out": Path(out), "backend": "simulated", **changes})


@pytest.mark.parametrize(
    ("clip", "frames"),
    [("highway.mp4", 221), ("london.mp4", 146), ("av1.mkv", 125), ("tenbit.mp4", 30), ("rotated90.mov", 3)],
)
def test_every_frame_comes_out_at_its_time(videos, tmp_path, clip, frames):
    with Session(options_for(videos / clip, tmp_path / "o.mp4")) as session:
        outcome = session.run()
    assert outcome.books.captured == outcome.books.fresh == frames
    times = times_of(tmp_path / "o.mp4")
    assert len(times) == frames
    assert times == sorted(set(times))
    if clip != "london.mp4":  # whose own times go backwards and are repaired
        came = times_of(videos / clip)
        assert times == pytest.approx([instant - came[0] + times[0] for instant in came], abs=0.002)


@pytest.mark.parametrize("frames", [1, 2, 20, 21, 22, 41])
def test_the_last_frame_is_there_wherever_a_fragment_ends(tmp_path, frames):
    """At ten frames a second, a fragment of two seconds has twenty."""
    with Session(
        options_for("synth://64x48@10?seconds=600", tmp_path / "o.mp4", max_frames=frames)
    ) as session:
        session.run()
    assert len(times_of(tmp_path / "o.mp4")) == frames


@pytest.mark.parametrize(
    ("place", "method", "stage"),
    [
        (Preprocess, "process", "preprocess"),
        (SimulatedBackend, "_infer", "infer"),
        (Colorize, "process", "colorize"),
        (VideoSink, "write", "present"),
    ],
)
def test_a_fault_on_the_way_leaves_a_film_that_plays(videos, tmp_path, monkeypatch, place, method, stage):
    calls = []
    works = getattr(place, method)

    def fails_later(self, *arguments):
        calls.append(0)
        if len(calls) == 70:
            raise ZeroDivisionError("on purpose")
        return works(self, *arguments)

    monkeypatch.setattr(place, method, fails_later)
    started = time.monotonic()
    with Session(options_for(videos / "highway.mp4", tmp_path / "o.mp4")) as session:
        with pytest.raises(StageError, match=f"^{stage}: on purpose") as raised:
            session.run()
        report = session.report()
    assert time.monotonic() - started < ENDS_WITHIN_S
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    frames = report["frames"]
    assert frames["captured"] == frames["fresh"] + sum(frames["dropped"].values())
    assert frames["dropped"][f"{stage} failed"] == 1
    assert len(times_of(tmp_path / "o.mp4")) == frames["fresh"] >= 60
    assert report["errors"] == [f"{stage}: on purpose"]


@pytest.mark.parametrize("size", [(64, 48), (65, 49)])
def test_side_by_side_is_twice_as_wide_and_its_label_maps_are_not(tmp_path, size):
    source = f"synth://{size[0]}x{size[1]}@10?seconds=0.5"
    options = options_for(source, tmp_path / "out.mp4", labels=tmp_path / "maps.mkv", view="side-by-side")
    with Session(options) as session:
        session.run()
    with av.open(str(tmp_path / "out.mp4")) as out, av.open(str(tmp_path / "maps.mkv")) as maps:
        shown, ids = next(out.decode(video=0)), next(maps.decode(video=0))
    assert (shown.width, shown.height) == (2 * (size[0] + size[0] % 2), size[1])
    assert (ids.width, ids.height) == size


def test_a_slow_sink_slows_the_source_and_loses_nothing(videos, tmp_path, monkeypatch):
    writes = VideoSink.write

    def writes_slowly(self, painted):
        time.sleep(0.02)
        writes(self, painted)

    monkeypatch.setattr(VideoSink, "write", writes_slowly)
    with Session(options_for(videos / "tenbit.mp4", tmp_path / "o.mp4")) as session:
        assert session.run().books.fresh == 30


def test_a_source_without_frames_is_refused_and_leaves_nothing(tmp_path):
    empty = tmp_path / "empty.mkv"
    with av.open(str(empty), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(SourceError), Session(options_for(empty, tmp_path / "o.mp4")) as session:
        session.run()
    assert [path.name for path in tmp_path.iterdir()] == ["empty.mkv"]


def test_stopping_from_another_thread(tmp_path):
    with Session(options_for("synth://64x48@10?seconds=600", tmp_path / "o.mp4")) as session:
        threading.Timer(1.5, session.stop).start()
        with pytest.raises(Interrupted, match="interrupted after"):
            session.run()
        frames = session.report()["frames"]
    assert len(times_of(tmp_path / "o.mp4")) == frames["fresh"] == frames["captured"] > 0


LOOP = """
import json, sys, threading
from pathlib import Path
import psutil
from rtseg import RunOptions, Session
sizes, threads = [], []
for _ in range(45):
    options = RunOptions(sys.argv[1], out=Path(sys.argv[2]), backend="simulated", overwrite=True)
    with Session(options) as session:
        session.run()
    sizes.append(psutil.Process().memory_info().rss)
    threads.append(threading.active_count())
print(json.dumps([sizes, threads]))
"""


def test_runs_in_a_loop_leave_no_thread_and_no_memory(videos, tmp_path):
    """In a process of its own: training, tried in this one, has told malloc to keep what is freed."""
    command = [sys.executable, "-c", LOOP, str(videos / "tenbit.mp4"), str(tmp_path / "o.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    sizes, threads = json.loads(done.stdout)
    assert set(threads) == {1}
    assert sizes[-1] - sizes[14] < 15e6  # half a megabyte a run


def test_images_in_and_images_out(camvid, tmp_path):
    """A pattern of images: overlay, labels and rows under their names, the same as from a film of them."""
    pattern = str(camvid / "val" / "*_0796?.png")
    options = options_for(
        pattern, tmp_path / "o", backend="openvino", labels=tmp_path / "l", table=tmp_path / "t.csv"
    )
    with Session(options) as session:
        outcome = session.run()
    names = sorted(path.stem for path in (camvid / "val").glob("*_0796?.png"))
    assert outcome.books.fresh == len(names) == 5
    for folder in ("o", "l"):
        assert sorted(path.stem for path in (tmp_path / folder).iterdir()) == names
    rows = (tmp_path / "t.csv").read_text().splitlines()
    assert [name in row for name, row in zip(names, rows[1:], strict=True)] == [True] * 5
    with backend_for("openvino", None) as backend:
        image_bgr = cv2.imread(str(camvid / "val" / f"{names[0]}.png"))
        expected = backend.infer(np.ascontiguousarray(image_bgr[:, :, ::-1]))
    assert np.array_equal(cv2.imread(str(tmp_path / "l" / f"{names[0]}.png"), -1), expected)


@pytest.mark.parametrize("kind", ["out", "labels"])
def test_images_are_never_written_over_their_sources(camvid, tmp_path, kind):
    (tmp_path / "a.png").write_bytes(next((camvid / "val").iterdir()).read_bytes())
    places = {"out": None, kind: tmp_path}
    with pytest.raises(InputError, match="the source"):
        Session(RunOptions(str(tmp_path), backend="simulated", **places))


def test_a_session_that_cannot_be_made_closes_its_source(videos, tmp_path):
    before = psutil.Process().num_fds()
    with pytest.raises(InputError, match="cat"):
        Session(options_for(videos / "tenbit.mp4", tmp_path / "o.mp4", only=frozenset({"cat"})))
    assert psutil.Process().num_fds() == before
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_json_without_nan(videos, tmp_path):
    with Session(options_for(videos / "tenbit.mp4", tmp_path / "o.mp4", max_frames=1)) as session:
        session.run()
        json.dumps(session.report(), allow_nan=False)
