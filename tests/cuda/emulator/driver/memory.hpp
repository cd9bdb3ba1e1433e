// Device memory, pinned host memory, and who uses which bytes of them.
//
// A device address is a number in a range that the host can neither read nor write ("the aperture"); the
// bytes lie elsewhere, at `alias`, between two guard pages, where only operations get at them. Addresses are
// never given out twice, so what has been freed is known for ever. Pinned memory has two mappings of the same
// pages: `host`, which the program sees and whose protection follows what operations do with it, and `alias`
// for them.
#pragma once
#include <cuda.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clock.hpp"

namespace emu {

struct Context;

enum class Space { DEVICE, HOST };  // how an address was given

// An operation's use of some bytes, until the host knows that the operation is done.
struct Use {
    size_t begin, end;  // offsets in the allocation
    bool writes;
    size_t stream;
    uint64_t tick;
    std::string what;
};

struct Allocation {
    enum Kind { DEVICE, PINNED, REGISTERED } kind = DEVICE;
    CUdeviceptr device = 0;  // its address in the aperture; 0: the device cannot see it
    char *host = nullptr;    // its address for the program; null for device memory
    char *alias = nullptr;   // its address for operations
    size_t bytes = 0;
    unsigned flags = 0;  // of cuMemHostAlloc
    bool alive = true;
    bool exposed = false;  // protection given up until all its uses are over
    std::weak_ptr<Context> context;
    std::vector<Use> uses;
    std::map<size_t, size_t> written;  // device memory that something was written to: begin -> end

    Allocation() = default;
    Allocation(const Allocation &) = delete;
    Allocation &operator=(const Allocation &) = delete;
    ~Allocation();

    bool is_written(size_t begin, size_t end) const;
    void mark_written(size_t begin, size_t end);
    bool is_intact() const;  // whether nothing was written beside it
    void protect();          // let the host do with it what its uses allow
    void fill(unsigned char value);
    void expose(size_t offset, bool all);  // give up the protection of the page there, or of all
    size_t host_bytes() const;             // whole pages
    void forbid_host();                    // let the host touch it never again

    char *mapping = nullptr;  // all of what was mapped for `alias`, guard pages included
    size_t mapping_bytes = 0;
    char *host_mapping = nullptr;  // the same for `host`
};

using AllocationPtr = std::shared_ptr<Allocation>;

// The bytes that an address stands for.
struct Place {
    AllocationPtr allocation;  // null: none that is known
    size_t offset = 0;
    bool freed = false;  // there was one once
};

struct Memory {
    Memory();

    CUdeviceptr first;  // lower ones are of before the last reset, and no one's fault
    std::map<CUdeviceptr, AllocationPtr> by_device;
    std::map<uintptr_t, AllocationPtr> by_host;
    std::map<CUdeviceptr, size_t> freed;     // addresses in the aperture
    std::map<uintptr_t, size_t> freed_host;  // addresses of pinned memory; nothing else comes to lie there
    std::vector<AllocationPtr> used;         // those with uses
    uint64_t device_bytes = 0;

    Place at_device(CUdeviceptr address) const;
    Place at_host(const void *address) const;
    Place find(Space space, uintptr_t address) const;
};

bool in_aperture(uintptr_t address);
AllocationPtr new_device_memory(size_t bytes);
AllocationPtr new_pinned_memory(size_t bytes, bool mapped);
AllocationPtr new_registered_memory(void *host, size_t bytes, bool mapped);

constexpr unsigned char FRESH = 0xCD;      // what new device memory is filled with
constexpr unsigned char FREED = 0xDD;      // what freed device memory is filled with
constexpr unsigned char IN_FLIGHT = 0xEE;  // what host memory that a copy will write to is filled with

}  // namespace emu
