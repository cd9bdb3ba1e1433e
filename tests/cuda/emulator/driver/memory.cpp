#include "memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace emu {

static constexpr uintptr_t APERTURE = 0x100000000000, APERTURE_BYTES = 0x100000000000;
static constexpr size_t PAGE = 4096, GAP = 1 << 16, ALIGNMENT = 512;
static constexpr size_t VECTOR = 16;  // alignment of the widest vector type that a kernel loads
static constexpr unsigned char CANARY = 0xB9;

static size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

static char *reserved(size_t bytes, uintptr_t where = 0) {
    const int fixed = where ? MAP_FIXED_NOREPLACE : 0;
    void *at = mmap(reinterpret_cast<void *>(where), bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char *>(at);
}

static uintptr_t next_address = 0;

Memory::Memory() : first(next_address) {}

static CUdeviceptr new_address(size_t bytes) {
    if (!next_address) next_address = reinterpret_cast<uintptr_t>(reserved(APERTURE_BYTES, APERTURE)) + GAP;
    const uintptr_t address = next_address;
    next_address += rounded(bytes, ALIGNMENT) + GAP;
    return address;
}

bool in_aperture(uintptr_t address) { return address >= APERTURE && address < APERTURE + APERTURE_BYTES; }

// The last byte lies as close to the guard page behind it as vector loads allow.
AllocationPtr new_device_memory(size_t bytes) {
    auto allocation = std::make_shared<Allocation>();
    const size_t inner = rounded(bytes, PAGE);
    allocation->mapping_bytes = inner + 2 * PAGE;
    allocation->mapping = reserved(allocation->mapping_bytes);
    if (mprotect(allocation->mapping + PAGE, inner, PROT_READ | PROT_WRITE)) throw std::bad_alloc();
    std::memset(allocation->mapping + PAGE, CANARY, inner);
    allocation->alias = allocation->mapping + PAGE + inner - rounded(bytes, VECTOR);
    allocation->bytes = bytes;
    allocation->device = new_address(bytes);
    allocation->fill(FRESH);
    return allocation;
}

static char *view(int file, size_t inner, char *mapping) {
    void *at = mmap(mapping + PAGE, inner, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char *>(at);
}

AllocationPtr new_pinned_memory(size_t bytes, bool mapped) {
    auto allocation = std::make_shared<Allocation>();
    const size_t inner = rounded(bytes, PAGE);
    allocation->kind = Allocation::PINNED;
    allocation->bytes = bytes;
    allocation->mapping_bytes = inner + 2 * PAGE;
    allocation->mapping = reserved(allocation->mapping_bytes);
    allocation->host_mapping = reserved(allocation->mapping_bytes);
    const int file = memfd_create("pinned", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(inner))) throw std::bad_alloc();
    allocation->alias = view(file, inner, allocation->mapping);
    allocation->host = view(file, inner, allocation->host_mapping);
    close(file);
    if (mapped) allocation->device = new_address(bytes);
    allocation->fill(FRESH);
    return allocation;
}

AllocationPtr new_registered_memory(void *host, size_t bytes, bool mapped) {
    auto allocation = std::make_shared<Allocation>();
    allocation->kind = Allocation::REGISTERED;
    allocation->bytes = bytes;
    allocation->host = allocation->alias = static_cast<char *>(host);
    if (mapped) allocation->device = new_address(bytes);
    return allocation;
}

Allocation::~Allocation() {
    if (mapping) munmap(mapping, mapping_bytes);
    if (host_mapping) munmap(host_mapping, mapping_bytes);
}

void Allocation::expose(size_t offset, bool all) {
    exposed |= all;
    if (all)
        protect();
    else
        mprotect(host + offset / PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

size_t Allocation::host_bytes() const { return mapping_bytes - 2 * PAGE; }

void Allocation::forbid_host() {
    mmap(host_mapping, mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
         0);
    host_mapping = nullptr;  // stays reserved for ever
}

void Allocation::fill(unsigned char value) { std::memset(alias, value, bytes); }

bool Allocation::is_written(size_t begin, size_t end) const {
    auto next = written.upper_bound(begin);
    return begin == end || (next != written.begin() && std::prev(next)->second >= end);
}

void Allocation::mark_written(size_t begin, size_t end) {
    auto next = written.upper_bound(begin);
    if (next != written.begin() && std::prev(next)->second >= begin) --next;
    while (next != written.end() && next->first <= end) {
        begin = std::min(begin, next->first);
        end = std::max(end, next->second);
        next = written.erase(next);
    }
    written[begin] = end;
}

bool Allocation::is_intact() const {
    if (kind != DEVICE) return true;
    const auto is_canary = [](char byte) { return static_cast<unsigned char>(byte) == CANARY; };
    return std::all_of(mapping + PAGE, alias, is_canary) &&
           std::all_of(alias + bytes, mapping + mapping_bytes - PAGE, is_canary);
}

void Allocation::protect() {
    if (kind != PINNED) return;
    if (uses.empty()) exposed = false;
    mprotect(host, host_bytes(), PROT_READ | PROT_WRITE);
    if (exposed) return;
    for (bool writes : {false, true})
        for (const Use &use : uses)
            if (use.writes == writes) {
                const size_t begin = use.begin / PAGE * PAGE;
                mprotect(host + begin, rounded(use.end, PAGE) - begin, writes ? PROT_NONE : PROT_READ);
            }
}

template <class Map>
static Place place_in(const Map &map, uintptr_t address, size_t slack) {
    auto next = map.upper_bound(address);
    if (next == map.begin()) return {};
    const auto &[base, allocation] = *std::prev(next);
    if (address > base + allocation->bytes + slack) return {};
    return {allocation, address - base, false};
}

template <class Map>
static bool lies_in(const Map &freed, uintptr_t address) {
    auto next = freed.upper_bound(address);
    return next != freed.begin() && address < std::prev(next)->first + std::prev(next)->second;
}

// An address in the gap behind an allocation is taken for one that has left it.
Place Memory::at_device(CUdeviceptr address) const {
    Place place = place_in(by_device, address, GAP / 2);
    if (!place.allocation) place.freed = lies_in(freed, address);
    return place;
}

Place Memory::at_host(const void *address) const {
    Place place = place_in(by_host, reinterpret_cast<uintptr_t>(address), 0);
    if (place.allocation && place.offset == place.allocation->bytes) place = {};
    if (!place.allocation) place.freed = lies_in(freed_host, reinterpret_cast<uintptr_t>(address));
    return place;
}

Place Memory::find(Space space, uintptr_t address) const {
    return space == Space::DEVICE ? at_device(address) : at_host(reinterpret_cast<void *>(address));
}

}  // namespace emu
