#include "race.hpp"

#include <cstring>

namespace emu {

uint64_t checksum(const char *bytes, size_t count) {
    uint64_t sum = 0x9E3779B97F4A7C15;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        std::memcpy(&word, bytes, 8);
        sum = (sum ^ word) * 0xD6E8FEB86659FD93;
        sum ^= sum >> 32;
    }
    for (; count; bytes++, count--) sum = (sum ^ static_cast<unsigned char>(*bytes)) * 0x100000001B3;
    return sum | 1;
}

static bool overlap(const Use &one, const Use &other) {
    return one.begin < other.end && other.begin < one.end;
}

// Uses that `use` makes unnecessary to remember: whoever is ordered after it is ordered after them.
static void supersede(std::vector<Use> &uses, const Use &use) {
    uses.erase(std::remove_if(uses.begin(), uses.end(),
                              [&](const Use &old) {
                                  return old.stream == use.stream && use.begin <= old.begin &&
                                         old.end <= use.end && (use.writes || !old.writes);
                              }),
               uses.end());
}

static void check_order(const std::string &api, const Stream &stream, const Operation &operation,
                        const Use &use, const Allocation &allocation) {
    for (const Use &old : allocation.uses) {
        if (old.stream == use.stream || !(old.writes || use.writes) || !overlap(old, use)) continue;
        if (at(operation.clock, old.stream) >= old.tick) continue;
        note_violation("race", api,
                       use.what + " on " + stream.name() + (use.writes ? " writes" : " reads") + " what " +
                           old.what + " on stream " + std::to_string(old.stream) +
                           (old.writes ? " writes" : " reads") +
                           ", and nothing orders the two: wait for an event, or use one stream.");
        return;
    }
}

// Rubbish where a copy will write, so that who reads too early gets rubbish; a checksum of what it will read.
static void prepare_host_bytes(Operand &operand, const Allocation &allocation, const Use &use) {
    for (const Use &old : allocation.uses)
        if (overlap(old, use) && (old.writes || use.writes)) return;
    if (use.writes)
        std::memset(allocation.alias + use.begin, IN_FLIGHT, use.end - use.begin);
    else
        operand.checksum = checksum(allocation.alias + use.begin, use.end - use.begin);
}

static void note_use(const std::string &api, const Stream &stream, const Operation &operation,
                     const Work &work, Operand &operand) {
    const Place place = world().memory.find(operand.space, operand.address);
    if (!place.allocation) return;  // found again, and reported, when it runs
    Allocation &allocation = *place.allocation;
    const size_t bytes =
        operand.bytes ? operand.bytes : allocation.bytes - std::min(place.offset, allocation.bytes);
    const Use use{place.offset,   std::min(place.offset + bytes, allocation.bytes),
                  operand.writes, stream.id,
                  operation.tick, work.what};
    if (use.begin >= use.end) return;
    check_order(api, stream, operation, use, allocation);
    if (operand.space == Space::HOST) prepare_host_bytes(operand, allocation, use);
    if (allocation.uses.empty()) world().memory.used.push_back(place.allocation);
    supersede(allocation.uses, use);
    allocation.uses.push_back(use);
    allocation.protect();
}

void note_uses(const std::string &api, const Stream &stream, Operation &operation) {
    for (Work &work : operation.works)
        for (Operand &operand : work.operands) note_use(api, stream, operation, work, operand);
}

void drop_known_uses() {
    auto &used = world().memory.used;
    const auto is_known = [](const Use &use) { return host_knows(use.stream, use.tick); };
    used.erase(std::remove_if(used.begin(), used.end(),
                              [&](const AllocationPtr &allocation) {
                                  auto &uses = allocation->uses;
                                  const size_t before = uses.size();
                                  uses.erase(std::remove_if(uses.begin(), uses.end(), is_known), uses.end());
                                  if (uses.size() != before && allocation->alive) allocation->protect();
                                  return uses.empty();
                              }),
               used.end());
}

std::string pending_use(const Allocation &allocation) {
    for (const Use &use : allocation.uses)
        if (!host_knows(use.stream, use.tick)) return use.what + " on stream " + std::to_string(use.stream);
    return "";
}

}  // namespace emu
