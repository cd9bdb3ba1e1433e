"""Kernels: what they are given, and what they touch."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pycuda.driver as cuda

from rtseg.cuda.nvcc import find_nvccs
from tests.cuda import real
from tests.cuda.emulator import compile_kernels
from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, caught_as, current_context, pinned

BLOCK = 256


def module():
    source = Path(__file__).with_name("kernels.cu")
    if real.IS_WANTED:
        return cuda.module_from_buffer(find_nvccs()[0].compile(source, cuda.Device(0).compute_capability()))
    return cuda.module_from_file(str(compile_kernels(source)))


def grid(count=SIZE):
    return (-(-count // BLOCK), 1)


def filled():
    memory = cuda.mem_alloc(SIZE)
    cuda.memset_d8(memory, 3, SIZE)
    cuda.Context.synchronize()
    return memory


@caught_as("out-of-range")
def kernel_beyond_the_end(wrong):
    """SIZE is no multiple of the block's: the last threads must do nothing."""
    with current_context():
        kernels, stream, source, target = module(), cuda.Stream(NON_BLOCKING), filled(), filled()
        shape = {"block": (BLOCK, 1, 1), "grid": grid(), "stream": stream}
        if wrong:
            kernels.get_function("doubled_unchecked")(target, source, **shape)
        else:
            kernels.get_function("doubled")(target, source, np.int32(SIZE), **shape)
        try:
            stream.synchronize()
        finally:
            del kernels, stream, source, target, shape


@caught_as("out-of-range")
def kernel_one_byte_too_far(wrong):
    with current_context():
        kernels, stream, source = module(), cuda.Stream(NON_BLOCKING), filled()
        target = cuda.mem_alloc(SIZE - 1 if wrong else SIZE)
        arguments = (target, source, np.int32(SIZE))
        kernels.get_function("doubled")(*arguments, block=(BLOCK, 1, 1), grid=grid(), stream=stream)
        try:
            stream.synchronize()
        finally:
            del kernels, stream, source, target, arguments


@caught_as("unmapped-host-pointer")
def kernel_with_a_host_pointer(wrong):
    with current_context():
        kernels, stream, host, target = module(), cuda.Stream(NON_BLOCKING), pinned(), filled()
        address = np.uintp(host.ctypes.data if wrong else host.base.get_device_pointer())
        kernels.get_function("doubled")(
            target, address, np.int32(SIZE), block=(BLOCK, 1, 1), grid=grid(), stream=stream
        )
        try:
            stream.synchronize()
        finally:
            del kernels, stream, host, target


@caught_as("wrong-parameters")
def kernel_with_a_parameter_too_few(wrong):
    with current_context():
        kernels, stream, source, target = module(), cuda.Stream(NON_BLOCKING), filled(), filled()
        arguments = (target, source) if wrong else (target, source, np.int32(SIZE))
        try:
            kernels.get_function("doubled")(*arguments, block=(BLOCK, 1, 1), grid=grid(), stream=stream)
            stream.synchronize()
        finally:
            del kernels, stream, source, target, arguments


@caught_as("race")
def kernel_before_its_input_is_there(wrong):
    with current_context():
        kernels, host, source, target = module(), pinned(), filled(), filled()
        copying, computing, event = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING), cuda.Event()
        cuda.memcpy_htod_async(source, host, copying)
        event.record(copying)
        if not wrong:
            computing.wait_for_event(event)
        arguments = (target, source, np.int32(SIZE))
        kernels.get_function("doubled")(*arguments, block=(BLOCK, 1, 1), grid=grid(), stream=computing)
        cuda.Context.synchronize()
        del kernels, host, source, target, copying, computing, event, arguments


@caught_as("freed-in-use")
def module_unloaded_too_early(wrong):
    with current_context():
        kernels, stream, source, target = module(), cuda.Stream(NON_BLOCKING), filled(), filled()
        arguments = (target, source, np.int32(SIZE))
        kernels.get_function("doubled")(*arguments, block=(BLOCK, 1, 1), grid=grid(), stream=stream)
        if not wrong:
            stream.synchronize()
        del kernels
        stream.synchronize()
        del stream, source, target, arguments


@caught_as("unsupported")
def profiler_started(wrong):
    """A call that the emulator does not have is told, and not let pass."""
    with current_context():
        if wrong:
            ctypes.CDLL(None).cuProfilerStart()
