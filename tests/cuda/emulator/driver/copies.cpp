// Calls that copy and fill.
#include <cstring>

#include "graph.hpp"
#include "race.hpp"

using namespace emu;

static CUresult refuse_device_range(Call &call, CUdeviceptr address, size_t bytes) {
    const Place place = world().memory.at_device(address);
    if (!place.allocation && place.freed)
        return call.violation("use-after-free", "the device memory has been freed.",
                              CUDA_ERROR_INVALID_VALUE);
    if (!place.allocation)
        return call.violation("unmapped-host-pointer", "a device address is wanted, and this is not one.",
                              CUDA_ERROR_INVALID_VALUE);
    if (place.offset + bytes > place.allocation->bytes)
        return call.violation("out-of-range",
                              std::to_string(bytes) + " bytes at offset " + std::to_string(place.offset) +
                                  " do not fit into an allocation of " +
                                  std::to_string(place.allocation->bytes) + ".",
                              CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
}

// `pageable` tells whether the host memory is not pinned.
static CUresult refuse_host_range(Call &call, const void *host, size_t bytes, bool &pageable) {
    if (in_aperture(reinterpret_cast<uintptr_t>(host)))
        return call.violation("device-pointer-as-host",
                              "a host address is wanted, and this is a device address.",
                              CUDA_ERROR_INVALID_VALUE);
    const Place place = world().memory.at_host(host);
    pageable = !place.allocation;
    if (!pageable && place.offset + bytes > place.allocation->bytes)
        return call.violation("out-of-range", "the copy goes beyond the end of the pinned memory.",
                              CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
}

// Hardware copies pageable memory to a buffer of its own first, or waits: the call only looks asynchronous.
static CUresult note_pageable(Call &call, const Stream &stream) {
    if (stream.capture) {
        stream.capture->is_valid = false;
        return call.violation("pageable-async", "copies of memory that is not pinned cannot be captured.",
                              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    return call.violation("pageable-async", "an asynchronous copy needs pinned host memory.", CUDA_SUCCESS);
}

static Work copy_of(const Call &call, Operand to, Operand from, size_t bytes, Way way) {
    Work work;
    work.what = call.api;
    work.operands = {to, from};
    work.way = way;
    work.run = [bytes](void **views) { std::memmove(views[0], views[1], bytes); };
    return work;
}

static Operand device(CUdeviceptr address, size_t bytes, bool writes) {
    return {Space::DEVICE, address, bytes, writes};
}

static Operand host(const void *address, size_t bytes, bool writes) {
    return {Space::HOST, reinterpret_cast<uintptr_t>(address), bytes, writes};
}

// When a call comes back. Those without Async in their name do not all wait for the end: fills and copies
// within the device come back at once, and a copy of pageable memory to the device when that has been read.
// Streams that do not wait for the default stream are then not ordered with it.
enum class Back { AT_ONCE, ONCE_READ, AT_END };

static CUresult submit(Call &call, CUstream handle, Work work, Back back) {
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    OperationPtr queued;
    if ((result = enqueue(call, stream, {std::move(work)}, {}, &queued))) return result;
    if (back == Back::ONCE_READ) wait_for_run(call, queued);
    if (back == Back::AT_END) wait_for(call, queued);
    return back == Back::AT_ONCE ? CUDA_SUCCESS : call.context->error;
}

// A call that is asynchronous by its name.
static CUresult submit_async(Call &call, CUstream handle, Work work, bool pageable = false) {
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    if (pageable && (result = note_pageable(call, *stream))) return result;
    return submit(call, handle, std::move(work), pageable ? Back::AT_END : Back::AT_ONCE);
}

// One that is not: on the default stream.
static CUresult submit_now(Call &call, Work work, Back back) {
    if (CUresult refusal = refuse_unsafe(call)) return refusal;
    return submit(call, nullptr, std::move(work), back);
}

static CUresult to_device(const char *function, CUdeviceptr to, const void *from, size_t bytes,
                          CUstream stream, bool waits) {
    Call call(function);
    bool pageable = false;
    if (call.refusal || !bytes) return call.refusal;
    if (CUresult refusal = refuse_device_range(call, to, bytes)) return refusal;
    if (CUresult refusal = refuse_host_range(call, from, bytes, pageable)) return refusal;
    Work work = copy_of(call, device(to, bytes, true), host(from, bytes, false), bytes, Way::H2D);
    if (waits) return submit_now(call, std::move(work), pageable ? Back::ONCE_READ : Back::AT_END);
    return submit_async(call, stream, std::move(work), pageable);
}

static CUresult to_host(const char *function, void *to, CUdeviceptr from, size_t bytes, CUstream stream,
                        bool waits) {
    Call call(function);
    bool pageable = false;
    if (call.refusal || !bytes) return call.refusal;
    if (CUresult refusal = refuse_device_range(call, from, bytes)) return refusal;
    if (CUresult refusal = refuse_host_range(call, to, bytes, pageable)) return refusal;
    Work work = copy_of(call, host(to, bytes, true), device(from, bytes, false), bytes, Way::D2H);
    if (waits) return submit_now(call, std::move(work), Back::AT_END);
    return submit_async(call, stream, std::move(work), pageable);
}

static CUresult within(const char *function, CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream,
                       bool waits) {
    Call call(function);
    if (call.refusal || !bytes) return call.refusal;
    if (CUresult refusal = refuse_device_range(call, to, bytes)) return refusal;
    if (CUresult refusal = refuse_device_range(call, from, bytes)) return refusal;
    Work work = copy_of(call, device(to, bytes, true), device(from, bytes, false), bytes, Way::D2D);
    if (waits) return submit_now(call, std::move(work), Back::AT_ONCE);
    return submit_async(call, stream, std::move(work));
}

template <class Value>
static CUresult fill(const char *function, CUdeviceptr to, Value value, size_t count, CUstream stream,
                     bool waits) {
    Call call(function);
    if (call.refusal || !count) return call.refusal;
    const size_t bytes = count * sizeof(Value);
    if (CUresult refusal = refuse_device_range(call, to, bytes)) return refusal;
    Work work;
    work.what = call.api;
    work.operands = {device(to, bytes, true)};
    work.run = [value, count](void **views) {
        for (size_t i = 0; i < count; i++)
            std::memcpy(static_cast<char *>(views[0]) + i * sizeof value, &value, sizeof value);
    };
    if (waits) return submit_now(call, std::move(work), Back::AT_ONCE);
    return submit_async(call, stream, std::move(work));
}

EMU_API CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) {
    return to_device(__func__, to, from, bytes, nullptr, true);
}
EMU_API CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    return to_device(__func__, to, from, bytes, stream, false);
}
EMU_API CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes) {
    return to_host(__func__, to, from, bytes, nullptr, true);
}
EMU_API CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return to_host(__func__, to, from, bytes, stream, false);
}
EMU_API CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return within(__func__, to, from, bytes, nullptr, true);
}
EMU_API CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return within(__func__, to, from, bytes, stream, false);
}
EMU_API CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t count) {
    return fill(__func__, to, value, count, nullptr, true);
}
EMU_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream, false);
}
EMU_API CUresult cuMemsetD16(CUdeviceptr to, unsigned short value, size_t count) {
    return fill(__func__, to, value, count, nullptr, true);
}
EMU_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream, false);
}
EMU_API CUresult cuMemsetD32(CUdeviceptr to, unsigned value, size_t count) {
    return fill(__func__, to, value, count, nullptr, true);
}
EMU_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream, false);
}
