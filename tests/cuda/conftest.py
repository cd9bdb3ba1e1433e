"""The emulated device, where it could be installed; or the GPU that is here, see real.py."""

from __future__ import annotations

import os

import pytest

from tests.cuda import real
from tests.cuda.toolkit import why_missing

collect_ignore = ["test_emulator.py"] if real.IS_WANTED else []


@pytest.fixture(scope="session")
def loaded():
    """The emulator, loaded into this process in place of the driver."""
    if real.IS_WANTED:
        return real.RealGpu()
    missing = why_missing()
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    from tests.cuda.emulator import Emulator

    return Emulator()


@pytest.fixture
def emulator(loaded):
    """The emulator, with nothing in it, before and after."""
    with loaded:
        yield loaded


@pytest.fixture
def on_host(emulator, monkeypatch, tmp_path):
    """The emulator, with kernels that g++ compiles, and a cache of its own; a GPU has its own compiler."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if not emulator.is_real:
        from tests.cuda.on_host import HostCompiler

        monkeypatch.setattr("rtseg.cuda.cubin.compilers_for", lambda _: [HostCompiler()])
    return emulator


@pytest.fixture
def clean(on_host):
    """The same; at the end nothing may be left on the GPU, and nothing have been done wrong."""
    yield on_host
    assert on_host.violations() == []
    assert not any(on_host.live().values()), on_host.live()


@pytest.fixture
def device(emulator):
    """Pushed in this thread; at the end nothing may be left on the GPU, and nothing have been done wrong."""
    from rtseg.cuda.device import Device

    with Device() as device, device.pushed():
        yield device
    assert emulator.violations() == []
    assert not any(emulator.live().values()), emulator.live()
