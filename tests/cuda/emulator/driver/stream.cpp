#include "stream.hpp"

#include <algorithm>
#include <thread>

#include "execution.hpp"
#include "graph.hpp"
#include "race.hpp"

namespace emu {

std::string Stream::name() const {
    return this == (context.lock() ? context.lock()->legacy.get() : nullptr) ? "the default stream"
                                                                             : "stream " + std::to_string(id);
}

static bool is_ready(const Operation &operation) {
    return std::all_of(operation.after.begin(), operation.after.end(),
                       [](auto &other) { return other->done; });
}

static void work(StreamPtr stream) {
    std::unique_lock<std::mutex> lock(world().mutex);
    for (;;) {
        stream->wake.wait(
            lock, [&] { return stream->queue.empty() ? stream->closing : is_ready(*stream->queue.front()); });
        if (stream->queue.empty()) return;
        OperationPtr operation = stream->queue.front();
        execute(lock, stream->context.lock(), *operation);
        operation->done = true;
        operation->done_at = std::chrono::steady_clock::now();
        operation->after.clear();
        if (!stream->queue.empty() && stream->queue.front() == operation) stream->queue.pop_front();
        operation->settled.notify_all();
        for (auto &waiter : operation->waiters)
            if (StreamPtr other = waiter.lock()) other->wake.notify_one();
        operation->waiters.clear();
    }
}

StreamPtr new_stream(const std::shared_ptr<Context> &context, bool blocking) {
    auto stream = std::make_shared<Stream>();
    stream->id = world().next_stream++;
    stream->context = context;
    stream->blocking = blocking;
    std::thread(work, stream).detach();
    return stream;
}

void close_stream(Stream &stream) {
    stream.closing = true;
    stream.wake.notify_one();
}

StreamPtr find_stream(Call &call, CUstream handle, CUresult &result) {
    if (handle == CU_STREAM_PER_THREAD) {
        result = call.violation("unsupported", "the per-thread default stream is not emulated.",
                                CUDA_ERROR_NOT_SUPPORTED);
        return nullptr;
    }
    if (!handle || handle == CU_STREAM_LEGACY) {
        if (!call.context->legacy) call.context->legacy = new_stream(call.context, true);
        return call.context->legacy;
    }
    StreamPtr stream = world().streams.find(handle);
    if (!stream) {
        result = call.no_such("stream", handle);
    } else if (stream->context.lock() != call.context) {
        result = call.violation("foreign-context",
                                stream->name() + " belongs to another context than the current.",
                                CUDA_ERROR_INVALID_CONTEXT);
        stream = nullptr;
    }
    return stream;
}

// The default stream waits for all blocking ones, and they for it.
static void order_with_default(const StreamPtr &stream, std::vector<OperationPtr> &after) {
    const auto context = stream->context.lock();
    if (stream != context->legacy) {
        if (stream->blocking && context->legacy && context->legacy->last)
            after.push_back(context->legacy->last);
        return;
    }
    for (auto &[handle, other] : world().streams.live)
        if (other->blocking && other->last && other->context.lock() == context) after.push_back(other->last);
}

static void hand_over(const StreamPtr &stream, const OperationPtr &operation) {
    const bool was_empty = stream->queue.empty();
    for (auto &other : operation->after) {
        join(operation->clock, other->clock);
        if (!other->done) other->waiters.push_back(stream);
    }
    raise(operation->clock, stream->id, operation->tick);
    stream->clock = operation->clock;
    stream->last = operation;
    stream->queue.push_back(operation);
    if (was_empty) stream->wake.notify_one();
}

CUresult enqueue(Call &call, const StreamPtr &stream, std::vector<Work> works,
                 std::vector<OperationPtr> after, OperationPtr *queued) {
    if (CUresult refusal = refuse_for_capture(call, stream)) return refusal;
    if (stream->capture) return add_nodes(stream, std::move(works));
    auto operation = std::make_shared<Operation>();
    operation->works = std::move(works);
    operation->stream = stream->id;
    operation->tick = at(stream->clock, stream->id) + 1;
    operation->clock = stream->clock;
    operation->after = std::move(after);
    order_with_default(stream, operation->after);
    for (auto &other : operation->after) join(operation->clock, other->clock);
    note_uses(call.api, *stream, *operation);
    hand_over(stream, operation);
    if (queued) *queued = operation;
    return CUDA_SUCCESS;
}

void host_learns(const Clock &clock) {
    join(world().host, clock);
    drop_known_uses();
}

void wait_for_run(Call &call, const OperationPtr &operation) {
    operation->settled.wait(call.lock, [&] { return operation->done; });
}

void wait_for(Call &call, const OperationPtr &operation) {
    wait_for_run(call, operation);
    host_learns(operation->clock);
}

CUresult synchronize(Call &call, const StreamPtr &stream) {
    if (stream->last) wait_for(call, stream->last);
    return call.context->error;
}

}  // namespace emu
