"""The emulated device, where it could be installed."""

from __future__ import annotations

import os

import pytest

from tests.cuda.toolkit import why_missing


@pytest.fixture(scope="session")
def loaded():
    """The emulator, loaded into this process in place of the driver."""
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
