"""Child processes that have a GPU, emulated or real, with the real pycuda, and TensorRT's double."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rtseg.cuda.cubin import SOURCE
from tests.cuda import real
from tests.cuda.emulator import compile_kernels, environment
from tests.cuda.nvcc_double import nvcc_double, with_nvcc
from tests.cuda.toolkit import why_missing
from tests.trt import doubles, install

ROOT = Path(__file__).resolve().parents[2]
VERSION = "10.13.3.9"

HEAD = """
import json, sys, threading
import numpy as np
from tests.cuda import real
from tests.cuda.emulator import EXECUTION, Emulator, LAUNCH_FAILED, OUT_OF_MEMORY, UNKNOWN
emulator = real.RealGpu() if real.IS_WANTED else Emulator()
from rtseg.backends import choose
from rtseg.backends.tensorrt import TensorRtBackend
from rtseg.errors import RtsegError
from rtseg.model import Model
from rtseg.tensorrt.cache import Terms

said = []
terms = Terms(notice=said.append)

def images_for(model, count, seed=0):
    shape = (count, *model.input_hw, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)

def opened(model, **settings):
    backend = TensorRtBackend(model, **settings)
    backend.prepare(terms)
    return backend

def tell(**found):
    "What the test looks at, with the emulator's books."
    live = {kind: count for kind, count in emulator.live().items() if count}
    violations = [f"{v.kind}: {v.api}: {v.sentence}" for v in emulator.violations()]
    print(json.dumps({**found, "live": live, "violations": violations}))
"""


def gpu_environment(
    folder: Path, version: str = VERSION, control: str = "", **settings: object
) -> dict[str, str]:
    """Of a child process with a GPU; plans that are not kept beside a model lie below `folder`.

    `control` is of TensorRT's double, `settings` of the emulator; nvcc is a double, too. Skips where the
    tools cannot be had, fails in CI.
    """
    missing = None if real.IS_WANTED else why_missing()
    try:
        install.install(version)
    except install.NotAvailable as error:
        missing = missing or str(error)
    if missing is not None:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    if real.IS_WANTED:
        return _with_a_real_gpu(folder, version, control, settings)
    usual = {"delay_us": 300, "quiet": True}
    base = {**environment(**{**usual, **settings}), "XDG_CACHE_HOME": str(folder / "cache")}
    base["PYTHONPATH"] = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    compiler = nvcc_double(folder, compile_kernels(SOURCE))
    return with_nvcc(doubles.environment(version, control, base), compiler)


def _with_a_real_gpu(folder: Path, version: str, control: str, settings: dict[str, object]) -> dict[str, str]:
    if settings.keys() - {"delay_us", "quiet"}:
        pytest.skip(f"{real.ONLY_EMULATED} {', '.join(settings)}")
    base = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    base["PYTHONPATH"] = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    return doubles.environment(version, control, base)


def run_script(
    text: str, *arguments: object, environ: dict[str, str], package: Path = ROOT
) -> dict[str, Any]:
    """Run a script after `HEAD` with `rtseg` from the folder `package`; returns what it told last."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + text, *map(str, arguments)],
        env={**environ, "PYTHONPATH": os.pathsep.join([str(package), environ["PYTHONPATH"]])},
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if real.ONLY_EMULATED in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_orderly(found: dict[str, Any]) -> None:
    """Nothing was done that must not be, and nothing is left."""
    assert found.pop("violations") == []
    assert found.pop("live") == {}
