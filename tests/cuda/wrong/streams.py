"""Several streams: nothing orders them but events and waiting."""

from __future__ import annotations

import numpy as np
import pycuda.driver as cuda

from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, caught_as, current_context, pinned


@caught_as("race")
def no_event_between(wrong):
    with current_context():
        host, memory, event = pinned(), cuda.mem_alloc(SIZE), cuda.Event()
        copying, computing = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        cuda.memcpy_htod_async(memory, host, copying)
        event.record(copying)
        if not wrong:
            computing.wait_for_event(event)
        cuda.memset_d8_async(memory, 7, SIZE, computing)
        cuda.Context.synchronize()
        del host, memory, event, copying, computing


@caught_as("race")
def event_of_the_frame_before(wrong):
    """The event is waited for before it is recorded, so it still stands for the copy before."""
    with current_context():
        host, memory, event = pinned(), cuda.mem_alloc(SIZE), cuda.Event()
        copying, computing = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        event.record(copying)
        if wrong:
            computing.wait_for_event(event)
        cuda.memcpy_htod_async(memory, host, copying)
        event.record(copying)
        if not wrong:
            computing.wait_for_event(event)
        cuda.memset_d8_async(memory, 7, SIZE, computing)
        cuda.Context.synchronize()
        del host, memory, event, copying, computing


@caught_as("race")
def next_input_over_the_one_in_use(wrong):
    """With one buffer the next copy must wait for the kernel that reads the last one."""
    with current_context():
        host, memory, event, done = pinned(), cuda.mem_alloc(SIZE), cuda.Event(), cuda.Event()
        output = cuda.mem_alloc(SIZE)
        copying, computing = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        for _ in range(2):
            cuda.memcpy_htod_async(memory, host, copying)
            event.record(copying)
            computing.wait_for_event(event)
            cuda.memcpy_dtod_async(output, memory, SIZE, computing)
            done.record(computing)
            if not wrong:
                copying.wait_for_event(done)
        cuda.Context.synchronize()
        del host, memory, event, done, output, copying, computing


@caught_as("race")
def default_stream_and_a_non_blocking_one(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        stream = cuda.Stream(NON_BLOCKING if wrong else 0)
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        cuda.memset_d8_async(memory, 8, SIZE)
        cuda.Context.synchronize()
        del memory, stream


@caught_as("race")
def synchronous_copy_beside_a_non_blocking_stream(wrong):
    with current_context():
        host, memory, stream = pinned(), cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING)
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        if not wrong:
            stream.synchronize()
        cuda.memcpy_dtoh(host, memory)
        cuda.Context.synchronize()
        del host, memory, stream


@caught_as("race")
def two_streams_into_one_output(wrong):
    with current_context():
        memory, streams = cuda.mem_alloc(SIZE), [cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)]
        half = SIZE // 2
        for number, stream in enumerate(streams):
            begin = 0 if wrong else number * half
            cuda.memset_d8_async(int(memory) + begin, number, half, stream)
        cuda.Context.synchronize()
        del memory, streams, stream


@caught_as("race")
def fill_that_only_looks_synchronous(wrong):
    """cuMemsetD8 comes back before it has filled anything."""
    with current_context():
        memory, output, stream = cuda.mem_alloc(SIZE), cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING)
        cuda.memset_d8(memory, 7, SIZE)
        if not wrong:
            cuda.Context.synchronize()
        cuda.memcpy_dtod_async(output, memory, SIZE, stream)
        cuda.Context.synchronize()
        del memory, output, stream


@caught_as("race")
def pageable_copy_that_only_looks_synchronous(wrong):
    """cuMemcpyHtoD comes back when it has read pageable memory; of pinned memory it waits for the end."""
    with current_context():
        host = np.ones(SIZE, np.uint8) if wrong else pinned()
        memory, output, stream = cuda.mem_alloc(SIZE), cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING)
        cuda.memcpy_htod(memory, host)
        cuda.memcpy_dtod_async(output, memory, SIZE, stream)
        cuda.Context.synchronize()
        del host, memory, output, stream
