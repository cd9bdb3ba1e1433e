"""What `rtseg doctor` says of the TensorRT backend, on machines with and without a GPU."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from rtseg import doctor
from rtseg.errors import MissingDependencyError
from tests.backends.gpu import gpu_environment

LOOK = """
import dataclasses, json
from rtseg.doctor import _backend
print(json.dumps(dataclasses.asdict(_backend("tensorrt"))))
"""


def look(environ, folder):
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=environ, cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_what_is_not_installed_is_missing_and_named(monkeypatch):
    def missing():
        raise MissingDependencyError("tensorrt", extra="tensorrt")

    monkeypatch.setattr("rtseg.runtimes.load_tensorrt", missing)
    found = doctor._backend("tensorrt")
    assert (found.state, found.detail) == (doctor.MISSING, "not installed")
    assert found.remedy.startswith("pip install 'tensorrt")


def test_opencv_may_be_the_one_without_windows(monkeypatch):
    headless = [SimpleNamespace(name="opencv-python-headless")]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: headless)
    assert doctor._opencv() == "opencv-python-headless"
    monkeypatch.setattr(importlib.metadata, "distributions", list)
    assert doctor._opencv() == "opencv-python"


@pytest.mark.parametrize(
    ("gpus", "state", "detail"),
    [
        (0, "missing", "10.13.3.9; there is no NVIDIA GPU here"),
        (1, "ok", "10.13.3.9 on Test GPU; no plan yet, `rtseg build rtseg-m` makes one"),
    ],
)
def test_no_plan_is_built(gpus, state, detail, tmp_path):
    found = look(gpu_environment(tmp_path, name="Test GPU", devices=gpus), tmp_path)
    assert found["state"] == state
    assert found["detail"].startswith(detail)
