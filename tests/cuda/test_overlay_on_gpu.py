"""Whole runs whose overlay the GPU paints: the real backend, compiler search and cache on the emulator."""

from __future__ import annotations

import json
import subprocess
import sys

import av
import pytest

from tests.backends.gpu import HEAD, ROOT, assert_orderly, gpu_environment, run_script
from tests.cuda import real
from tests.cuda.on_host import farthest, levels_of
from tests.models import metadata, save
from tests.tensorrt_build.conftest import tiny_model

HW = (24, 32)


@pytest.fixture
def model(tmp_path):
    return save(tiny_model(HW), tmp_path / "models" / "m.onnx", metadata("fp32", HW))


RUN = """
from pathlib import Path
from rtseg import RunOptions, Session
from rtseg.live import LiveSession
from rtseg.options import LiveRun

model, folder, kind = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
reports = []
for place in ("gpu",) if kind == "live" else ("cpu", "gpu"):
    live = LiveRun(latency_ms=500, realtime=True, mark_stale=True) if kind == "live" else None
    options = RunOptions(
        "synth://97x71@15?seconds=1", out=folder / f"{place}.mkv", codec="h264" if live else "ffv1",
        live=live, model=model, backend="tensorrt", overlay_on=place, view="side-by-side", legend=True,
        threads=2,
    )
    with (LiveSession if live else Session)(options) as session:
        session.run()
    reports.append(session.report())
tell(reports=reports)
"""


def pictures_in(film):
    with av.open(str(film)) as container:
        return [levels_of(picture) for picture in container.decode(video=0)]


def test_a_film_is_painted_as_by_the_cpu(model, tmp_path):
    found = run_script(RUN, model, tmp_path, "file", environ=gpu_environment(tmp_path))
    assert_orderly(found)
    cpu, gpu = (pictures_in(tmp_path / f"{place}.mkv") for place in ("cpu", "gpu"))
    assert len(gpu) == 15
    assert max(farthest(*pair)[0] for pair in zip(cpu, gpu, strict=True)) <= 1
    (kernels,) = (tmp_path / "cache" / "rtseg" / "kernels").iterdir()
    assert real.IS_WANTED or "nvcc12.4.99" in kernels.name


@pytest.mark.live
def test_a_live_run_shows_its_frames(model, tmp_path):
    found = run_script(RUN, model, tmp_path, "live", environ=gpu_environment(tmp_path))
    assert_orderly(found)
    frames = found["reports"][0]["frames"]
    shown = frames["fresh"] + frames["propagated"] + frames["held"]
    assert frames["captured"] == shown + sum(frames["dropped"].values())
    assert frames["fresh"] > 0
    assert len(pictures_in(tmp_path / "gpu.mkv")) == shown


BROKEN = """
from rtseg.classes import CAMVID
from rtseg.cuda.painter import GpuPainter
from rtseg.stages.colorize import Colorize
from tests.stages.pictures import labelled, yuv_picture
from tests.stages.test_colorize import blobs

items = [labelled(yuv_picture(size), blobs(36, 48)) for size in ((96, 72), (64, 48))]
texts = []

def work():
    with Colorize(CAMVID, painter=GpuPainter()) as stage:
        stage.process(items[0])
        eval(sys.argv[1])
        for item in items:
            try:
                stage.process(item)
            except RtsegError as error:
                texts.append(f"{type(error).__name__}: {error}")

thread = threading.Thread(target=work)
thread.start()
thread.join()
try:
    GpuPainter().__enter__()
except RtsegError as error:
    texts.append(f"{type(error).__name__}: {error}")
tell(texts=texts)
"""


@pytest.mark.parametrize("how", ["emulator.lose_device()", "emulator.fail_next(EXECUTION, LAUNCH_FAILED)"])
def test_a_gpu_that_fails_on_the_way_is_a_fault_in_a_line_and_the_thread_ends(tmp_path, how):
    real.needs_emulator()
    done = subprocess.run(
        [sys.executable, "-c", HEAD + BROKEN, how],
        env=gpu_environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "PyCUDA WARNING" not in done.stderr, "of a GPU that has failed nothing can be freed"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["violations"] == []
    *texts, again = found["texts"]
    assert len(texts) == 2
    assert all(text.startswith("DeviceFault: the GPU failed") for text in texts)
    assert again.startswith("DeviceError: ")
    assert ("cannot be used any more by this process" in again) == ("fail_next" in how)
    for text in (*texts, again):
        assert len(text.splitlines()) <= 2
