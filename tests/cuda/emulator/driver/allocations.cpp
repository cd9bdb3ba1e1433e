// Calls that allocate, free and describe memory.
#include <new>

#include "fault.hpp"
#include "graph.hpp"
#include "race.hpp"

using namespace emu;

static CUresult allocate(Call &call, CUdeviceptr *out, size_t bytes) {
    if (!bytes) return call.violation("invalid-value", "asks for no bytes.", CUDA_ERROR_INVALID_VALUE);
    World &w = world();
    if (bytes > w.settings.total_memory || w.memory.device_bytes > w.settings.total_memory - bytes)
        return CUDA_ERROR_OUT_OF_MEMORY;
    try {
        AllocationPtr allocation = new_device_memory(bytes);
        allocation->context = call.context;
        w.memory.by_device[allocation->device] = allocation;
        w.memory.device_bytes += bytes;
        *out = allocation->device;
        return CUDA_SUCCESS;
    } catch (const std::bad_alloc &) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
}

EMU_API CUresult cuMemAlloc(CUdeviceptr *out, size_t bytes) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    return allocate(call, out, bytes);
}

EMU_API CUresult cuMemAllocPitch(CUdeviceptr *out, size_t *pitch, size_t width, size_t height, unsigned) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    *pitch = (width + 511) / 512 * 512;
    return allocate(call, out, *pitch * height);
}

static void note_pending(Call &call, const Allocation &allocation) {
    const std::string user = pending_use(allocation);
    if (!user.empty())
        call.violation("freed-in-use", "freed while " + user + " may still use it: wait for that first.",
                       CUDA_SUCCESS);
}

static void forget_device_memory(Memory &memory, const AllocationPtr &allocation) {
    allocation->alive = false;
    memory.by_device.erase(allocation->device);
    memory.freed[allocation->device] = allocation->bytes;
    if (allocation->kind == Allocation::DEVICE) memory.device_bytes -= allocation->bytes;
}

EMU_API CUresult cuMemFree(CUdeviceptr address) {
    Call call(__func__);
    if (call.refusal && !call.gone) return call.refusal;
    Memory &memory = world().memory;
    const auto found = memory.by_device.find(address);
    if (found == memory.by_device.end() || found->second->kind != Allocation::DEVICE) {
        const bool freed = memory.freed.count(address);
        if (in_aperture(address) && address < memory.first) return CUDA_ERROR_INVALID_VALUE;
        return call.violation(
            freed ? "double-free" : "invalid-value",
            freed ? "the memory has been freed already." : "this is not what cuMemAlloc gave.",
            CUDA_ERROR_INVALID_VALUE);
    }
    if (!call.refusal)
        if (CUresult refusal = refuse_unsafe(call)) return refusal;
    const AllocationPtr allocation = found->second;
    if (!call.refusal) note_pending(call, *allocation);
    if (!allocation->is_intact())
        call.violation("out-of-range", "something wrote beside this allocation.", CUDA_SUCCESS);
    allocation->fill(FREED);
    forget_device_memory(memory, allocation);
    return call.refusal;
}

EMU_API CUresult cuMemGetInfo(size_t *available, size_t *total) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    *total = world().settings.total_memory;
    *available = *total - world().memory.device_bytes;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuMemGetAddressRange(CUdeviceptr *base, size_t *bytes, CUdeviceptr address) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    const Place place = world().memory.at_device(address);
    if (!place.allocation || place.offset >= place.allocation->bytes) return CUDA_ERROR_NOT_FOUND;
    if (base) *base = place.allocation->device;
    if (bytes) *bytes = place.allocation->bytes;
    return CUDA_SUCCESS;
}

static void enter_host_memory(const Call &call, const AllocationPtr &allocation, unsigned flags) {
    allocation->context = call.context;
    allocation->flags = flags;
    world().memory.by_host[reinterpret_cast<uintptr_t>(allocation->host)] = allocation;
    if (allocation->device) world().memory.by_device[allocation->device] = allocation;
}

EMU_API CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned flags) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    if (!bytes) return call.violation("invalid-value", "asks for no bytes.", CUDA_ERROR_INVALID_VALUE);
    install_fault_handler();
    try {
        AllocationPtr allocation = new_pinned_memory(bytes, flags & CU_MEMHOSTALLOC_DEVICEMAP);
        enter_host_memory(call, allocation, flags);
        *out = allocation->host;
        return CUDA_SUCCESS;
    } catch (const std::bad_alloc &) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
}

EMU_API CUresult cuMemHostRegister(void *host, size_t bytes, unsigned flags) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    if (world().memory.at_host(host).allocation) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    enter_host_memory(call, new_registered_memory(host, bytes, flags & CU_MEMHOSTREGISTER_DEVICEMAP), flags);
    return CUDA_SUCCESS;
}

// Gone at once: who touches it afterwards crashes, as on hardware, and is told why.
static CUresult forget_host_memory(Call &call, void *host, Allocation::Kind kind, CUresult unknown) {
    if (call.refusal && !call.gone) return call.refusal;
    Memory &memory = world().memory;
    const auto found = memory.by_host.find(reinterpret_cast<uintptr_t>(host));
    if (found == memory.by_host.end() || found->second->kind != kind)
        return call.violation("double-free", "there is no such pinned memory (any more).", unknown);
    if (!call.refusal)
        if (CUresult refusal = refuse_unsafe(call)) return refusal;
    const AllocationPtr allocation = found->second;
    if (!call.refusal) note_pending(call, *allocation);
    memory.by_host.erase(found);
    if (allocation->device) forget_device_memory(memory, allocation);
    allocation->alive = false;
    if (kind == Allocation::PINNED) {
        memory.freed_host[reinterpret_cast<uintptr_t>(host)] = allocation->bytes;
        allocation->forbid_host();
    }
    return call.refusal;
}

EMU_API CUresult cuMemFreeHost(void *host) {
    Call call(__func__);
    return forget_host_memory(call, host, Allocation::PINNED, CUDA_ERROR_INVALID_VALUE);
}

EMU_API CUresult cuMemHostUnregister(void *host) {
    Call call(__func__);
    return forget_host_memory(call, host, Allocation::REGISTERED, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

EMU_API CUresult cuMemHostGetFlags(unsigned *flags, void *host) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    const Place place = world().memory.at_host(host);
    if (!place.allocation) return CUDA_ERROR_INVALID_VALUE;
    *flags = place.allocation->flags;
    return CUDA_SUCCESS;
}

// Hardware with one address space would give the host address back. A program that skips this call must
// not get away with it.
EMU_API CUresult cuMemHostGetDevicePointer(CUdeviceptr *device, void *host, unsigned) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    const Place place = world().memory.at_host(host);
    if (!place.allocation || !place.allocation->device)
        return call.violation("unmapped-host-pointer", "this is not pinned memory allocated with DEVICEMAP.",
                              CUDA_ERROR_INVALID_VALUE);
    *device = place.allocation->device + place.offset;
    return CUDA_SUCCESS;
}
