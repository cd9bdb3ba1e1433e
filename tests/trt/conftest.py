"""What the tests of TensorRT share."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.trt import doubles, install, versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def need(version: str) -> Path:
    """The folder of this version's bindings; the test skips where they cannot be had, and fails in CI."""
    try:
        return install.install(version)
    except install.NotAvailable as error:
        if os.environ.get("CI") and isinstance(error, install.NotReached):
            pytest.fail(f"TensorRT {version}: {error}")
        pytest.skip(f"TensorRT {version}: {error}")


@pytest.fixture(params=versions.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version in turn."""
    need(request.param)
    return request.param


@pytest.fixture
def run_in_double() -> Callable[..., str]:
    """Run a script with the double as `tensorrt`; what it prints, on standard error too."""

    def run(version: str, script: str, *arguments: object, control: str = "gpu=Orin/8.7") -> str:
        need(version)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
            env=doubles.environment(version, control),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run
