"""A live run of the synthetic drive with a page, on a port of its own."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from rtseg.errors import Interrupted
from rtseg.live import LiveSession
from rtseg.options import LiveRun, RunOptions
from rtseg.web.server import Serve

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVE = "synth://480x360@15?seconds=600&seed=3"


@contextmanager
def running(address: str = "127.0.0.1:0", source: str = DRIVE, **serve: Any) -> Iterator[LiveSession]:
    """The session of a run that goes on until the context ends."""
    options = RunOptions(
        source, backend="simulated:5", serve=Serve(address, **serve), live=LiveRun(realtime=True)
    )
    with LiveSession(options) as session:
        thread = threading.Thread(target=_run, args=[session])
        thread.start()
        try:
            until = time.monotonic() + 20
            while session.page.shelf.latest is None and time.monotonic() < until:
                time.sleep(0.05)
            yield session
        finally:
            session.stop()
            thread.join(20)
            assert not thread.is_alive()


def _run(session: LiveSession) -> None:
    with suppress(Interrupted):
        session.run()


@pytest.fixture(scope="module")
def session() -> Iterator[LiveSession]:
    """One that only this machine can see."""
    with running() as session:
        yield session


@pytest.fixture(scope="module")
def everywhere() -> Iterator[LiveSession]:
    """One that others could see."""
    with running("0.0.0.0:0") as session:
        yield session
