#include "fault.hpp"

#include <ucontext.h>
#include <csetjmp>
#include <csignal>
#include <cstdio>

#include "race.hpp"

namespace emu {

static struct sigaction before;
static thread_local sigjmp_buf *way_out = nullptr;

static bool is_write(const void *context) {
    const auto *c = static_cast<const ucontext_t *>(context);
#if defined(__x86_64__)
    return c->uc_mcontext.gregs[REG_ERR] & 2;
#else
    (void)c;
    return true;  // which of the two it was only matters for the sentence
#endif
}

static const Use *use_of(const Allocation &allocation, size_t offset, bool writes) {
    for (const Use &use : allocation.uses)
        if (use.begin <= offset && offset < use.end && (use.writes || writes)) return &use;
    return nullptr;
}

static void note_touch(const Use &use, bool writes) {
    note_violation(writes ? "host-write-in-flight" : "host-read-in-flight", use.what,
                   std::string("the program ") + (writes ? "writes to" : "reads") +
                       " pinned memory that this operation " + (use.writes ? "writes" : "reads") +
                       ", and nothing was waited for that says it is done.");
}

// The program touched protected pinned memory. If an operation uses just these bytes, that is noted, and the
// whole allocation is open until its uses are over, so that one mistake is told once. If an operation only
// uses other bytes of the page, it is no mistake, and the page is open until the next operation comes.
static bool let_host_go_on(uintptr_t address, bool writes) {
    std::lock_guard<std::mutex> lock(world().mutex);
    for (auto &[base, allocation] : world().memory.by_host) {
        const size_t offset = address - base;
        if (allocation->kind != Allocation::PINNED || address < base || offset >= allocation->host_bytes())
            continue;
        const Use *use = use_of(*allocation, offset, writes);
        if (use) note_touch(*use, writes);
        allocation->expose(offset, use != nullptr);
        return true;
    }
    return false;
}

// The last words of the process.
static void tell_why(uintptr_t address) {
    std::lock_guard<std::mutex> lock(world().mutex);
    char sentence[96];
    const bool is_device = in_aperture(address);
    if (!is_device && !world().memory.at_host(reinterpret_cast<void *>(address)).freed) return;
    std::snprintf(sentence, sizeof sentence, "the program touched %s 0x%zx from the host.",
                  is_device ? "the device address" : "freed pinned memory at", address);
    world().settings.quiet = false;
    note_violation(is_device ? "host-touched-device-memory" : "use-after-free", "(host code)", sentence);
}

static void on_fault(int, siginfo_t *info, void *context) {
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (way_out) siglongjmp(*way_out, 1);
    if (let_host_go_on(address, is_write(context))) return;
    tell_why(address);
    sigaction(SIGSEGV, &before, nullptr);  // and fault again
}

void install_fault_handler() {
    struct sigaction now{};
    sigaction(SIGSEGV, nullptr, &now);
    if (now.sa_sigaction == on_fault) return;
    struct sigaction ours{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &ours, &before);
}

bool guarded(const std::function<void()> &kernel) {
    sigjmp_buf here;
    if (sigsetjmp(here, 1)) {
        way_out = nullptr;
        return false;
    }
    way_out = &here;
    kernel();
    way_out = nullptr;
    return true;
}

}  // namespace emu
