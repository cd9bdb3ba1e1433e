// Streams: queues of operations, each worked off by a thread of its own.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <vector>

#include "call.hpp"
#include "operation.hpp"

namespace emu {

struct Capture;

struct Stream : std::enable_shared_from_this<Stream> {
    size_t id = 0;  // counts from 0; in order of making, so the same in every run
    std::weak_ptr<Context> context;
    bool blocking = true;  // ordered with the default stream
    bool closing = false;  // its thread is to end when the queue is empty
    std::deque<OperationPtr> queue;
    std::condition_variable wake;
    OperationPtr last;                 // the latest that was queued
    Clock clock;                       // what the next operation comes after
    std::shared_ptr<Capture> capture;  // while work goes into a graph
    std::vector<size_t> tail;          // the nodes that the next one comes after

    std::string name() const;
};

using StreamPtr = std::shared_ptr<Stream>;

// The stream that a handle stands for; null after a violation or a refusal, with `result` set.
StreamPtr find_stream(Call &call, CUstream handle, CUresult &result);

StreamPtr new_stream(const std::shared_ptr<Context> &context, bool blocking);
void close_stream(Stream &stream);

// Queue works as one operation, or add them to the graph that the stream is being captured into.
CUresult enqueue(Call &call, const StreamPtr &stream, std::vector<Work> works,
                 std::vector<OperationPtr> after = {}, OperationPtr *queued = nullptr);

// The host knows from now on that all of `clock` is done.
void host_learns(const Clock &clock);
inline bool host_knows(size_t stream, uint64_t tick) { return at(world().host, stream) >= tick; }

// Let the calling thread wait, with the lock released meanwhile; after the first it may not rely on it.
void wait_for_run(Call &call, const OperationPtr &operation);
void wait_for(Call &call, const OperationPtr &operation);

CUresult synchronize(Call &call, const StreamPtr &stream);

}  // namespace emu
