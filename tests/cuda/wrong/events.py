"""Events: what they mark, and when they know their time."""

from __future__ import annotations

import pycuda.driver as cuda

from tests.cuda.wrong.snippet import SIZE, caught_as, current_context


@caught_as("event-not-done")
def elapsed_before_both_are_done(wrong):
    with current_context():
        memory, stream, begin, end = cuda.mem_alloc(SIZE), cuda.Stream(), cuda.Event(), cuda.Event()
        begin.record(stream)
        cuda.memset_d8_async(memory, 7, SIZE, stream)
        end.record(stream)
        (begin if wrong else end).synchronize()
        try:
            assert end.time_since(begin) >= 0
        finally:
            stream.synchronize()
            del memory, stream, begin, end


@caught_as("invalid-handle")
def elapsed_without_timing(wrong):
    with current_context():
        stream = cuda.Stream()
        begin, end = (cuda.Event(cuda.event_flags.DISABLE_TIMING if wrong else 0) for _ in range(2))
        begin.record(stream)
        end.record(stream)
        end.synchronize()
        try:
            end.time_since(begin)
        finally:
            stream.synchronize()
            del stream, begin, end


@caught_as("freed-in-use")
def event_destroyed_while_waited_for(wrong):
    with current_context():
        memory, event = cuda.mem_alloc(SIZE), cuda.Event()
        one, other = cuda.Stream(), cuda.Stream()
        cuda.memset_d8_async(memory, 7, SIZE, one)
        event.record(one)
        other.wait_for_event(event)
        if wrong:
            del event
        cuda.Context.synchronize()
        if not wrong:
            del event
        del memory, one, other
