"""`rtseg doctor --gpu` itself, with the emulated driver, the real pycuda and TensorRT's double."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.backends.gpu import gpu_environment
from tests.films import make_film
from tests.models import metadata, save, strongest_colour
from tests.tensorrt_build.conftest import tiny_model

if TYPE_CHECKING:
    from pathlib import Path

PRECISIONS = ("fp32", "fp16", "int8")
SIZE = (48, 64)
MODES = ("1-lane-no-graph", "1-lane-graph", "3-lanes-no-graph", "3-lanes-graph")

QUICKLY = """
from rtseg.gpu_report import frames, layers, live, timing
timing.WARM_UP_S, timing.LEAST_S, layers.RUNS, live.DRIVE_S, frames._OF_THE_DRIVE = 0.01, 0.04, 3, 1, 4
"""
RUN = "from rtseg.cli import main\nmain()"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pycuda") is None, reason="needs pycuda, which `make test` installs where it can"
)


@dataclass
class Machine:
    """A machine with a GPU, a model and a user, whose names must not get out."""

    folder: Path
    environ: dict[str, str]

    def doctor(self, *arguments: object, change: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command, with a model of its own, into the folder "out"."""
        command = ["doctor", "--gpu", "--report", self.folder / "out", "--model", self.folder / "models"]
        return subprocess.run(
            [sys.executable, "-c", QUICKLY + change + RUN, *map(str, (*command, *arguments))],
            env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    def archived(self) -> dict[str, bytes]:
        """Content of the archive's files, by name; checks that nothing else tells of its maker."""
        (path,) = (self.folder / "out").glob("rtseg-gpu-*.tar.gz")
        found = {}
        with tarfile.open(path) as archive:
            for entry in archive:
                assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", "")
                stem, _, name = entry.name.partition("/")
                assert path.name == f"{stem}.tar.gz"
                content = archive.extractfile(entry)
                assert content is not None
                found[name] = content.read()
        there = {file.name for file in (self.folder / "out").iterdir()}
        assert there == {path.name, *found}
        return found

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.archived()["report.json"])
        return report

    def assert_orderly(self) -> None:
        """The driver saw nothing wrong, and nothing is left on the GPU."""
        books = json.loads((self.folder / "books.json").read_text())
        assert books["violations"] == []
        assert not any(books["live"].values()), books["live"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    environ = gpu_environment(tmp_path, name="NVIDIA Test GPU", report=tmp_path / "books.json")
    environ |= {"LOGNAME": "somerider", "HOME": str(tmp_path / "somerider")}
    for precision in PRECISIONS:
        save(tiny_model(SIZE), tmp_path / "models" / f"{precision}.onnx", metadata(precision, SIZE))
    return Machine(tmp_path, environ)


def labelled_folder(folder: Path) -> Path:
    images, labels = folder / "val", folder / "valannot"
    for place in (images, labels):
        place.mkdir(parents=True)
    for index in range(2):
        rng = np.random.default_rng(index)
        cv2.imwrite(str(images / f"{index}.png"), rng.integers(0, 256, (*SIZE, 3), np.uint8))
        cv2.imwrite(str(labels / f"{index}.png"), rng.integers(0, 3, SIZE, np.uint8))
    return folder


def test_everything_is_found_out_and_packed(machine: Machine):
    film = make_film(machine.folder / "secret-street.mp4", frames=20)
    data = labelled_folder(machine.folder / "secret-data")
    done = machine.doctor("--source", film, "--data", data, "--split", "val", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert "trtexec's figures" in done.stdout
    found, report = machine.archived(), machine.report()
    timed = {f"timing-{precision}-{mode}.csv" for precision in PRECISIONS for mode in MODES}
    described = {f"layers-{precision}.json" for precision in PRECISIONS}
    assert found.keys() - {"nvidia-smi-before.txt", "nvidia-smi-after.txt"} == {
        "report.json", "summary.txt", "live.json", *timed, *described,
    }  # fmt: skip
    assert (report["schema"], report["command"], report["finished"]) == (1, "doctor --gpu", True)
    assert report["failures"] == report["warnings"] == []
    assert report["machine"]["gpu"]["name"] == "NVIDIA Test GPU"
    assert report["machine"]["tensorrt"] == report["environment"]["backend_version"] == "10.13.3.9"
    for precision in PRECISIONS:
        check_precision(report, precision, found)
    check_live(report["live"])
    everything = b"".join(found.values()).decode()
    for secret in ("somerider", str(machine.folder), "secret"):
        assert secret not in everything
    machine.assert_orderly()


def check_precision(report: dict[str, Any], precision: str, found: dict[str, bytes]) -> None:
    build = report["builds"][precision]
    assert build["model"]["precision"] == precision
    assert build["seconds"] > 0
    assert build["options"] == {}  # the plan that runs take
    agreed = report["agreement"][precision]
    assert agreed["percent"] == agreed["worst"]["percent"] == 100.0
    assert {frame["origin"] for frame in agreed["frames"]} == {"drive", "source"}
    scored = report["scores"][precision]
    assert scored["images"] == 2
    assert scored["tensorrt"] == scored["onnxruntime"]
    assert 0 < scored["tensorrt"]["miou"] < 1
    for mode in MODES:
        check_timing(report["timing"][precision][mode], mode, found[f"timing-{precision}-{mode}.csv"])
    layers = report["layers"][precision]
    names = ["Cast_0", "Relu_1", "ArgMax_2", "Cast_3", "Cast_4"]
    assert [layer["Name"] for layer in json.loads(found[f"layers-{precision}.json"])["Layers"]] == names
    assert list(layers["mean_ms"]) == names
    assert (layers["layers"], layers["runs"], layers["borders"]) == (5, 3, ["image", "labels"])


def check_timing(run: dict[str, Any], mode: str, table: bytes) -> None:
    assert run["mode"] == {
        "lanes": int(mode[0]), "cuda_graph": "off" if mode.endswith("no-graph") else "on",
        "transfers": "on, copied", "spin_wait": "off",
    }  # fmt: skip
    header, *rows = table.decode().splitlines()
    assert header == "begin_ms,end_ms,latency_ms,h2d_ms,compute_ms,d2h_ms,enqueue_ms"
    assert len(rows) == run["images"] >= 10
    values = [[float(value) for value in row.split(",")] for row in rows]
    for begin, end, latency, h2d, compute, d2h, _ in values:
        assert latency == pytest.approx(h2d + compute + d2h, abs=2e-3)
        assert latency == pytest.approx(end - begin, abs=2e-3)
    span_ms = max(row[1] for row in values) - min(row[0] for row in values)
    assert run["throughput_qps"] == pytest.approx(1000 * len(rows) / span_ms, rel=1e-3)
    overlap = any(later[0] < earlier[1] for earlier, later in itertools.pairwise(values))
    assert overlap == mode.startswith("3")
    assert 0 <= run["compute_ms"]["min"] <= run["compute_ms"]["median"] <= run["latency_ms"]["max"]


def check_live(live: dict[str, Any]) -> None:
    assert live["environment"]["backend"] == "tensorrt"
    assert live["model"]["precision"] == "fp16"  # the one that a run takes
    assert live["source"]["uri"] == "….mp4"
    frames = live["frames"]
    shown = frames["fresh"] + frames["propagated"] + frames["held"]
    assert frames["captured"] == shown + sum(frames["dropped"].values()) > 5
    assert frames["fresh"] > 0
    assert live["deadline"]["budget_ms"] > 0


def test_what_fails_is_noted_and_the_rest_is_there(machine: Machine):
    """TensorRT refuses the INT8 file, and a part of ours is broken."""
    save(strongest_colour(SIZE), machine.folder / "models" / "int8.onnx", metadata("int8", SIZE))
    change = """
from rtseg.gpu_report import survey, timing
survey.MODES = timing.MODES[-1:]
def broken(*_):
    raise ZeroDivisionError("a fault of ours")
survey.scores = broken
"""
    data = labelled_folder(machine.folder / "data")
    done = machine.doctor("--seconds", "1", "--data", data, "--split", "val", change=change)
    assert done.returncode == 3, done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith(
        "rtseg: failed: build int8, scores fp32, scores fp16. Why, and all the rest, is in "
    )
    report = machine.report()
    build, *ours = report["failures"]
    assert build["step"] == "build int8"
    assert "int8.onnx: TensorRT 10.13.3.9 does not read it" in build["error"]
    assert "traceback" not in build
    assert all("ZeroDivisionError: a fault of ours" in failure["traceback"] for failure in ours)
    for part in ("builds", "agreement", "timing", "layers"):
        assert list(report[part]) == ["fp32", "fp16"]
    assert report["live"]["source"]["uri"].endswith("drive.mp4")
    assert report["finished"]
    machine.assert_orderly()


def test_ctrl_c_leaves_what_is_known_by_then(machine: Machine):
    change = """
import os, signal
from rtseg.gpu_report import survey
survey.machine_facts = lambda gpu: os.kill(os.getpid(), signal.SIGINT)
"""
    done = machine.doctor(change=change)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1].startswith("rtseg: interrupted; what was found by then is in ")
    report = machine.report()
    assert not report["finished"]
    assert list(report["steps_s"]) == ["machine"]
    machine.assert_orderly()


def test_without_a_gpu_nothing_is_written(machine: Machine):
    machine.environ["CUDA_EMULATOR"] += ";devices=0"
    done = machine.doctor()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rtseg: there is no NVIDIA GPU here")
    assert done.stderr.count("\n") == 1
    assert not (machine.folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "x"), "--data and --split belong together"),
        (("--source", "nowhere.mp4"), "nowhere.mp4: "),
        (("--report", "."), "is not an empty folder"),
        (("--model", "nothing"), "nothing: no such model"),
    ],
)
def test_bad_usage_is_found_before_anything_is_written(machine: Machine, arguments: tuple, said: str):
    done = machine.doctor(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not (machine.folder / "out").exists()
