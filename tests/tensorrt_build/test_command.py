"""`rtseg build` as a person meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import rtseg
from rtseg import errors
from rtseg.cuda.device import Device, gpu_at
from rtseg.runtimes import load_pycuda, load_tensorrt


def assert_refused(done, *words):
    """Exit code 2 and one or two plain lines with all the words."""
    assert done.returncode == 2, done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_plan_is_built_reported_and_taken(machine):
    done = machine.rtseg("build", machine.model, "--report", "build.json")
    assert done.returncode == 0, done.stderr
    assert "Building engine from subgraph: 3 of 3" in done.stderr
    for word in ("RTX 4070", "tiny fp32", "TensorRT 10.13.3.9", "built in", "MB"):
        assert word in done.stdout
    report = json.loads((machine.folder / "build.json").read_text())
    assert report["command"] == "build"
    assert report["schema"] == 1
    assert report["plan"]["is_new"]
    assert done.stdout.startswith(report["plan"]["path"])
    assert report["gpu"]["compute_capability"] == "8.9"
    assert report["model"]["name"] == "tiny"

    again = machine.rtseg("build", machine.model, "--report", "-")
    assert not json.loads(again.stdout)["plan"]["is_new"]
    assert "built before" in again.stderr

    forced = machine.rtseg("build", machine.model, "--force", "--report", "-", "--timing-cache", "none")
    assert json.loads(forced.stdout)["plan"]["is_new"]
    assert json.loads(forced.stdout)["timing_cache"] is None


def test_a_plan_goes_where_it_is_wanted(machine):
    done = machine.rtseg(
        "build", machine.model, "--out", "own.plan", "--timing-cache", "t.cache", "--workspace", "64"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in machine.folder.glob("*.*")) == [
        "own.plan",
        "own.plan.json",
        "t.cache",
    ]
    assert machine.left() == ["m.onnx"]


def test_where_a_plan_will_not_be_trusted_is_said(machine):
    folder = machine.folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    done = machine.rtseg("build", machine.model, "--out", "open/m.plan")
    assert done.returncode == 0
    assert f"warning: everybody may write to {folder}" in done.stderr
    assert (folder / "m.plan").exists()


def test_bad_usage_is_one_line(machine):
    for arguments, words in [
        (["nowhere.onnx"], ["nowhere.onnx", "no such file"]),
        ([machine.model, "--out", "nowhere/m.plan"], ["nowhere", "no such folder"]),
        ([machine.model, "--out", "m.onnx"], [".plan"]),
        ([machine.model, "--optimization-level", "9"], ["0 to 5"]),
        ([machine.model, "--precision", "int8"], ["is fp32, not int8"]),
    ]:
        assert_refused(machine.rtseg("build", *arguments), *words)
    machine.set(gpu="")
    assert_refused(machine.rtseg("build", machine.model), "no NVIDIA GPU", "--backend")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_build_and_leaves_nothing(machine, number):
    machine.set(control="build_seconds=60")
    process = subprocess.Popen(
        machine.command("build", machine.model),
        env=machine.environment(), cwd=machine.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while "Building engine" not in process.stderr.readline():
        assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(number)
    _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaints.splitlines()[-1] == "rtseg: the build was interrupted; nothing is left of it"
    assert "Traceback" not in complaints
    assert time.monotonic() - begin < 20
    assert machine.left() == ["m.onnx"]


def test_what_to_install_is_said(monkeypatch):
    from rtseg import runtimes

    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "pycuda", None)
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    for load in (load_tensorrt, load_pycuda):
        with pytest.raises(rtseg.MissingDependencyError, match=r"pip install 'tensorrt\S+' 'pycuda"):
            load()
    monkeypatch.setattr(runtimes, "_is_jetson", lambda: True)
    with pytest.raises(rtseg.MissingDependencyError, match="apt-get install python3-libnvinfer"):
        load_tensorrt()
    with pytest.raises(rtseg.MissingDependencyError, match=r"cuda/bin.*pip install 'pycuda"):
        load_pycuda()


def test_an_empty_folder_called_tensorrt_is_not_tensorrt(tmp_path):
    (tmp_path / "tensorrt").mkdir()
    code = "from rtseg.runtimes import load_tensorrt; load_tensorrt()"
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MissingDependencyError: tensorrt is not installed" in done.stderr


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("libcuda.so.1: cannot open shared object file", "there is no NVIDIA driver"),
        ("_driver.so: undefined symbol: cuKernelNew", "too old for this pycuda"),
        ("libstdc++.so.6: version GLIBCXX_9 not found", "pycuda does not load"),
    ],
)
def test_why_pycuda_does_not_load(monkeypatch, tmp_path, reason, words):
    (tmp_path / "pycuda").mkdir()
    (tmp_path / "pycuda" / "__init__.py").touch()
    (tmp_path / "pycuda" / "driver.py").write_text(f"raise ImportError({reason!r})\n")
    for name in ("pycuda", "pycuda.driver"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(errors.DeviceError, match=words) as error:
        load_pycuda()
    assert len(str(error.value).splitlines()) == 2
    for name in ("pycuda", "pycuda.driver"):
        monkeypatch.delitem(sys.modules, name, raising=False)


DEVICE = """
import threading
from rtseg.cuda.device import Device

device = Device()
context = device._context
with device.pushed(), device.pushed():
    print(device.gpu.name, context.pushed)
try:
    with device.pushed():
        raise ZeroDivisionError
except ZeroDivisionError:
    print(context.pushed)
thread = threading.Thread(target=device.close)
thread.start()
thread.join()
device.close()
print(context.pushed, context.is_detached)
try:
    with device.pushed():
        pass
except RuntimeError as error:
    print(error)
"""


def test_a_context_is_popped_whatever_happens_and_released_from_any_thread(machine):
    done = subprocess.run(
        [sys.executable, "-c", DEVICE], env=machine.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "NVIDIA GeForce RTX 4070 2", "0", "0 True", "the device is closed: there is no context to push",
    ]  # fmt: skip


def test_a_gpu_says_what_it_is(machine):
    for name in ("pycuda", "pycuda.driver"):
        machine.monkeypatch.delitem(sys.modules, name, raising=False)
    machine.set(gpu="Orin/8.7")
    gpu = gpu_at()
    assert (gpu.name, gpu.compute_capability, gpu.is_integrated) == ("Orin", (8, 7), True)
    assert gpu.driver_version == "12.4"
    with pytest.raises(errors.DeviceError, match="no GPU 3: the driver shows 1"):
        Device(3)
    for name in ("pycuda", "pycuda.driver"):
        machine.monkeypatch.delitem(sys.modules, name, raising=False)
