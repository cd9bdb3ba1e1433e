// Vector clocks: what is known to have happened before what.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace emu {

// Counts operations by stream id. An operation knows of all those whose tick its clock has reached.
using Clock = std::vector<uint64_t>;

inline uint64_t at(const Clock &clock, size_t stream) { return stream < clock.size() ? clock[stream] : 0; }

inline void raise(Clock &clock, size_t stream, uint64_t tick) {
    if (stream >= clock.size()) clock.resize(stream + 1);
    clock[stream] = std::max(clock[stream], tick);
}

inline void join(Clock &clock, const Clock &other) {
    if (clock.size() < other.size()) clock.resize(other.size());
    for (size_t i = 0; i < other.size(); i++) clock[i] = std::max(clock[i], other[i]);
}

}  // namespace emu
