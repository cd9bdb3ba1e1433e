#include "execution.hpp"

#include <sstream>
#include <thread>

#include "fault.hpp"
#include "race.hpp"

namespace emu {

// The same for the same seed, stream and operation, whatever the threads do meanwhile: half of them none,
// some short, a few long ones.
static unsigned delay_of(const Operation &operation, size_t piece) {
    const Settings &settings = world().settings;
    if (!settings.delay_us) return 0;
    uint64_t bits = settings.seed * 0x9E3779B97F4A7C15 + operation.stream * 0xBF58476D1CE4E5B9 +
                    operation.tick * 0x94D049BB133111EB + piece;
    for (int i = 0; i < 2; i++) bits = (bits ^ (bits >> 31)) * 0xD6E8FEB86659FD93;
    const unsigned longest = bits % 8 < 4 ? 0 : bits % 8 < 7 ? settings.delay_us / 10 : settings.delay_us;
    return static_cast<unsigned>((bits >> 32) % (longest + 1));
}

static void note_executed(const Operation &operation, const Work &work, unsigned delay) {
    auto &executed = world().books.executed;
    if (executed.size() == 4096) executed.pop_front();
    executed.push_back({operation.stream, operation.tick, work.what, delay});
}

static CUresult broken(const Work &work, const char *kind, const std::string &sentence) {
    note_violation(kind, work.what, sentence);
    return CUDA_ERROR_ILLEGAL_ADDRESS;
}

static std::string hex(uintptr_t address) {
    std::ostringstream text;
    text << "0x" << std::hex << address;
    return text.str();
}

// Where an operand's bytes are; null with a violation noted where it has none.
static void *view_of(const Work &work, const Operand &operand, AllocationPtr &held) {
    const Place place = world().memory.find(operand.space, operand.address);
    if (!place.allocation) {
        const bool is_host = operand.space == Space::HOST;
        if (is_host && !place.freed) return reinterpret_cast<void *>(operand.address);  // pageable
        if (place.freed)
            broken(work, "use-after-free",
                   std::string("uses ") + (is_host ? "pinned" : "device") + " memory " +
                       hex(operand.address) + ", which has been freed.");
        else
            broken(work, "unmapped-host-pointer",
                   "takes " + hex(operand.address) + " for device memory; it is not.");
        return nullptr;
    }
    held = place.allocation;
    const size_t there = place.offset < held->bytes ? held->bytes - place.offset : 0;
    if (operand.bytes > there || (!operand.bytes && !there)) {
        broken(work, "out-of-range",
               "uses " + std::to_string(operand.bytes) + " bytes at offset " + std::to_string(place.offset) +
                   " of an allocation of " + std::to_string(held->bytes) + ".");
        return nullptr;
    }
    return held->alias + place.offset;
}

static void check_content(const Work &work, const Operand &operand, const Allocation &allocation,
                          const char *view) {
    const size_t begin = static_cast<size_t>(view - allocation.alias);
    if (operand.checksum && operand.checksum != checksum(view, operand.bytes))
        note_violation("host-write-in-flight", work.what,
                       "the host bytes that it read were changed after the call and before the copy ran.");
    if (allocation.kind != Allocation::DEVICE || operand.writes) return;
    const bool is_written =
        operand.bytes ? allocation.is_written(begin, begin + operand.bytes) : !allocation.written.empty();
    if (!is_written)
        note_violation("uninitialised-read", work.what, "reads device memory that nothing was written to.");
}

static void count(const Work &work) {
    if (work.way == Way::NONE) return;
    Traffic &traffic = world().books.traffic[work.way];
    traffic.copies++;
    traffic.bytes += work.operands.front().bytes;
}

static CUresult after_run(const Work &work, const std::vector<AllocationPtr> &held,
                          const std::vector<void *> &views) {
    CUresult result = CUDA_SUCCESS;
    for (size_t i = 0; i < held.size(); i++) {
        Allocation *allocation = held[i].get();
        if (!allocation || !work.operands[i].writes) continue;
        const size_t begin = static_cast<size_t>(static_cast<char *>(views[i]) - allocation->alias);
        const size_t bytes = work.operands[i].bytes;
        if (allocation->alive) allocation->mark_written(begin, bytes ? begin + bytes : allocation->bytes);
        if (!allocation->is_intact())
            result = broken(work, "out-of-range",
                            "wrote beside an allocation of " + std::to_string(allocation->bytes) + " bytes.");
    }
    count(work);
    return result;
}

static CUresult run(std::unique_lock<std::mutex> &lock, Work &work) {
    auto &failures = world().books.failures["execution"];
    if (!failures.empty()) {
        const CUresult failure = failures.front();
        failures.pop_front();
        return failure;
    }
    std::vector<AllocationPtr> held(work.operands.size());
    std::vector<void *> views(work.operands.size());
    for (size_t i = 0; i < views.size(); i++) {
        views[i] = view_of(work, work.operands[i], held[i]);
        if (!views[i]) return CUDA_ERROR_ILLEGAL_ADDRESS;
        if (held[i]) check_content(work, work.operands[i], *held[i], static_cast<char *>(views[i]));
    }
    lock.unlock();
    const bool went_well =
        work.is_kernel ? guarded([&] { work.run(views.data()); }) : (work.run(views.data()), true);
    lock.lock();
    if (!went_well) return broken(work, "out-of-range", "the kernel read or wrote outside of its buffers.");
    return after_run(work, held, views);
}

void execute(std::unique_lock<std::mutex> &lock, const std::shared_ptr<Context> &context,
             Operation &operation) {
    for (size_t piece = 0; piece < operation.works.size(); piece++) {
        if (!context || !context->alive || context->error || world().books.lost) return;
        Work &work = operation.works[piece];
        const unsigned delay = delay_of(operation, piece);
        note_executed(operation, work, delay);
        if (delay) {
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::microseconds(delay));
            lock.lock();
            if (!context->alive) return;
        }
        if (CUresult error = run(lock, work)) context->error = error;
    }
    operation.works.clear();  // lets go of what the callbacks hold
}

}  // namespace emu
