"""Going on after any end: the finished outputs are those of a run in one go."""

from __future__ import annotations

import dataclasses
import random
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pyarrow.parquet as pq
import pytest

from rtseg import OutputError, RunOptions, Session, StageError
from rtseg.journal import Journal
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.sinks.video import VideoSink
from tests.films import make_film, packets_of

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 10 * SEGMENT_FRAMES + 37
KINDS = {"out": "o.mp4", "labels": "l.mkv", "table": "t.parquet"}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A film that begins late, with sound, of ten segments and a bit."""
    return make_film(tmp_path_factory.mktemp("film") / "in.mp4", frames=FRAMES, begin_s=Fraction(1, 3))


@pytest.fixture(scope="module")
def in_one_go(film, tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("one")
    with Session(options_for(film, folder)) as session:
        assert session.run().books.fresh == FRAMES
    assert names_in(folder) == sorted(KINDS.values())
    return folder


def options_for(film, folder, **changes):
    places = {kind: folder / name for kind, name in KINDS.items()}
    return RunOptions(**{"source": str(film), "backend": "simulated", **places, **changes})


def command_for(film, folder, *more):
    command = [sys.executable, "-m", "rtseg", "run", str(film), "--backend", "simulated:1"]
    for kind, name in KINDS.items():
        command += [f"--{kind}", str(folder / name)]
    return [*command, *more]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def rows_in(path):
    """All that a row says but how long it took."""
    rows = pq.read_table(path).to_pylist()
    return [{key: value for key, value in row.items() if not key.startswith("ms_")} for row in rows]


def assert_same(folder, expected):
    assert names_in(folder) == names_in(expected)
    for kind in ("video", "audio"):
        assert packets_of(folder / "o.mp4", kind) == packets_of(expected / "o.mp4", kind)
    assert packets_of(folder / "l.mkv", "video") == packets_of(expected / "l.mkv", "video")
    assert rows_in(folder / "t.parquet") == rows_in(expected / "t.parquet")
    assert (folder / "o.mp4").read_bytes() == (expected / "o.mp4").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_at_twenty_moments_it_becomes_the_same(film, in_one_go, tmp_path):
    chance = random.Random(7)
    kept = []
    for _ in range(20):
        process = subprocess.Popen(command_for(film, tmp_path, "--resume"), stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        delay_s = chance.uniform(0, 2)
        while process.poll() is None:
            if (tmp_path / ".o.mp4.resume").exists() and time.monotonic() > begun + delay_s:
                process.kill()
                process.wait()
            time.sleep(0.02)
        if process.returncode == 0:
            break
        kept.append(max([0, *(commit.next_frame for commit in journal_in(tmp_path).commits)]))
    done = subprocess.run(
        command_for(film, tmp_path, "--resume"), capture_output=True, text=True, check=False
    )
    assert done.returncode == (2 if process.returncode == 0 else 0), done.stderr
    assert len(kept) >= 2
    assert_same(tmp_path, in_one_go)


def journal_in(folder):
    paths = {
        "video": folder / KINDS["out"],
        "labels": folder / KINDS["labels"],
        "table": folder / KINDS["table"],
    }
    return Journal.beside(paths)


def stop_after(session, frames):
    """Run, and stop once so many frames are shown."""

    def watch(progress):
        if session.kept_frames + progress.books.shown >= frames:
            session.stop()

    with pytest.raises(Exception, match="interrupted"):
        session.run(watch)


def test_stopped_again_and_again_it_becomes_the_same(film, in_one_go, tmp_path):
    """In between what is there plays, and the report counts all frames."""
    for number, frames in enumerate((SEGMENT_FRAMES // 2, 3 * SEGMENT_FRAMES, 6 * SEGMENT_FRAMES)):
        with Session(options_for(film, tmp_path, resume=number > 0, backend="simulated:1")) as session:
            stop_after(session, frames)
            shown = session.report()["frames"]["fresh"]
        assert len(packets_of(tmp_path / "o.mp4", "video")[0]) == shown
    with Session(options_for(film, tmp_path, resume=True, backend="simulated:1")) as session:
        assert session.kept_frames % SEGMENT_FRAMES == 0
        assert session.kept_frames > 5 * SEGMENT_FRAMES
        session.run()
        report = session.report()
    assert report["resumed_frames"] == session.kept_frames
    assert report["frames"]["captured"] == report["frames"]["fresh"] == FRAMES
    assert_same(tmp_path, in_one_go)


def test_a_disk_that_was_full_is_gone_on_with(film, in_one_go, tmp_path):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    command = command_for(film, tmp_path)
    full = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit_files)
    assert full.returncode == 3, full.stderr
    assert "--resume" in full.stderr
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path, in_one_go)


def test_a_fault_on_the_way_can_be_gone_on_from(film, in_one_go, tmp_path, monkeypatch):
    writes = VideoSink.write

    def fails(self, painted):
        if painted.frame.index == 4 * SEGMENT_FRAMES + 5:
            raise ZeroDivisionError("on purpose")
        writes(self, painted)

    monkeypatch.setattr(VideoSink, "write", fails)
    with Session(options_for(film, tmp_path)) as session, pytest.raises(StageError, match="on purpose"):
        session.run()
    monkeypatch.undo()
    with Session(options_for(film, tmp_path, resume=True)) as session:
        assert session.kept_frames == 4 * SEGMENT_FRAMES
        session.run()
    assert_same(tmp_path, in_one_go)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"opacity": 0.7}, "opacity was 0.5, is 0.7"),
        ({"smooth": True}, "smooth was False, is True"),
        ({"crf": 30}, "crf was None, is 30"),
        ({"only": frozenset({"car"})}, "only was None, is \\['car'\\]"),
        ({"max_frames": 5000}, "max_frames was None, is 5000"),
        ({"model": "rtseg-s", "backend": "onnxruntime"}, "model was simulated"),
    ],
)
def test_another_run_cannot_go_on_with_it(film, tmp_path, change, words):
    with Session(options_for(film, tmp_path, backend="simulated:1")) as session:
        stop_after(session, 2 * SEGMENT_FRAMES)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=words):
        Session(dataclasses.replace(options_for(film, tmp_path, resume=True), **change))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_another_source_cannot_go_on_with_it(film, tmp_path):
    source = tmp_path / "in.mp4"
    source.write_bytes(film.read_bytes())
    with Session(options_for(source, tmp_path, backend="simulated:1")) as session:
        stop_after(session, SEGMENT_FRAMES)
    make_film(source, frames=FRAMES, begin_s=Fraction(1, 2))
    with pytest.raises(OutputError, match="content was"):
        Session(options_for(source, tmp_path, resume=True))


def test_nothing_is_replaced_unless_asked_for(film, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"precious")
    for refused in ({}, {"resume": True}):
        with pytest.raises(OutputError, match="--overwrite"):
            Session(options_for(film, tmp_path, max_frames=3, **refused))
    assert (tmp_path / "o.mp4").read_bytes() == b"precious"
    assert names_in(tmp_path) == ["o.mp4"]
    with Session(options_for(film, tmp_path, max_frames=3, overwrite=True)) as session:
        session.run()
    assert len(packets_of(tmp_path / "o.mp4", "video")[0]) == 3


def test_a_cut_off_run_is_not_forgotten_unless_asked_for(film, tmp_path):
    with Session(options_for(film, tmp_path, backend="simulated:1")) as session:
        stop_after(session, 2 * SEGMENT_FRAMES)
    with pytest.raises(OutputError, match="--resume goes on from there, --overwrite begins anew"):
        Session(options_for(film, tmp_path))
    with Session(options_for(film, tmp_path, overwrite=True, max_frames=3)) as session:
        session.run()
    assert names_in(tmp_path) == sorted(KINDS.values())


def test_two_runs_cannot_write_one_file(film, tmp_path):
    process = subprocess.Popen(command_for(film, tmp_path), stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / ".o.mp4.resume").exists():
            time.sleep(0.05)
            assert process.poll() is None
        with pytest.raises(OutputError, match=f"process {process.pid}, is writing it now"):
            Session(options_for(film, tmp_path, overwrite=True))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("codec", "ending"), [("hevc", ".mov"), ("av1", ".mp4"), ("h264", ".mkv"), ("ffv1", ".mkv")]
)
def test_segments_of_every_codec_join_without_a_seam(film, tmp_path, codec, ending):
    """Packets and times are those of a run in one go, and every picture decodes."""

    def options(name, **changes):
        return RunOptions(
            str(film),
            out=tmp_path / f"{name}{ending}",
            codec=codec,
            backend="simulated",
            max_frames=300,
            **changes,
        )

    with Session(options("one")) as session:
        session.run()
    with Session(options("two")) as session:
        stop_after(session, SEGMENT_FRAMES)
    with Session(options("two", resume=True)) as session:
        session.run()
    for kind in ("video", "audio"):
        first, second = (packets_of(tmp_path / f"{name}{ending}", kind) for name in ("one", "two"))
        assert first == second
    with av.open(str(tmp_path / f"two{ending}")) as joined:
        assert sum(1 for _ in joined.decode(video=0)) == 300
