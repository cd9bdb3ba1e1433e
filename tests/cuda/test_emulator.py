"""The emulated driver itself, under the real pycuda."""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cuda.emulator import (
    EXECUTION,
    ILLEGAL_ADDRESS,
    LAUNCH_FAILED,
    OUT_OF_MEMORY,
    Range,
    build,
    compile_kernels,
    environment,
)
from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, current_context, pinned

ROOT = Path(__file__).resolve().parent.parent.parent
KERNELS = Path(__file__).parent / "wrong" / "kernels.cu"


@pytest.fixture
def cuda(emulator):
    """pycuda, with a context that is current in this thread; nothing may be left at the end, or be wrong."""
    import pycuda.driver

    with current_context():
        yield pycuda.driver
    assert not any(emulator.live().values())
    assert emulator.violations() == []


class Gate:
    """Work for a stream that ends when the test lets it."""

    def __init__(self, emulator, stream):
        self.opened = threading.Event()
        assert emulator.enqueue(int(stream.handle), lambda _views: self.opened.wait(30), [], "gate") == 0

    def open(self):
        self.opened.set()


def bytes_at(view, size):
    return np.ctypeslib.as_array(ctypes.cast(view, ctypes.POINTER(ctypes.c_uint8)), (size,))


def test_everything_that_pycuda_imports_is_there(loaded):  # noqa: ARG001
    import pycuda._driver

    def names(path, *which):
        listed = subprocess.run(["nm", "-D", *which, path], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1] for line in listed.splitlines() if line.split()[-1].startswith("cu")}

    wanted = names(pycuda._driver.__file__, "--undefined-only")
    assert len(wanted) == 143
    assert wanted <= names(str(build() / "libcuda.so.1"), "--defined-only")


def test_building_again_costs_nothing(loaded):  # noqa: ARG001
    began = time.perf_counter()
    assert build() == build()
    assert time.perf_counter() - began < 1


def test_work_happens_later_and_in_order(cuda, emulator):
    stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned()
    gate = Gate(emulator, stream)
    for value in (3, 4, 5):
        cuda.memset_d8_async(memory, value, SIZE, stream)
    cuda.memcpy_dtoh_async(host, memory, stream)
    assert not stream.is_done()
    assert [what for _, _, what, _ in emulator.executed()] in ([], ["gate"])
    gate.open()
    stream.synchronize()
    assert set(host) == {5}
    assert [what for _, _, what, _ in emulator.executed()] == [
        "gate",
        *3 * ["cuMemsetD8Async"],
        "cuMemcpyDtoHAsync",
    ]


def test_a_copy_reads_host_memory_when_it_runs(emulator):
    import pycuda.driver as cuda

    with current_context():
        stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned()
        gate = Gate(emulator, stream)
        cuda.memcpy_htod_async(memory, host, stream)
        host[:] = 9
        gate.open()
        stream.synchronize()
        result = cuda.from_device(memory, (SIZE,), np.uint8)
        del stream, memory, host
    assert set(result) == {9}
    assert {violation.kind for violation in emulator.violations()} == {"host-write-in-flight"}


def test_bytes_beside_those_in_flight_may_be_touched(cuda):
    stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned(200)
    cuda.memset_d8(memory, 7, SIZE)
    for _ in range(2):
        cuda.memcpy_dtoh_async(host[:100], memory, stream)
        host[100:] += 1
    stream.synchronize()
    assert set(host[:100]) == {7}
    assert set(host[100:]) == {3}


def test_labels_read_too_early_are_rubbish(emulator):
    import pycuda.driver as cuda

    with current_context():
        stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned()
        cuda.memset_d8(memory, 7, SIZE)
        gate = Gate(emulator, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        early = host.copy()
        gate.open()
        stream.synchronize()
        assert set(early) == {0xEE}
        assert set(host) == {7}
        del stream, memory, host
    assert [violation.kind for violation in emulator.violations()] == ["host-read-in-flight"]


def test_an_event_orders_two_streams(cuda, emulator):
    one, other, event = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING), cuda.Event()
    memory, copy = cuda.mem_alloc(SIZE), cuda.mem_alloc(SIZE)
    gate = Gate(emulator, one)
    cuda.memset_d8_async(memory, 6, SIZE, one)
    event.record(one)
    other.wait_for_event(event)
    cuda.memcpy_dtod_async(copy, memory, SIZE, other)
    assert not event.query()
    assert not other.is_done()
    gate.open()
    other.synchronize()
    one.synchronize()
    assert set(cuda.from_device(copy, (SIZE,), np.uint8)) == {6}


