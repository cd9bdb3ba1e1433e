// CUDA graphs: work that a stream is given once and a graph repeats.
#pragma once
#include <thread>
#include <vector>

#include "stream.hpp"

namespace emu {

struct Event;

struct Node {
    Work work;
    std::vector<size_t> after;  // earlier nodes
};

struct Capture {
    uint64_t id = 0;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    std::thread::id thread;
    std::weak_ptr<Stream> origin;
    std::vector<std::weak_ptr<Stream>> streams;
    std::vector<Node> nodes;
    bool is_valid = true;
    bool is_over = false;
};

struct Graph {
    std::vector<Node> nodes;
};

struct GraphExec {
    std::vector<Node> nodes;
    std::weak_ptr<Context> context;
    OperationPtr last;  // its latest launch: launches of one executable graph do not overlap
};

// Why work cannot be queued on the stream because of a capture; CUDA_SUCCESS if it can.
CUresult refuse_for_capture(Call &call, const StreamPtr &stream);

CUresult add_nodes(const StreamPtr &stream, std::vector<Work> works);

// Let a stream come after nodes of a capture, which makes it take part in it.
void join_capture(const StreamPtr &stream, const std::shared_ptr<Capture> &capture,
                  const std::vector<size_t> &tail);

// For calls that hardware refuses while certain captures go on, such as allocating: CUDA_SUCCESS if this may.
CUresult refuse_unsafe(Call &call);

// For calls that can never be captured, on a stream that is.
CUresult refuse_on_captured(Call &call, const StreamPtr &stream);

// For calls that wait for a whole context.
CUresult refuse_if_any_captured(Call &call);

}  // namespace emu
