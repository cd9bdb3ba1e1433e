"""`--every` over files: whole runs, in which most frames get the labels of both neighbours."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from rtseg import InputError, OutputError, RunOptions, Session, StageError
from rtseg.batch.batch import Batch, BatchOptions
from rtseg.batch.processes import Processes
from rtseg.picture import packed_view, plane_view
from rtseg.sinks.segments import SEGMENT_FRAMES
from rtseg.sinks.video import VideoSink
from tests.films import packets_of, times_of
from tests.stages.test_motion import texture

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (160, 120)
FRAMES = SEGMENT_FRAMES + 61
CUT = 50
KINDS = {"out": "o.mp4", "labels": "l.mkv", "table": "t.parquet"}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A camera that pans over one wall, and from frame `CUT` on over another."""
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    walls = [cv2.resize(texture(seed), (480, 360)) for seed in (1, 2)]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "18", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for index in range(FRAMES):
            x = 2 * index % 300
            picture = av.VideoFrame(*SIZE, "rgb24")
            seen = walls[index >= CUT][100 : 100 + SIZE[1], x : x + SIZE[0]]
            packed_view(picture)[:] = seen[..., None]
            picture.pts, picture.time_base = index, Fraction(1, 25)
            out.mux(video.encode(picture.reformat(format="yuv420p", threads=1)))
        out.mux(video.encode(None))
    return path


def options_for(film, folder, **changes):
    places = {kind: folder / name for kind, name in KINDS.items()}
    return RunOptions(**{"source": str(film), "backend": "simulated", "every": 6, **places, **changes})


def maps_in(path):
    with av.open(str(path)) as film:
        return [np.array(plane_view(picture, 0)) for picture in film.decode(video=0)]


