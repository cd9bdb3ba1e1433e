"""Copies between host and device: asynchronous ones need pinned memory, and someone who waits."""

from __future__ import annotations

import ctypes

import numpy as np
import pycuda.driver as cuda

from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, caught_as, current_context, driver, pinned


@caught_as("pageable-async")
def pageable_source(wrong):
    with current_context():
        host = np.ones(SIZE, np.uint8) if wrong else pinned()
        memory, stream = cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memcpy_htod_async(memory, host, stream)
        stream.synchronize()
        del host, memory, stream


@caught_as("pageable-async")
def pageable_destination(wrong):
    with current_context():
        host = np.ones(SIZE, np.uint8) if wrong else pinned()
        memory, stream = cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        stream.synchronize()
        del host, memory, stream


@caught_as("host-write-in-flight")
def buffer_reused_too_early(wrong):
    with current_context():
        host, memory, stream = pinned(), cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memcpy_htod_async(memory, host, stream)
        if not wrong:
            stream.synchronize()
        host[SIZE // 2] = 2
        stream.synchronize()
        del host, memory, stream


@caught_as("host-read-in-flight")
def read_without_waiting(wrong):
    with current_context():
        host, memory, stream = pinned(), cuda.mem_alloc(SIZE), cuda.Stream()
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        if not wrong:
            stream.synchronize()
        label = int(host[SIZE // 2])
        stream.synchronize()
        assert wrong or label == 7
        del host, memory, stream


@caught_as("host-read-in-flight")
def waited_for_the_wrong_stream(wrong):
    with current_context():
        host, memory, stream, other = pinned(), cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), cuda.Stream()
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        (other if wrong else stream).synchronize()
        host.sum()
        stream.synchronize()
        del host, memory, stream, other


@caught_as("host-read-in-flight")
def event_recorded_too_early(wrong):
    with current_context():
        host, memory, stream, event = pinned(), cuda.mem_alloc(SIZE), cuda.Stream(), cuda.Event()
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        if wrong:
            event.record(stream)
        cuda.memcpy_dtoh_async(host, memory, stream)
        if not wrong:
            event.record(stream)
        event.synchronize()
        host.sum()
        stream.synchronize()
        del host, memory, stream, event


@caught_as("host-write-in-flight")
def registered_memory_reused_too_early(wrong):
    """Memory that was pinned afterwards cannot be protected; only its checksum tells, when the copy runs."""
    with current_context():
        host = np.ones(SIZE, np.uint8)
        address = ctypes.c_void_p(host.ctypes.data)
        driver("cuMemHostRegister_v2", address, ctypes.c_size_t(SIZE), 0)  # pycuda's own crashes with NumPy 2
        memory, stream, first = cuda.mem_alloc(SIZE), cuda.Stream(), cuda.mem_alloc(SIZE)
        for _ in range(50):  # one of these takes its time
            cuda.memset_d8_async(first, 7, SIZE, stream)
        cuda.memcpy_htod_async(memory, host, stream)
        if not wrong:
            stream.synchronize()
        host[5] = 2
        stream.synchronize()
        driver("cuMemHostUnregister", address)
        del host, memory, stream, first


@caught_as("out-of-range")
def too_many_bytes(wrong):
    with current_context():
        host, stream = pinned(), cuda.Stream()
        memory = cuda.mem_alloc(SIZE - 1 if wrong else SIZE)
        try:
            cuda.memcpy_htod_async(memory, host, stream)
        finally:
            stream.synchronize()
            del host, memory, stream


@caught_as("unmapped-host-pointer")
def host_pointer_for_a_device_pointer(wrong):
    with current_context():
        host, stream = pinned(), cuda.Stream()
        address = host.ctypes.data if wrong else host.base.get_device_pointer()
        try:
            cuda.memset_d8_async(address, 7, SIZE, stream)
            stream.synchronize()
            assert host[0] == 7
        finally:
            del host, stream


@caught_as("host-touched-device-memory")  # and the process ends
def device_memory_read_by_the_host(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        cuda.memset_d8(memory, 7, SIZE)
        host = memory.as_buffer(SIZE) if wrong else cuda.from_device(memory, (SIZE,), np.uint8)
        assert host[0] == 7
        del memory


@caught_as("host-read-in-flight")
def mapped_memory_read_without_waiting(wrong):
    """Zero copy, as on a Jetson: the device writes to host memory itself."""
    with current_context():
        host, stream = pinned(), cuda.Stream()
        cuda.memset_d8_async(host.base.get_device_pointer(), 7, SIZE, stream)
        if not wrong:
            stream.synchronize()
        host.sum()
        stream.synchronize()
        del host, stream
