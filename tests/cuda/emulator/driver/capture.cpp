// Streams while they are captured into a graph, and what must not be done meanwhile.
#include "graph.hpp"

namespace emu {

static CUresult spoil(Call &call, Capture &capture, const std::string &sentence, CUresult result) {
    capture.is_valid = false;
    return call.violation("illegal-in-capture", sentence, result);
}

static std::vector<std::shared_ptr<Capture>> captures() {
    std::vector<std::shared_ptr<Capture>> found;
    for (auto &weak : world().captures)
        if (auto capture = weak.lock(); capture && !capture->is_over) found.push_back(capture);
    return found;
}

CUresult refuse_for_capture(Call &call, const StreamPtr &stream) {
    if (stream->capture && !stream->capture->is_valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream != call.context->legacy) return CUDA_SUCCESS;
    for (auto &[handle, other] : world().streams.live)
        if (other->blocking && other->capture && other->context.lock() == call.context)
            return spoil(call, *other->capture,
                         "the default stream was used while a blocking stream is captured.",
                         CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    return CUDA_SUCCESS;
}

CUresult refuse_on_captured(Call &call, const StreamPtr &stream) {
    if (!stream->capture) return CUDA_SUCCESS;
    return spoil(call, *stream->capture, "cannot be done with a stream that is being captured.",
                 CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

CUresult refuse_if_any_captured(Call &call) {
    for (auto &capture : captures())
        return spoil(call, *capture, "cannot be done while a stream is being captured.",
                     CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    return CUDA_SUCCESS;
}

CUresult refuse_unsafe(Call &call) {
    const CUstreamCaptureMode mine = this_thread().capture_mode;
    if (mine == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
    for (auto &capture : captures()) {
        const bool is_own = capture->thread == std::this_thread::get_id();
        const bool forbids =
            is_own ? capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
                   : capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && mine == CU_STREAM_CAPTURE_MODE_GLOBAL;
        if (forbids)
            return spoil(call, *capture, "not allowed in this capture mode while a stream is being captured.",
                         CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    return CUDA_SUCCESS;
}

CUresult add_nodes(const StreamPtr &stream, std::vector<Work> works) {
    auto &nodes = stream->capture->nodes;
    for (Work &work : works) {
        nodes.push_back({std::move(work), stream->tail});
        stream->tail = {nodes.size() - 1};
    }
    return CUDA_SUCCESS;
}

void join_capture(const StreamPtr &stream, const std::shared_ptr<Capture> &capture,
                  const std::vector<size_t> &tail) {
    if (!stream->capture) {
        stream->capture = capture;
        capture->streams.push_back(stream);
    }
    for (size_t node : tail)
        if (std::find(stream->tail.begin(), stream->tail.end(), node) == stream->tail.end())
            stream->tail.push_back(node);
}

// For each node, which earlier ones come before it.
static std::vector<std::vector<bool>> ancestors_of(const std::vector<Node> &nodes) {
    std::vector<std::vector<bool>> all(nodes.size(), std::vector<bool>(nodes.size()));
    for (size_t i = 0; i < nodes.size(); i++)
        for (size_t before : nodes[i].after) {
            all[i][before] = true;
            for (size_t j = 0; j < before; j++)
                if (all[before][j]) all[i][j] = true;
        }
    return all;
}

static bool conflict(const Operand &one, const Operand &other) {
    if (!one.writes && !other.writes) return false;
    const Place a = world().memory.find(one.space, one.address),
                b = world().memory.find(other.space, other.address);
    if (!a.allocation || a.allocation != b.allocation) return false;
    const size_t whole = a.allocation->bytes;
    const size_t a_end = one.bytes ? a.offset + one.bytes : whole,
                 b_end = other.bytes ? b.offset + other.bytes : whole;
    return a.offset < b_end && b.offset < a_end;
}

static bool conflict(const Work &one, const Work &other) {
    for (const Operand &a : one.operands)
        for (const Operand &b : other.operands)
            if (conflict(a, b)) return true;
    return false;
}

static void note_races(Call &call, const std::vector<Node> &nodes) {
    const auto ancestors = ancestors_of(nodes);
    for (size_t i = 0; i < nodes.size(); i++)
        for (size_t j = 0; j < i; j++)
            if (!ancestors[i][j] && conflict(nodes[i].work, nodes[j].work))
                call.violation("race",
                               "in the captured graph " + nodes[i].work.what + " and " + nodes[j].work.what +
                                   " use the same memory, and nothing orders the two.",
                               CUDA_SUCCESS);
}

static bool is_joined(const Capture &capture, const Stream &origin) {
    const auto ancestors = ancestors_of(capture.nodes);
    for (auto &weak : capture.streams) {
        StreamPtr stream = weak.lock();
        if (!stream || stream.get() == &origin) continue;
        for (size_t node : stream->tail) {
            const bool reached = std::any_of(origin.tail.begin(), origin.tail.end(), [&](size_t last) {
                return last == node || ancestors[last][node];
            });
            if (!reached) return false;
        }
    }
    return true;
}

static void end(Capture &capture) {
    capture.is_over = true;
    for (auto &weak : capture.streams)
        if (StreamPtr stream = weak.lock()) {
            stream->capture.reset();
            stream->tail.clear();
        }
}

}  // namespace emu

using namespace emu;

EMU_API CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    if (stream == call.context->legacy)
        return call.violation("illegal-in-capture", "the default stream cannot be captured.",
                              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    if (stream->capture)
        return call.violation("illegal-in-capture", "the stream is being captured already.",
                              CUDA_ERROR_ILLEGAL_STATE);
    static uint64_t captures_so_far = 0;
    auto capture = std::make_shared<Capture>();
    capture->id = ++captures_so_far;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->origin = stream;
    world().captures.push_back(capture);
    join_capture(stream, capture, {});
    return CUDA_SUCCESS;
}

EMU_API CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    *graph = nullptr;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    const auto capture = stream->capture;
    if (!capture || capture->origin.lock() != stream)
        return call.violation("illegal-in-capture", "no capture was begun on this stream.",
                              CUDA_ERROR_ILLEGAL_STATE);
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
        return call.violation("illegal-in-capture", "the capture was begun in another thread.",
                              CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    const bool joined = is_joined(*capture, *stream);
    end(*capture);
    if (!capture->is_valid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!joined)
        return call.violation("illegal-in-capture",
                              "a stream that took part was not joined to the first one again.",
                              CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    note_races(call, capture->nodes);
    auto made = std::make_shared<Graph>();
    made->nodes = std::move(capture->nodes);
    *graph = world().graphs.add<CUgraph>(made);
    return CUDA_SUCCESS;
}

static CUstreamCaptureStatus status_of(const Stream &stream) {
    if (!stream.capture) return CU_STREAM_CAPTURE_STATUS_NONE;
    return stream.capture->is_valid ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

EMU_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (stream) *status = status_of(*stream);
    return result;
}

static CUresult capture_info(const char *function, CUstream handle, CUstreamCaptureStatus *status,
                             cuuint64_t *id) {
    Call call(function);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    *status = status_of(*stream);
    if (id) *id = stream->capture ? stream->capture->id : 0;
    return CUDA_SUCCESS;
}

#undef cuStreamGetCaptureInfo
EMU_API CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id) {
    return capture_info(__func__, stream, status, id);
}

EMU_API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id,
                                           CUgraph *, const CUgraphNode **, size_t *) {
    return capture_info(__func__, stream, status, id);
}

EMU_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    std::swap(*mode, this_thread().capture_mode);
    return CUDA_SUCCESS;
}
