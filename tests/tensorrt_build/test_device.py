"""The GPU's context, and a build, with the real pycuda on the emulated driver."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtseg.model import Model
from rtseg.tensorrt.job import Job
from rtseg.tensorrt.options import BuildOptions
from tests.cuda.emulator import environment
from tests.tensorrt_build.conftest import header_of
from tests.trt.doubles import double_folder

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pycuda") is None, reason="needs pycuda, which `make test` installs where it can"
)

CONTEXTS = """
import ctypes, json, threading
from tests.cuda.emulator import Emulator

def current():
    context = ctypes.c_void_p()
    ctypes.CDLL("libcuda.so.1").cuCtxGetCurrent(ctypes.byref(context))
    return bool(context.value)

def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

found = {}
with Emulator() as emulator:
    emulator.configure(name="Orin", compute_capability="8.7", integrated=True)
    from rtseg.cuda.device import Device, gpu_at
    from rtseg.errors import DeviceError

    gpu = gpu_at()
    found["gpu"] = [gpu.name, gpu.compute_capability, gpu.is_integrated, gpu.driver_version]
    found["asking makes no context"] = emulator.live()["contexts"] == 0
    device = Device()
    found["retaining does not push"] = not current()

    def work():
        import pycuda.driver as cuda
        try:
            with device.pushed(), device.pushed():
                cuda.mem_alloc(64).free()
                raise ZeroDivisionError
        except ZeroDivisionError:
            found["popped after an error"] = not current()

    in_thread(work)
    with device.pushed():
        other = Device()
        other.close()
        found["closing another leaves ours"] = current()
    in_thread(device.close)
    found["none is left"] = emulator.live()["contexts"] == 0
    last = Device()
    last.close()
    found["not even on the driver's stack"] = not current()
    found["violations"] = emulator.violations()

    def why_not():
        try:
            Device()
        except DeviceError as error:
            return str(error)

    emulator.fail_next("cuDevicePrimaryCtxRetain", 2)
    found["full"] = why_not()
    emulator.fail_next("cuInit", 999)
    found["broken"] = why_not()
    emulator.configure(devices=0)
    found["none"] = why_not()
print(json.dumps(found))
"""


def test_contexts_are_pushed_popped_and_released(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CONTEXTS],
        env=child(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("gpu") == ["Orin", [8, 7], True, "13.0"]
    assert found.pop("violations") == []
    assert "out of memory. Does another program fill it?" in found.pop("full")
    assert "driver does not start: cuInit failed" in found.pop("broken")
    assert found.pop("none").startswith("there is no NVIDIA GPU here")
    assert len(found) == 6
    assert all(found.values()), found


def test_a_plan_is_built_for_the_gpu_that_the_driver_shows(machine):
    """The building process by itself, so that the driver's books at its end are those of the build."""
    model = Model.read(machine.model)
    job = Job(
        onnx=model.path, onnx_sha256=model.sha256, precision="fp32", plan=machine.folder / "m.plan",
        ordinal=0, options=BuildOptions(), timing_cache=None,
    )  # fmt: skip
    found = child(name="Emulated Orin", compute_capability="8.7", report=machine.folder / "books.json")
    path = [double_folder(machine.version), ROOT]
    done = subprocess.run(
        [sys.executable, "-m", "rtseg.tensorrt.worker"],
        input=json.dumps(job.to_json()),
        env={**found, "PYTHONPATH": os.pathsep.join(map(str, path)), "TENSORRT_DOUBLE": ""},
        cwd=machine.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    header = header_of(job.plan.read_bytes())
    assert header["gpu"] == {"name": "Emulated Orin", "capability": [8, 7]}
    books = json.loads((machine.folder / "books.json").read_text())
    assert books["violations"] == []
    assert not any(books["live"].values())


def child(**settings):
    """The environment of a process that finds the emulator, and what is installed here."""
    path = [str(ROOT), *(entry for entry in sys.path if entry)]
    return {**environment(**settings), "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}