def test_waiting_on_the_host_orders_two_streams(cuda):
    one, other, memory = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING), cuda.mem_alloc(SIZE)
    for stream in (one, other, one):
        cuda.memset_d8_async(memory, 6, SIZE, stream)
        while not stream.is_done():
            time.sleep(0.001)


@pytest.mark.parametrize(("flags", "waits"), [(0, True), (NON_BLOCKING, False)])
def test_the_default_stream_waits_for_blocking_streams_only(cuda, emulator, flags, waits):
    stream, memory = cuda.Stream(flags), cuda.mem_alloc(SIZE)
    done = cuda.Event()
    gate = Gate(emulator, stream)
    cuda.memset_d8_async(memory, 6, SIZE)
    done.record()
    if waits:
        time.sleep(0.05)
        assert not done.query()
    else:
        done.synchronize()
    gate.open()
    cuda.Context.synchronize()


def test_events_know_their_time(cuda, emulator):
    stream, begin, end = cuda.Stream(), cuda.Event(), cuda.Event()
    begin.record(stream)
    emulator.enqueue(int(stream.handle), lambda _views: time.sleep(0.02), [], "sleep")
    end.record(stream)
    end.synchronize()
    assert 15 < end.time_since(begin) < 5000


def frames(cuda, count=20):
    stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned()
    for _ in range(count):
        cuda.memcpy_htod_async(memory, host, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        stream.synchronize()


def test_the_seed_draws_the_delays(emulator):
    import pycuda.driver as cuda

    def executed(seed):
        emulator.reset(seed=seed)
        with current_context():
            frames(cuda)
        return emulator.executed()

    first, again, other = executed(7), executed(7), executed(8)
    assert first == again
    assert first != other
    delays = [delay for *_, delay in first]
    assert min(delays) == 0
    assert max(delays) > 100


def test_a_call_fails_when_it_was_told_to(cuda, emulator):
    emulator.fail_next("cuMemAlloc", OUT_OF_MEMORY, times=2)
    with pytest.raises(cuda.MemoryError):
        cuda.mem_alloc(SIZE)
    cuda.mem_alloc(SIZE).free()


def test_an_operation_that_fails_breaks_its_context(emulator):
    import pycuda.driver as cuda

    with current_context():
        stream, memory = cuda.Stream(), cuda.mem_alloc(SIZE)
        emulator.fail_next(EXECUTION, LAUNCH_FAILED)
        cuda.memset_d8_async(memory, 1, SIZE, stream)
        with pytest.raises(cuda.Error, match="launch failed"):
            stream.synchronize()
        with pytest.raises(cuda.Error, match="launch failed"):
            cuda.mem_alloc(SIZE)
        del stream, memory
    assert not any(emulator.live().values())
    assert emulator.violations() == []
    with pytest.raises(cuda.Error, match="launch failed"):  # as the driver has it until the process ends
        cuda.Device(0).retain_primary_context()


def test_a_lost_device_fails_everything_and_can_be_cleared_up_after(emulator):
    import pycuda.driver as cuda

    with current_context():
        stream, memory, host, event = cuda.Stream(), cuda.mem_alloc(SIZE), pinned(), cuda.Event()
        emulator.lose_device(ILLEGAL_ADDRESS)
        with pytest.raises(cuda.Error, match="illegal address"):
            cuda.memcpy_htod_async(memory, host, stream)
        with pytest.raises(cuda.Error, match="illegal address"):
            stream.synchronize()
        with pytest.raises(cuda.Error, match="illegal address"):
            cuda.Event()
        del stream, memory, host, event
    assert not any(emulator.live().values())


def test_memory_runs_out(cuda, emulator):
    emulator.configure(total_memory=3 * SIZE)
    memory = [cuda.mem_alloc(SIZE) for _ in range(3)]
    with pytest.raises(cuda.MemoryError):
        cuda.mem_alloc(1)
    memory.pop()
    assert cuda.mem_get_info() == (SIZE, 3 * SIZE)


def test_the_device_is_what_was_configured(emulator):
    import pycuda.driver as cuda

    emulator.configure(
        name="Orin", compute_capability="8.7", integrated=True, driver_version=12020, devices=2
    )
    cuda.init()
    device = cuda.Device(1)
    assert (device.name(), device.compute_capability()) == ("Orin", (8, 7))
    assert device.get_attribute(cuda.device_attribute.INTEGRATED) == 1
    assert (cuda.get_driver_version(), cuda.Device.count()) == (12020, 2)
    with pytest.raises(cuda.Error, match="invalid device"):
        cuda.Device(2)
    with pytest.raises(ValueError, match="no setting colour=blue"):
        emulator.configure(colour="blue")


def test_a_machine_without_a_device(emulator):
    import pycuda.driver as cuda

    emulator.configure(devices=0)
    with pytest.raises(cuda.Error, match="no device"):
        cuda.init()


def test_traffic_is_counted(cuda, emulator):
    frames(cuda, 5)
    other, memory = cuda.mem_alloc(10), cuda.mem_alloc(10)
    cuda.memset_d8(memory, 1, 10)
    cuda.memcpy_dtod(other, memory, 10)
    cuda.Context.synchronize()
    assert emulator.traffic() == {
        "h2d_bytes": 5 * SIZE, "h2d_copies": 5, "d2h_bytes": 5 * SIZE, "d2h_copies": 5,
        "d2d_bytes": 10, "d2d_copies": 1,
    }  # fmt: skip
    assert emulator.calls()["cuMemcpyHtoDAsync"] == 5


def test_a_graph_repeats_what_was_captured(cuda, emulator):
    from tests.cuda.wrong.graphs import Graph

    stream, memory, host, graph = cuda.Stream(NON_BLOCKING), cuda.mem_alloc(SIZE), pinned(), Graph()
    used = [Range(int(memory), SIZE, True)]

    def increment(views):
        bytes_at(views[0], SIZE)[:] += 1

    with graph.captured_from(stream):
        cuda.memcpy_htod_async(memory, host, stream)
        assert emulator.enqueue(int(stream.handle), increment, used, "increment") == 0
        cuda.memcpy_dtoh_async(host, memory, stream)
    assert emulator.executed() == []
    assert set(host) == {1}
    for _ in range(3):
        graph.launch(stream)
    stream.synchronize()
    assert set(host) == {4}
    assert emulator.traffic()["h2d_copies"] == 3
    graph.close()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (37, 53), (64, 48)])
