// What the emulator remembers of a program: violations, calls, traffic, the order of operations.
#pragma once
#include <cuda.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace emu {

struct Violation {
    std::string kind, api, sentence;
};

enum class Way { NONE, H2D, D2H, D2D };

struct Traffic {
    uint64_t bytes = 0, copies = 0;
};

struct Executed {
    size_t stream;
    uint64_t tick;
    std::string what;
    unsigned delay_us;
};

struct Books {
    std::vector<Violation> violations;
    std::map<std::string, uint64_t> calls;
    std::map<std::string, std::deque<CUresult>> failures;  // to come, by API
    std::map<Way, Traffic> traffic;
    std::deque<Executed> executed;  // the latest few thousand
    CUresult lost = CUDA_SUCCESS;   // what all calls return since the device is lost
};

// Write down a violation and, unless the settings say otherwise, print it. The world is locked.
void note_violation(const std::string &kind, const std::string &api, const std::string &sentence);

// All books and the counts of live objects as JSON. The world is locked.
std::string books_as_json();

}  // namespace emu
