"""CUDA graphs, through the driver itself: pycuda has no names for them."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager

import numpy as np
import pycuda.driver as cuda

from tests.cuda.wrong.snippet import NON_BLOCKING, SIZE, caught_as, current_context, driver, pinned

GLOBAL, RELAXED = 0, 2  # CU_STREAM_CAPTURE_MODE_…


class Graph:
    """What a stream was given while it was captured, to be launched and in the end closed."""

    def __init__(self):
        self.graph, self.executable = ctypes.c_void_p(), ctypes.c_void_p()

    @contextmanager
    def captured_from(self, stream, mode=GLOBAL):
        handle = ctypes.c_void_p(int(stream.handle))
        driver("cuStreamBeginCapture_v2", handle, mode)
        try:
            yield self
        finally:
            self.code = driver("cuStreamEndCapture", handle, ctypes.byref(self.graph))
        if not self.code:
            driver(
                "cuGraphInstantiateWithFlags", ctypes.byref(self.executable), self.graph, ctypes.c_uint64(0)
            )

    def launch(self, stream):
        return driver("cuGraphLaunch", self.executable, ctypes.c_void_p(int(stream.handle)))

    def close(self):
        if self.executable:
            driver("cuGraphExecDestroy", self.executable)
        if self.graph:
            driver("cuGraphDestroy", self.graph)


@caught_as("illegal-in-capture")
def synchronised_in_capture(wrong):
    with current_context():
        memory, stream, graph = cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph()
        try:
            with graph.captured_from(stream):
                cuda.memset_d8_async(memory, 7, SIZE, stream)
                if wrong:
                    stream.synchronize()
            assert wrong or (graph.launch(stream) == 0)
        finally:
            stream.synchronize()
            graph.close()
            del memory, stream


@caught_as("illegal-in-capture")
def allocated_in_capture(wrong):
    with current_context():
        stream, graph = cuda.Stream(NON_BLOCKING), Graph()
        memory = None if wrong else cuda.mem_alloc(SIZE)
        try:
            with graph.captured_from(stream):
                memory = memory or cuda.mem_alloc(SIZE)
                cuda.memset_d8_async(memory, 7, SIZE, stream)
        finally:
            graph.close()
            del memory, stream


@caught_as("pageable-async")
def pageable_in_capture(wrong):
    with current_context():
        host = np.ones(SIZE, np.uint8) if wrong else pinned()
        memory, stream, graph = cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph()
        try:
            with graph.captured_from(stream):
                cuda.memcpy_htod_async(memory, host, stream)
        finally:
            graph.close()
            del memory, stream, host


@caught_as("illegal-in-capture")
def event_of_a_capture_waited_for(wrong):
    with current_context():
        memory, stream, graph, event = cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph(), cuda.Event()
        try:
            with graph.captured_from(stream):
                cuda.memset_d8_async(memory, 7, SIZE, stream)
                if wrong:
                    event.record(stream)
            if not wrong:
                graph.launch(stream)
                event.record(stream)
            event.synchronize()
        finally:
            graph.close()
            del memory, stream, event


@caught_as("illegal-in-capture")
def side_stream_not_joined(wrong):
    with current_context():
        memory, fork, join, graph = cuda.mem_alloc(SIZE), cuda.Event(), cuda.Event(), Graph()
        stream, side = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        with graph.captured_from(stream):
            fork.record(stream)
            side.wait_for_event(fork)
            cuda.memset_d8_async(memory, 7, SIZE, side)
            join.record(side)
            if not wrong:
                stream.wait_for_event(join)
        graph.close()
        del memory, fork, join, stream, side


@caught_as("race")
def branches_into_one_output(wrong):
    with current_context():
        memory, fork, join, graph = cuda.mem_alloc(SIZE), cuda.Event(), cuda.Event(), Graph()
        stream, side = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        with graph.captured_from(stream):
            fork.record(stream)
            side.wait_for_event(fork)
            cuda.memset_d8_async(memory, 7, SIZE, side)
            join.record(side)
            if not wrong:
                stream.wait_for_event(join)
            cuda.memset_d8_async(memory, 8, SIZE, stream)
            if wrong:
                stream.wait_for_event(join)
        graph.close()
        del memory, fork, join, stream, side


@caught_as("use-after-free")
def launched_after_its_buffers_were_freed(wrong):
    with current_context():
        memory, stream, graph = cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph()
        with graph.captured_from(stream):
            cuda.memset_d8_async(memory, 7, SIZE, stream)
        if wrong:
            memory.free()
        graph.launch(stream)
        try:
            stream.synchronize()
        finally:
            graph.close()
            del memory, stream


@caught_as("host-write-in-flight")
def input_of_a_launched_graph_overwritten(wrong):
    with current_context():
        host, memory, stream, graph = pinned(), cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph()
        with graph.captured_from(stream):
            cuda.memcpy_htod_async(memory, host, stream)
        host[:] = 2
        graph.launch(stream)
        if not wrong:
            stream.synchronize()
        host[:] = 3
        stream.synchronize()
        graph.close()
        del host, memory, stream


@caught_as("leak")
def graph_leaked(wrong):
    with current_context():
        memory, stream, graph = cuda.mem_alloc(SIZE), cuda.Stream(NON_BLOCKING), Graph()
        with graph.captured_from(stream):
            cuda.memset_d8_async(memory, 7, SIZE, stream)
        if not wrong:
            graph.close()
        del memory, stream


@caught_as("illegal-in-capture")
def event_of_an_ended_capture_waited_for(wrong):
    """What another stream is given afterwards would be in no graph, and never run."""
    with current_context():
        memory, event, graph = cuda.mem_alloc(SIZE), cuda.Event(), Graph()
        stream, other = cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)
        with graph.captured_from(stream):
            cuda.memset_d8_async(memory, 7, SIZE, stream)
            event.record(stream)
        if not wrong:
            event.record(stream)
        try:
            other.wait_for_event(event)
        finally:
            cuda.Context.synchronize()
            graph.close()
            del memory, event, stream, other


@caught_as("illegal-in-capture")
def captures_that_wait_for_each_other(wrong):
    with current_context():
        memory, event, one, other = cuda.mem_alloc(SIZE), cuda.Event(), Graph(), Graph()
        streams = [cuda.Stream(NON_BLOCKING), cuda.Stream(NON_BLOCKING)]
        try:
            with one.captured_from(streams[0]):
                cuda.memset_d8_async(memory, 7, SIZE, streams[0])
                event.record(streams[0])
                if wrong:
                    with other.captured_from(streams[1]):
                        streams[1].wait_for_event(event)
        finally:
            one.close()
            other.close()
            del memory, event, streams


@caught_as("illegal-in-capture")
def event_asked_for_in_capture(wrong):
    """Also of an event that has nothing to do with it, as CUDA may wait for the device."""
    with current_context():
        event, stream, graph = cuda.Event(), cuda.Stream(NON_BLOCKING), Graph()
        try:
            with graph.captured_from(stream, GLOBAL if wrong else RELAXED):
                event.query()
        finally:
            graph.close()
            del event, stream


@caught_as("illegal-in-capture")
def pinned_freed_in_capture(wrong):
    with current_context():
        host, stream, graph = pinned(), cuda.Stream(NON_BLOCKING), Graph()
        try:
            with graph.captured_from(stream, GLOBAL if wrong else RELAXED):
                host.base.free()
        finally:
            graph.close()
            del host, stream