def fates_in(path):
    return [row["fate"] for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def in_one_go(film, tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("one")
    with Session(options_for(film, folder)) as session:
        session.run()
        frames = session.report()["frames"]
    assert frames["captured"] == frames["fresh"] + frames["propagated"] == FRAMES
    assert frames["propagated"] > 3 * frames["fresh"]
    return folder


def assert_same(folder, expected):
    for name in ("o.mp4", "l.mkv"):
        assert packets_of(folder / name, "video") == packets_of(expected / name, "video")
    assert fates_in(folder / "t.parquet") == fates_in(expected / "t.parquet")
    assert sorted(path.name for path in folder.iterdir()) == sorted(KINDS.values())


def test_every_frame_comes_out_with_labels_that_are_nearly_its_own(film, in_one_go, tmp_path):
    with Session(options_for(film, tmp_path, every=None)) as session:
        session.run()
    assert times_of(in_one_go / "o.mp4") == times_of(tmp_path / "o.mp4")
    fates = fates_in(in_one_go / "t.parquet")
    own, shown = maps_in(tmp_path / "l.mkv"), maps_in(in_one_go / "l.mkv")
    assert len(fates) == len(own) == len(shown) == FRAMES
    differ = np.array([(one != other).mean() for one, other in zip(own, shown, strict=True)])
    is_fresh = np.array(fates) == "fresh"
    assert (differ[is_fresh] == 0).all()
    assert differ[~is_fresh].mean() < 0.06  # held they would differ by a quarter
    assert fates[0] == fates[CUT] == fates[SEGMENT_FRAMES - 1] == fates[SEGMENT_FRAMES] == "fresh"
    assert differ[CUT - 5 : CUT + 5].max() < 0.2  # nothing was moved across the cut


def test_two_runs_give_the_same_bytes_and_auto_its_own(film, in_one_go, tmp_path):
    with Session(options_for(film, tmp_path)) as session:
        session.run()
        assert session.report()["every"]["rule"] == "fixed"
    assert (tmp_path / "o.mp4").read_bytes() == (in_one_go / "o.mp4").read_bytes()
    assert_same(tmp_path, in_one_go)
    with Session(options_for(film, tmp_path, every="auto", overwrite=True, max_frames=60)) as session:
        session.run()
        report = session.report()
    assert report["every"]["rule"] == "auto"
    assert 0 < report["frames"]["fresh"] < 60 / 4


def test_a_run_that_goes_on_becomes_the_same(film, in_one_go, tmp_path, monkeypatch):
    writes = VideoSink.write

    def fails(self, painted):
        if painted.frame.index == SEGMENT_FRAMES + 37:
            raise ZeroDivisionError("on purpose")
        writes(self, painted)

    monkeypatch.setattr(VideoSink, "write", fails)
    with Session(options_for(film, tmp_path)) as session:
        with pytest.raises(StageError, match="on purpose"):
            session.run()
        frames = session.report()["frames"]
    shown = frames["fresh"] + frames["propagated"]
    assert frames["captured"] == shown + sum(frames["dropped"].values())
    assert len(times_of(tmp_path / "o.mp4")) == shown
    monkeypatch.undo()
    with pytest.raises(OutputError, match="every was 6, is auto"):
        Session(options_for(film, tmp_path, resume=True, every="auto"))
    with Session(options_for(film, tmp_path, resume=True)) as session:
        session.run()
        frames = session.report()["frames"]
    assert session.kept_frames == SEGMENT_FRAMES
    assert frames["fresh"] == fates_in(in_one_go / "t.parquet").count("fresh")
    assert frames["propagated"] == FRAMES - frames["fresh"]
    assert_same(tmp_path, in_one_go)


def test_a_piece_is_the_same_as_in_the_whole(film, in_one_go, tmp_path):
    """What a batch makes of pieces on several workers."""
    with Session(options_for(film, tmp_path, begin=SEGMENT_FRAMES)) as session:
        session.run()
    whole = maps_in(in_one_go / "l.mkv")[SEGMENT_FRAMES:]
    assert np.array_equal(maps_in(tmp_path / "l.mkv"), whole)


@pytest.mark.parametrize("frames", [1, 2, 6, 7, CUT + 1])
def test_short_runs(film, tmp_path, frames):
    with Session(options_for(film, tmp_path, max_frames=frames)) as session:
        books = session.run().books
    assert books.balanced
    assert books.shown == len(times_of(tmp_path / "o.mp4")) == frames


def test_infer_that_fails_leaves_a_film_without_a_hole(film, in_one_go, tmp_path, monkeypatch):
    from rtseg.backends.simulated import SimulatedBackend

    calls, works = [], SimulatedBackend._infer

    def fails_later(self, image):
        calls.append(0)
        if len(calls) == 12:
            raise ZeroDivisionError("on purpose")
        return works(self, image)

    monkeypatch.setattr(SimulatedBackend, "_infer", fails_later)
    with Session(options_for(film, tmp_path)) as session:
        with pytest.raises(StageError, match="infer: on purpose"):
            session.run()
        frames = session.report()["frames"]
    shown = frames["fresh"] + frames["propagated"]
    assert frames["captured"] == shown + sum(frames["dropped"].values())
    made = maps_in(tmp_path / "l.mkv")
    assert len(made) == shown >= 6
    assert np.array_equal(made, maps_in(in_one_go / "l.mkv")[:shown])


def test_images_that_have_nothing_to_do_with_each_other_are_all_inferred(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in range(5):
        size = (320, 240) if seed < 3 else (240, 320)
        cv2.imwrite(str(tmp_path / "photos" / f"{seed}.png"), cv2.resize(texture(seed), size))
    options = RunOptions(str(tmp_path / "photos"), out=tmp_path / "out", backend="simulated", every=4)
    with Session(options) as session:
        assert session.run().books.fresh == 5
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_batch(film, in_one_go, tmp_path):
    run = dataclasses.replace(RunOptions(""), backend="simulated", every=6)
    batch = Batch(BatchOptions([str(film)], tmp_path / "out", run=run))
    batch.run(Processes(1))
    assert [entry.state for entry in batch.entries] == ["done"]
    assert packets_of(tmp_path / "out" / "in.mp4", "video") == packets_of(in_one_go / "o.mp4", "video")
    other = dataclasses.replace(run, every="auto")
    assert Batch(BatchOptions([str(film)], tmp_path / "out", run=other)).missing
    with pytest.raises(InputError, match="--every 99"):
        Batch(BatchOptions([str(film)], tmp_path / "out", run=dataclasses.replace(run, every=99)))


@pytest.mark.parametrize("every", ["31", "0", "x"])
def test_what_it_cannot_be_is_said_in_a_line(film, tmp_path, every):
    command = [sys.executable, "-m", "rtseg", "run", str(film), "-o", str(tmp_path / "o.mp4")]
    done = subprocess.run(
        [*command, "--backend", "simulated", "--every", every], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "whole number" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
