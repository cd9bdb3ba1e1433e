// Calls that make, end and wait for streams.
#include "graph.hpp"
#include "stream.hpp"

using namespace emu;

EMU_API CUresult cuStreamCreate(CUstream *out, unsigned flags) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    *out = world().streams.add<CUstream>(new_stream(call.context, !(flags & CU_STREAM_NON_BLOCKING)));
    return CUDA_SUCCESS;
}

EMU_API CUresult cuStreamDestroy(CUstream handle) {
    Call call(__func__);
    StreamPtr stream = world().streams.find(handle);
    if (stream && (!call.refusal || call.gone)) {
        close_stream(*stream);
        if (auto context = stream->context.lock(); context && !stream->queue.empty())
            context->closing.push_back(stream);
        world().streams.remove(handle);
    }
    if (call.refusal) return call.refusal;
    if (!stream) return call.no_such("stream", handle);
    if (stream->capture) {
        stream->capture->is_valid = false;
        call.violation("illegal-in-capture", "a stream is destroyed while it is being captured.",
                       CUDA_SUCCESS);
    }
    if (stream->last && !host_knows(stream->id, stream->last->tick))
        call.violation("freed-in-use", "the stream is destroyed before anyone waited for its work.",
                       CUDA_SUCCESS);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuStreamSynchronize(CUstream handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    if ((result = refuse_on_captured(call, stream)) || (result = refuse_for_capture(call, stream)))
        return result;
    return synchronize(call, stream);
}

EMU_API CUresult cuStreamQuery(CUstream handle) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    if ((result = refuse_on_captured(call, stream)) || (result = refuse_for_capture(call, stream)))
        return result;
    if (!stream->last) return CUDA_SUCCESS;
    if (!stream->last->done) return CUDA_ERROR_NOT_READY;
    host_learns(stream->last->clock);
    return call.context->error;
}
