"""Memory, streams, events and modules: how long they live."""

from __future__ import annotations

import ctypes

import numpy as np
import pycuda.driver as cuda

from tests.cuda.wrong.snippet import FOREVER, SIZE, caught_as, current_context, driver, pinned


@caught_as("freed-in-use")
def freed_too_early(wrong):
    with current_context():
        host, memory, stream = pinned(), cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memcpy_htod_async(memory, host, stream)
        if not wrong:
            stream.synchronize()
        memory.free()
        stream.synchronize()
        del host, memory, stream


@caught_as("freed-in-use")
def pinned_freed_too_early(wrong):
    with current_context():
        host, memory, stream = pinned(), cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memcpy_htod_async(memory, host, stream)
        if not wrong:
            stream.synchronize()
        del host
        stream.synchronize()
        del memory, stream


@caught_as("freed-in-use")
def stream_destroyed_too_early(wrong):
    with current_context():
        memory, stream = cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        if not wrong:
            stream.synchronize()
        del stream
        cuda.Context.synchronize()
        del memory


@caught_as("double-free")
def freed_twice(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        address = int(memory)
        memory.free()
        if wrong:
            driver("cuMemFree_v2", ctypes.c_uint64(address))


@caught_as("use-after-free")
def used_after_free(wrong):
    with current_context():
        memory, host = cuda.mem_alloc(SIZE), np.ones(SIZE, np.uint8)
        address = int(memory)
        if wrong:
            memory.free()
        try:
            cuda.memcpy_htod(address, host)
        finally:
            cuda.Context.synchronize()
            del memory


@caught_as("use-after-free")  # and the process ends
def pinned_used_after_free(wrong):
    with current_context():
        host = pinned()
        if wrong:
            host.base.free()
        assert host[5] == 1
        del host


@caught_as("uninitialised-read")
def output_never_written(wrong):
    with current_context():
        memory, host = cuda.mem_alloc(SIZE), np.empty(SIZE, np.uint8)
        if not wrong:
            cuda.memset_d8(memory, 7, SIZE)
        cuda.memcpy_dtoh(host, memory)
        assert set(host) == {0xCD if wrong else 7}
        del memory


@caught_as("uninitialised-read")
def output_half_written(wrong):
    with current_context():
        memory, host = cuda.mem_alloc(SIZE), np.empty(SIZE, np.uint8)
        cuda.memset_d8(memory, 7, SIZE // 2 if wrong else SIZE)
        cuda.memcpy_dtoh(host, memory)
        del memory


@caught_as("leak")
def memory_leaked(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        FOREVER.extend([memory] if wrong else [])
        del memory


@caught_as("leak")
def pinned_leaked(wrong):
    with current_context():
        host = pinned()
        FOREVER.extend([host] if wrong else [])
        del host


@caught_as("leak")
def stream_leaked(wrong):
    with current_context():
        stream = cuda.Stream()
        FOREVER.extend([stream] if wrong else [])
        del stream


@caught_as("leak")
def event_leaked(wrong):
    with current_context():
        event = cuda.Event()
        FOREVER.extend([event] if wrong else [])
        del event


@caught_as("invalid-value")
def mapped_memory_freed_as_the_devices(wrong):
    with current_context():
        host = pinned()
        if wrong:
            driver("cuMemFree_v2", ctypes.c_uint64(host.base.get_device_pointer()))
        del host


@caught_as("invalid-value")
def freed_by_an_address_within(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        if wrong:
            driver("cuMemFree_v2", ctypes.c_uint64(int(memory) + 256))
        del memory
