// Work on the device, and its place in the order of things.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "books.hpp"
#include "memory.hpp"

namespace emu {

struct Stream;

// Bytes that a piece of work reads or writes.
struct Operand {
    Space space;
    uintptr_t address;
    size_t bytes;  // 0: from there to the end of the allocation, of which it need not use all
    bool writes;
    uint64_t checksum = 0;  // of the host bytes to be read, when the work was handed over; 0: not taken
};

// One copy, fill, kernel or callback; what a node of a graph holds too.
struct Work {
    std::string what;
    std::vector<Operand> operands;
    std::function<void(void **views)> run;  // gets where the operands' bytes are; no lock is held
    Way way = Way::NONE;
    bool is_kernel = false;  // of our compiling: a fault in it can be caught
};

// What is queued on a stream: pieces of work, or none for an event's record or wait.
struct Operation {
    std::vector<Work> works;
    size_t stream = 0;  // id
    uint64_t tick = 0;
    Clock clock;
    std::vector<std::shared_ptr<Operation>> after;  // besides those before it on its stream
    std::vector<std::weak_ptr<Stream>> waiters;     // streams with operations that come after this one
    bool done = false;
    std::chrono::steady_clock::time_point done_at;
    std::condition_variable settled;
};

using OperationPtr = std::shared_ptr<Operation>;

}  // namespace emu
