"""Work recorded as a graph, on the emulated driver: when there is one, and what is left if there is none."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from rtseg.cuda.graph import Graph
from rtseg.runtimes import load_pycuda

SIZE = 1000


class Filling:
    """A stream, and memory that can be filled on it."""

    def __init__(self):
        self._driver = load_pycuda()
        self.stream, self.memory = self._driver.Stream(1), self._driver.mem_alloc(SIZE)
        self.handle = int(self.stream.handle)

    def fill(self):
        self._driver.memset_d8_async(self.memory, 7, SIZE, self.stream)
        return True

    def levels(self):
        self.stream.synchronize()
        return set(bytes(self._driver.from_device(self.memory, (SIZE,), "u1")))


@pytest.mark.usefixtures("device")
def test_what_was_recorded_runs_when_it_is_launched(emulator):
    work = Filling()
    graph = Graph.recorded(work.handle, work.fill)
    if not emulator.is_real:
        assert emulator.executed() == []
    assert graph.launch(work.handle)
    assert work.levels() == {7}
    graph.close()
    graph.close()


def test_other_threads_may_allocate_meanwhile(device):
    """torch does, for one; they would spoil a recording in the global mode."""
    work = Filling()

    def allocate():
        with device.pushed():
            load_pycuda().mem_alloc(SIZE).free()

    def fill():
        other = threading.Thread(target=allocate)
        other.start()
        other.join()
        return work.fill()

    graph = Graph.recorded(work.handle, fill)
    assert graph is not None
    graph.close()


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("api", ["cuStreamBeginCapture", "cuGraphInstantiateWithFlags"])
def test_where_the_driver_refuses_there_is_none(emulator, api):
    work = Filling()
    emulator.fail_next(api, 999)
    assert Graph.recorded(work.handle, work.fill) is None


@pytest.mark.usefixtures("device")
def test_where_the_work_cannot_be_queued_there_is_none():
    work = Filling()
    assert Graph.recorded(work.handle, lambda: work.fill() and False) is None
    with pytest.raises(ZeroDivisionError):
        Graph.recorded(work.handle, lambda: work.fill() / 0)
    work.fill()  # the stream is as it was
    assert work.levels() == {7}


def test_an_old_driver_has_none(monkeypatch):
    monkeypatch.setattr("rtseg.cuda.graph.libcuda", SimpleNamespace)
    assert Graph.recorded(1, lambda: pytest.fail("recorded all the same")) is None
