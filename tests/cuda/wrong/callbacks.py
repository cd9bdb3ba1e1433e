"""Work of another library on a stream, as TensorRT's double queues it."""

from __future__ import annotations

import pycuda.driver as cuda

from tests.cuda.emulator import Range
from tests.cuda.wrong import runner
from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, caught_as, current_context, pinned


def nothing(_views):
    """Compute nothing; what counts is what it says it uses."""


@caught_as("out-of-range")
def binding_too_small(wrong):
    with current_context():
        stream, output = cuda.Stream(NON_BLOCKING), cuda.mem_alloc(SIZE - 1 if wrong else SIZE)
        runner.emulator().enqueue(int(stream.handle), nothing, [Range(int(output), SIZE, True)], "engine")
        try:
            stream.synchronize()
        finally:
            del stream, output


@caught_as("use-after-free")
def binding_freed(wrong):
    with current_context():
        stream, output = cuda.Stream(NON_BLOCKING), cuda.mem_alloc(SIZE)
        address = int(output)
        if wrong:
            output.free()
        runner.emulator().enqueue(int(stream.handle), nothing, [Range(address, SIZE, True)], "engine")
        try:
            stream.synchronize()
        finally:
            del stream, output


@caught_as("race")
def labels_fetched_on_another_stream(wrong):
    with current_context():
        computing, copying, event = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING), cuda.Event()
        host, output = pinned(), cuda.mem_alloc(SIZE)
        runner.emulator().enqueue(int(computing.handle), nothing, [Range(int(output), SIZE, True)], "engine")
        event.record(computing)
        if not wrong:
            copying.wait_for_event(event)
        cuda.memcpy_dtoh_async(host, output, copying)
        cuda.Context.synchronize()
        del computing, copying, event, host, output


@caught_as("callback-raised")
def callback_that_raises(wrong):
    with current_context():
        stream, output = cuda.Stream(NON_BLOCKING), cuda.mem_alloc(SIZE)
        work = (lambda _views: 1 / 0) if wrong else nothing
        runner.emulator().enqueue(int(stream.handle), work, [Range(int(output), SIZE, True)], "engine")
        stream.synchronize()
        del stream, output
