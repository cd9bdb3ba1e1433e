#include "event.hpp"

#include "graph.hpp"

using namespace emu;

using EventPtr = std::shared_ptr<Event>;

static EventPtr find_event(Call &call, CUevent handle, CUresult &result) {
    EventPtr event = world().events.find(handle);
    if (!event) {
        result = call.no_such("event", handle);
    } else if (event->context.lock() != call.context) {
        result = call.violation("foreign-context", "the event belongs to another context than the current.",
                                CUDA_ERROR_INVALID_CONTEXT);
        event = nullptr;
    }
    return event;
}

static CUresult refuse_captured(Call &call, const Event &event) {
    if (!event.capture) return CUDA_SUCCESS;
    event.capture->is_valid = false;
    return call.violation("illegal-in-capture",
                          "the event was recorded in a capture; it stands for no moment.",
                          CUDA_ERROR_CAPTURED_EVENT);
}

static CUresult refuse_merge(Call &call, const Stream &stream, const Event &event) {
    stream.capture->is_valid = event.capture->is_valid = false;
    return call.violation("illegal-in-capture", "one capture cannot wait for an event of another.",
                          CUDA_ERROR_STREAM_CAPTURE_MERGE);
}

static bool is_known(const OperationPtr &operation) {
    return !operation || host_knows(operation->stream, operation->tick);
}

EMU_API CUresult cuEventCreate(CUevent *out, unsigned flags) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    auto event = std::make_shared<Event>();
    event->context = call.context;
    event->has_time = !(flags & CU_EVENT_DISABLE_TIMING);
    event->sleeps = flags & CU_EVENT_BLOCKING_SYNC;
    *out = world().events.add<CUevent>(event);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuEventDestroy(CUevent handle) {
    Call call(__func__);
    EventPtr event = world().events.find(handle);
    if (event && (!call.refusal || call.gone)) world().events.remove(handle);
    if (call.refusal) return call.refusal;
    if (!event) return call.no_such("event", handle);
    const bool is_waited_for = !std::all_of(event->waits.begin(), event->waits.end(), is_known);
    if (is_waited_for || !is_known(event->recorded))
        call.violation("freed-in-use", "the event is destroyed before anyone waited for what it marks.",
                       CUDA_SUCCESS);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    EventPtr event = find_event(call, handle, result);
    StreamPtr stream = event ? find_stream(call, stream_handle, result) : nullptr;
    if (!stream) return result;
    event->capture = stream->capture;
    event->tail = stream->tail;
    if (stream->capture) return refuse_for_capture(call, stream);
    return enqueue(call, stream, {}, {}, &event->recorded);
}

EMU_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    EventPtr event = find_event(call, handle, result);
    StreamPtr stream = event ? find_stream(call, stream_handle, result) : nullptr;
    if (!stream) return result;
    if (event->capture) {
        if (stream == call.context->legacy || event->capture->is_over) return refuse_captured(call, *event);
        if (stream->capture && stream->capture != event->capture) return refuse_merge(call, *stream, *event);
        join_capture(stream, event->capture, event->tail);
        return refuse_for_capture(call, stream);
    }
    if (stream->capture) {
        stream->capture->is_valid = false;
        return call.violation("illegal-in-capture",
                              "a captured stream cannot wait for what was not captured.",
                              CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    }
    if (!event->recorded) return CUDA_SUCCESS;
    OperationPtr queued;
    result = enqueue(call, stream, {}, {event->recorded}, &queued);
    auto &waits = event->waits;
    waits.erase(std::remove_if(waits.begin(), waits.end(), is_known), waits.end());
    if (queued) waits.push_back(queued);
    return result;
}

EMU_API CUresult cuEventSynchronize(CUevent handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    EventPtr event = find_event(call, handle, result);
    if (!event) return result;
    if ((result = refuse_captured(call, *event))) return result;
    if (!event->sleeps) world().books.calls["(a wait that spins)"]++;
    if (event->recorded) wait_for(call, OperationPtr(event->recorded));
    return call.context->error;
}

EMU_API CUresult cuEventQuery(CUevent handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    EventPtr event = find_event(call, handle, result);
    if (!event) return result;
    if ((result = refuse_captured(call, *event)) || (result = refuse_unsafe(call))) return result;
    if (!event->recorded) return CUDA_SUCCESS;
    if (!event->recorded->done) return CUDA_ERROR_NOT_READY;
    host_learns(event->recorded->clock);
    return call.context->error;
}

EMU_API CUresult cuEventElapsedTime(float *milliseconds, CUevent begin_handle, CUevent end_handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    EventPtr begin = find_event(call, begin_handle, result);
    EventPtr end = begin ? find_event(call, end_handle, result) : nullptr;
    if (!end) return result;
    if ((result = refuse_captured(call, *begin)) || (result = refuse_captured(call, *end))) return result;
    if (!begin->has_time || !end->has_time || !begin->recorded || !end->recorded)
        return call.violation("invalid-handle", "an event has no time, or was never recorded.",
                              CUDA_ERROR_INVALID_HANDLE);
    if (!is_known(begin->recorded) || !is_known(end->recorded))
        return call.violation("event-not-done", "asked for the time between events before waiting for both.",
                              CUDA_ERROR_NOT_READY);
    using Milliseconds = std::chrono::duration<float, std::milli>;
    *milliseconds = Milliseconds(end->recorded->done_at - begin->recorded->done_at).count();
    return CUDA_SUCCESS;
}