def test_kernels_compiled_by_gxx_compute_what_they_say(cuda, height, width):
    random = np.random.default_rng(3)
    a, b = random.integers(0, 256, (2, height, width, 4), np.uint8)
    out = np.empty_like(a)
    module = cuda.module_from_file(str(compile_kernels(KERNELS)))
    module.get_function("blended")(
        cuda.Out(out), cuda.In(a), cuda.In(b), np.int32(width), np.int32(height), np.uint8(100),
        np.float32(1.5), np.float64(-20), block=(16, 8, 1), grid=(-(-width // 16), -(-height // 8)),
    )  # fmt: skip
    weight = np.float32(100) / np.float32(255)
    x = (a[..., 0] + (b[..., 0].astype(np.float32) - a[..., 0]) * weight) * np.float32(1.5) - 20
    np.testing.assert_allclose(out[..., 0], np.clip(x, 0, 255).astype(np.uint8), atol=1)
    assert (out[..., 1] == a[..., 1]).all()
    assert (out[..., 2] == b[..., 2]).all()
    assert (out[..., 3] == 255).all()


def test_ptx_and_rubbish_are_no_modules_here(cuda):
    for image in (b".version 8.0\n.target sm_87\n" + bytes(4096), b"rubbish" + bytes(4096)):
        with pytest.raises(cuda.Error, match="invalid"):
            cuda.module_from_buffer(image)


def test_nothing_waits_for_a_callback_while_pycuda_holds_the_gil(emulator):
    """The callback needs the GIL to end: if freeing waited for it, this would stand still for ever."""
    import pycuda.driver as cuda

    with current_context():
        stream, memory, host, event = cuda.Stream(), cuda.mem_alloc(SIZE), pinned(), cuda.Event()
        gate = Gate(emulator, stream)
        cuda.memcpy_htod_async(memory, host, stream)
        event.record(stream)
        memory.free()
        host.base.free()
        cuda.mem_alloc(SIZE).free()
        del stream, memory, host, event
        gc.collect()
        gate.open()
        with pytest.raises(cuda.Error, match="illegal address"):  # the copy finds its memory gone
            cuda.Context.synchronize()
    assert {"freed-in-use", "use-after-free"} <= {violation.kind for violation in emulator.violations()}


def test_a_copy_finds_that_its_pinned_memory_was_freed(emulator):
    import pycuda.driver as cuda

    with current_context():
        stream, memory, host = cuda.Stream(), cuda.mem_alloc(SIZE), pinned()
        cuda.memset_d8(memory, 7, SIZE)
        gate = Gate(emulator, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        host.base.free()
        gate.open()
        with pytest.raises(cuda.Error, match="illegal address"):
            cuda.Context.synchronize()
        del stream, memory, host
    assert {"freed-in-use", "use-after-free"} <= {violation.kind for violation in emulator.violations()}


def test_eight_threads_share_a_device(emulator):
    import pycuda.driver as cuda

    emulator.configure(delay_us=200)
    wrong = []

    def work(context, number):
        context.push()
        try:
            stream, memory, done = cuda.Stream(NON_BLOCKING), cuda.mem_alloc(4096), cuda.Event()
            source, target = pinned(4096), pinned(4096)
            for frame in range(150):
                source[:] = (frame + number) % 256
                cuda.memcpy_htod_async(memory, source, stream)
                cuda.memcpy_dtoh_async(target, memory, stream)
                done.record(stream)
                done.synchronize()
                if (target != source).any():
                    wrong.append((number, frame))
            del stream, memory, done, source, target
            gc.collect()
        finally:
            context.pop()

    with current_context() as context:
        threads = [threading.Thread(target=work, args=(context, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        del context
    assert wrong == []
    assert emulator.violations() == []
    assert not any(emulator.live().values())
    assert emulator.traffic()["h2d_copies"] == 8 * 150


def test_a_child_process_finds_the_emulator_and_leaves_its_books(loaded, tmp_path):  # noqa: ARG001
    program = (
        "import pycuda.driver as cuda; cuda.init(); context = cuda.Device(0).retain_primary_context(); "
        "context.push(); print(cuda.Device(0).name()); leak = cuda.mem_alloc(10); context.pop(); "
        "import os, sys; sys.stdout.flush(); keep = [leak, context]"
    )
    books = tmp_path / "books.json"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(name="Thor", quiet=True, report=books), cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "Thor\n"
    assert json.loads(books.read_text())["calls"]["cuMemAlloc"] == 1


class Slot:
    """One of the buffer sets that frames take in turns."""

    def __init__(self, cuda):
        self.image, self.labels = pinned(), pinned()
        self.image_on_device, self.labels_on_device = cuda.mem_alloc(SIZE), cuda.mem_alloc(SIZE)
        self.uploaded, self.computed, self.downloaded = (cuda.Event() for _ in range(3))


def invert(views):
    np.subtract(255, bytes_at(views[0], SIZE), out=bytes_at(views[1], SIZE))


def run_ring(cuda, emulator, left_out):
    """Run twelve frames through a ring of two slots and three streams, as a backend may, but for one step."""

    def step(name, function, *arguments):
        if name != left_out:
            function(*arguments)

    slots = [Slot(cuda), Slot(cuda)]
    up, compute, down = (cuda.Stream(NON_BLOCKING) for _ in range(3))
    for frame in range(12):
        slot = slots[frame % 2]
        if frame >= 2:
            step("wait for the frame before", slot.downloaded.synchronize)
            assert left_out or set(slot.labels) == {255 - (frame - 2)}
        slot.image[:] = frame
        cuda.memcpy_htod_async(slot.image_on_device, slot.image, up)
        step("record the upload", slot.uploaded.record, up)
        step("compute after the upload", compute.wait_for_event, slot.uploaded)
        used = [Range(int(slot.image_on_device), SIZE, False), Range(int(slot.labels_on_device), SIZE, True)]
        emulator.enqueue(int(compute.handle), invert, used, "engine")
        step("record the computation", slot.computed.record, compute)
        step("download after the computation", down.wait_for_event, slot.computed)
        cuda.memcpy_dtoh_async(slot.labels, slot.labels_on_device, down)
        step("record the download", slot.downloaded.record, down)
    step("wait at the end", cuda.Context.synchronize)
    assert left_out or set(slot.labels) == {255 - 11}


def test_a_ring_of_buffers_on_three_streams_is_right(cuda, emulator):
    run_ring(cuda, emulator, None)


@pytest.mark.parametrize(
    ("left_out", "kinds"),
    [
        ("wait for the frame before", {"host-read-in-flight", "host-write-in-flight"}),
        ("record the upload", {"race"}),
        ("compute after the upload", {"race"}),
        ("record the computation", {"race"}),
        ("download after the computation", {"race"}),
        ("record the download", {"host-read-in-flight", "host-write-in-flight"}),
        ("wait at the end", {"freed-in-use"}),
    ],
)
def test_a_ring_that_lacks_one_step_is_caught(emulator, left_out, kinds):
    import pycuda.driver as cuda

    emulator.configure(quiet=True)
    with current_context():
        run_ring(cuda, emulator, left_out)
    assert {violation.kind for violation in emulator.violations()} & kinds
