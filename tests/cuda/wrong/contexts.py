"""Contexts: pushed, popped and released by each thread that touches the device."""

from __future__ import annotations

import ctypes
import threading

import pycuda.driver as cuda

from tests.cuda.wrong.snippet import FOREVER, SIZE, caught_as, current_context, driver, pinned


def in_thread(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    thread.join()


@caught_as("not-initialised")
def no_init(wrong):
    if not wrong:
        cuda.init()
    cuda.Device(0)


@caught_as("no-context")
def no_push(wrong):
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    if not wrong:
        context.push()
    try:
        cuda.mem_alloc(SIZE).free()
    finally:
        if not wrong:
            context.pop()
        context.detach()


@caught_as("no-context")
def worker_without_context(wrong):
    with current_context() as context:
        stream, event = cuda.Stream(), cuda.Event()

        def work(event, stream):
            if not wrong:
                context.push()
            event.record(stream)
            event.synchronize()
            if not wrong:
                context.pop()

        in_thread(work, event, stream)
        del stream, event


@caught_as("thread-ended-with-context")  # pycuda then aborts the process
def no_pop_in_worker(wrong):
    with current_context() as context:

        def work():
            context.push()
            if not wrong:
                context.pop()

        in_thread(work)


@caught_as("pop-empty")
def popped_twice(wrong):
    with current_context() as context:
        popped = ctypes.c_void_p()
        for _ in range(2 if wrong else 1):
            driver("cuCtxPopCurrent_v2", ctypes.byref(popped))
        driver("cuCtxPushCurrent_v2", popped)
        del context


@caught_as("leak")
def context_not_released(wrong):
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    if wrong:
        FOREVER.append(context)
    else:
        context.detach()


@caught_as("leak")
def released_with_live_objects(wrong):
    with current_context():
        memory = cuda.mem_alloc(SIZE)
        if wrong:
            FOREVER.append(memory)
        del memory


@caught_as("over-released")
def released_twice(wrong):
    with current_context():
        pass
    if wrong:
        driver("cuDevicePrimaryCtxRelease_v2", 0)


@caught_as("released-while-current")
def released_before_popped(wrong):
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    cuda.mem_alloc(SIZE).free()
    if not wrong:
        context.pop()
    context.detach()


@caught_as("context-destroyed")
def used_after_release(wrong):
    with current_context():
        if not wrong:
            driver("cuCtxSynchronize")
    if wrong:
        driver("cuCtxSynchronize")


@caught_as("leak")
def dropped_in_thread_without_context(wrong):
    with current_context() as context:
        box = [cuda.mem_alloc(SIZE), pinned()]

        def work():
            if not wrong:
                context.push()
            box.clear()
            if not wrong:
                context.pop()

        in_thread(work)
