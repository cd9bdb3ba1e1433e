"""Whole runs on the emulated device: files, live, and from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import av
import numpy as np
import pytest

from rtseg.picture import plane_view
from tests.backends.gpu import ROOT, assert_orderly, gpu_environment, run_script
from tests.films import make_film
from tests.models import metadata, save
from tests.tensorrt_build.conftest import tiny_model

HW = (24, 32)
FRAMES = 30


@pytest.fixture
def film(tmp_path):
    """Three seconds."""
    return make_film(tmp_path / "film.mp4", frames=FRAMES, sound=None)


@pytest.fixture
def small(tmp_path):
    return save(tiny_model(HW), tmp_path / "models" / "m.onnx", metadata("fp32", HW))


RUN = """
from pathlib import Path
from rtseg import RunOptions, Session
from rtseg.live import LiveSession
from rtseg.options import LiveRun

model, source, folder, kind = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]
reports = {}
for backend in ("tensorrt", "onnxruntime"):
    live = LiveRun(latency_ms=400, realtime=True) if kind == "live" else None
    labels = folder / f"{backend}.mkv"
    options = RunOptions(source, labels=labels, model=model, backend=backend, live=live, threads=3)
    with (LiveSession if live else Session)(options) as session:
        session.run()
    reports[backend] = session.report()
tell(reports=reports)
"""


def maps_in(path):
    with av.open(str(path)) as film:
        return [plane_view(picture, 0).copy() for picture in film.decode(video=0)]


def test_a_file_has_the_labels_of_onnxruntime(small, film, tmp_path):
    found = run_script(RUN, small, film, tmp_path, "file", environ=gpu_environment(tmp_path))
    assert_orderly(found)
    ours, theirs = (maps_in(tmp_path / f"{backend}.mkv") for backend in ("tensorrt", "onnxruntime"))
    assert len(ours) == len(theirs) == FRAMES
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    report = found["reports"]["tensorrt"]
    assert report["environment"]["backend"] == "tensorrt"
    assert report["frames"]["fresh"] == FRAMES


@pytest.mark.live
def test_a_live_run_balances_its_books(small, film, tmp_path):
    found = run_script(RUN, small, film, tmp_path, "live", environ=gpu_environment(tmp_path))
    assert_orderly(found)
    frames = found["reports"]["tensorrt"]["frames"]
    shown = frames["fresh"] + frames["propagated"] + frames["held"]
    assert frames["captured"] == shown + sum(frames["dropped"].values()) >= FRAMES - 3
    assert frames["fresh"] > FRAMES / 2
    assert len(maps_in(tmp_path / "tensorrt.mkv")) == shown


BROKEN = """
from pathlib import Path
from rtseg import RunOptions, Session, StageError

model, source, out, how = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
error, shown = None, 0

def on_progress(progress):
    global shown
    if progress.books.shown > 20 and not shown:
        shown = progress.books.shown
        eval(how)

try:
    with Session(RunOptions(source, out=Path(out), model=model, backend="tensorrt")) as session:
        session.run(on_progress)
except StageError as caught:
    error = caught
books = session.outcome.books
tell(text=str(error), code=error.exit_code, shown=books.shown, balanced=books.balanced)
"""


@pytest.mark.parametrize("how", ["emulator.lose_device()", "emulator.fail_next(EXECUTION, LAUNCH_FAILED)"])
def test_a_gpu_that_fails_on_the_way_leaves_a_film_that_plays(small, tmp_path, how):
    out = tmp_path / "out.mp4"
    source = "synth://64x48@30?seconds=60"
    found = run_script(BROKEN, small, source, out, how, environ=gpu_environment(tmp_path))
    assert found["violations"] == []
    assert found["code"] == 3
    assert found["text"].startswith("infer: the GPU failed: ")
    assert found["balanced"]
    with av.open(str(out)) as film:
        assert sum(1 for _ in film.decode(video=0)) == found["shown"] > 20


def rtseg(*arguments, environ, folder):
    return subprocess.run(
        [sys.executable, "-m", "rtseg", *map(str, arguments)],
        env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_the_command_builds_on_first_use_and_says_so(small, film, tmp_path):
    environ = gpu_environment(tmp_path)
    run = (
        "run",
        film,
        "--max-frames",
        "3",
        "--report",
        "run.json",
        "--model",
        small,
        "--backend",
        "tensorrt",
    )
    first = rtseg(*run, environ=environ, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "building the TensorRT" in first.stderr
    assert json.loads((tmp_path / "run.json").read_text())["frames"]["fresh"] == 3
    plan = next(small.parent.glob("*.plan"))
    again = rtseg(*run, environ=environ, folder=tmp_path)
    assert again.returncode == 0
    assert "building" not in again.stderr

    plan.chmod(0o666)
    distrusted = rtseg(*run, "--backend", f"tensorrt:{plan}", environ=environ, folder=tmp_path)
    assert distrusted.returncode == 2
    assert "a plan is code" in distrusted.stderr
    assert "--trust-plan" in distrusted.stderr
    trusted = rtseg(*run, "--backend", f"tensorrt:{plan}", "--trust-plan", environ=environ, folder=tmp_path)
    assert trusted.returncode == 0, trusted.stderr


@pytest.mark.parametrize(
    ("control", "settings", "words"),
    [
        ("fail=parse", {}, "does not read it"),
        ("fail=build_memory", {}, "OutOfMemory"),
        ("fail=context_memory", {}, "does not fit on the GPU"),
        ("", {"devices": 0}, "there is no NVIDIA GPU here"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line(small, film, tmp_path, control, settings, words):
    environ = gpu_environment(tmp_path, control=control, **settings)
    run = ("run", film, "-o", "out.mp4", "--model", small, "--backend", "tensorrt")
    done = rtseg(*run, environ=environ, folder=tmp_path)
    progress = ("building", "Building", *"⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    last = [line for line in done.stderr.splitlines() if not line.startswith(progress)]
    assert done.returncode in (2, 3), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(last) <= 3, last  # of the run, and what is wrong
    assert not (tmp_path / "out.mp4").exists()


def test_auto_takes_the_gpu_where_there_is_one(small, film, tmp_path):
    report = ("run", film, "--model", small, "--max-frames", "3", "--report", "-")
    for settings, backend in (({}, "tensorrt"), ({"devices": 0}, "openvino")):
        done = rtseg(*report, environ=gpu_environment(tmp_path, **settings), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["environment"]["backend"] == backend


def test_the_repository_is_where_the_children_look():
    assert (ROOT / "rtseg" / "backends" / "tensorrt.py").exists()
