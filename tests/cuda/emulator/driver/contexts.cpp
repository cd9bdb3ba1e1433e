// The driver, devices and contexts.
#include <cstdio>
#include <cstring>

#include "event.hpp"
#include "fault.hpp"
#include "graph.hpp"
#include "module.hpp"
#include "race.hpp"
#include "stream.hpp"

using namespace emu;

EMU_API CUresult cuInit(unsigned) {
    Call call(__func__, Needs::NOTHING);
    if (call.refusal) return call.refusal;
    if (!world().settings.devices) return CUDA_ERROR_NO_DEVICE;
    world().initialised = true;
    install_fault_handler();
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDriverGetVersion(int *version) {
    Call call(__func__, Needs::NOTHING);
    if (call.refusal) return call.refusal;
    *version = world().settings.driver_version;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetCount(int *count) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    *count = world().settings.devices;
    return CUDA_SUCCESS;
}

static CUresult refuse_device(Call &call, CUdevice device) {
    if (call.refusal) return call.refusal;
    return device < 0 || device >= world().settings.devices ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, ordinal)) return refusal;
    *device = ordinal;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    std::snprintf(name, static_cast<size_t>(length), "%s", world().settings.name.c_str());
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    std::snprintf(id, static_cast<size_t>(length), "0000:%02x:00.0", static_cast<unsigned>(device + 1));
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *major = world().settings.major;
    *minor = world().settings.minor;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *bytes = world().settings.total_memory;
    return CUDA_SUCCESS;
}

static int attribute(CUdevice_attribute which) {
    const Settings &settings = world().settings;
    switch (which) {
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return settings.major;
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return settings.minor;
        case CU_DEVICE_ATTRIBUTE_INTEGRATED: return settings.integrated;
        case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY: return 1;
        case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: return 1;
        case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS: return 1;
        case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: return settings.integrated ? 1 : 2;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return 16;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: return 1024;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: return 64;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return 0x7FFFFFFF;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: return 65535;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: return 65535;
        case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
        case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1500000;
        case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 7000000;
        case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 128;
        default: return 0;
    }
}

EMU_API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *value = attribute(which);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    if (CUresult refusal = refuse_device(call, peer)) return refusal;
    *can = 0;
    return CUDA_SUCCESS;
}

static CUcontext new_context(CUdevice device, bool primary) {
    auto context = std::make_shared<Context>();
    context->device = device;
    context->primary = primary;
    return world().contexts.add<CUcontext>(context);
}

static void push(const std::shared_ptr<Context> &context, CUcontext handle) {
    Thread &thread = this_thread();
    thread.stack.push_back({context, handle, thread.calls});
}

static void note_leaks(Call &call, const Context &context) {
    std::string leaks;
    for (auto &[kind, n] : live_objects(&context))
        if (n) leaks += (leaks.empty() ? "" : ", ") + std::to_string(n) + " " + kind;
    if (!leaks.empty())
        call.violation("leak", "the context is released with live objects in it: " + leaks + ".", CUDA_SUCCESS);
}

static bool is_idle(const Stream &stream) { return !stream.last || host_knows(stream.id, stream.last->tick); }

static void note_pending(Call &call, const std::shared_ptr<Context> &context) {
    bool idle = !context->legacy || is_idle(*context->legacy);
    for (auto &[handle, stream] : world().streams.live) idle &= stream->context.lock() != context || is_idle(*stream);
    if (!idle)
        call.violation("freed-in-use", "the context is released while work may be going on: wait first.",
                       CUDA_SUCCESS);
}

template <class Map>
static void drop(Map &map, const std::shared_ptr<Context> &context) {
    for (auto next = map.begin(); next != map.end();)
        next = next->second->context.lock() == context ? map.erase(next) : std::next(next);
}

static void destroy(Call &call, const std::shared_ptr<Context> &context, CUcontext handle) {
    note_leaks(call, *context);
    note_pending(call, context);
    context->alive = false;
    for (auto &[other, stream] : world().streams.live)
        if (stream->context.lock() == context) close_stream(*stream);
    if (context->legacy) close_stream(*context->legacy);
    drop(world().streams.live, context);
    drop(world().events.live, context);
    drop(world().modules.live, context);
    drop(world().execs.live, context);
    world().contexts.remove(handle);
}

EMU_API CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    install_fault_handler();
    auto &[handle, references] = world().primaries[device];
    if (!references++) handle = new_context(device, true);
    *out = handle;
    return CUDA_SUCCESS;
}

// pycuda's detach() pushes the context and releases it in the very next call, though a primary context is not
// popped by that: so it stays on the thread's stack for ever. That is pycuda's doing, not the program's.
static void look_at_stack(Call &call, const std::shared_ptr<Context> &context) {
    for (Pushed &pushed : this_thread().stack) {
        if (pushed.context != context || pushed.forgiven) continue;
        if (pushed.at_call + 1 == this_thread().calls)
            pushed.forgiven = true;
        else
            call.violation("released-while-current", "this thread releases the context before it has popped it.",
                           CUDA_SUCCESS);
    }
}

EMU_API CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (call.refusal && !call.gone) return call.refusal;
    auto found = world().primaries.find(device);
    if (found == world().primaries.end() || !found->second.second)
        return call.violation("over-released", "the primary context is released more often than it was retained.",
                              CUDA_ERROR_INVALID_CONTEXT);
    auto &[handle, references] = found->second;
    auto context = world().contexts.find(handle);
    look_at_stack(call, context);
    if (!--references) destroy(call, context, handle);
    return call.refusal;
}

EMU_API CUresult cuCtxCreate(CUcontext *out, CUctxCreateParams *, unsigned, CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (CUresult refusal = refuse_device(call, device)) return refusal;
    *out = new_context(device, false);
    push(world().contexts.find(*out), *out);
    return CUDA_SUCCESS;
}

static CUresult destroy_created(const char *function, CUcontext handle) {
    Call call(function, Needs::INIT);
    if (call.refusal && !call.gone) return call.refusal;
    auto context = world().contexts.find(handle);
    if (!context) return call.no_such("context", handle);
    if (context->primary)
        return call.violation("invalid-handle", "a primary context is released, not destroyed.",
                              CUDA_ERROR_INVALID_CONTEXT);
    auto &stack = this_thread().stack;
    if (!stack.empty() && stack.back().context == context) stack.pop_back();
    destroy(call, context, handle);
    return call.refusal;
}

EMU_API CUresult cuCtxDetach(CUcontext handle) { return destroy_created(__func__, handle); }
EMU_API CUresult cuCtxDestroy(CUcontext handle) { return destroy_created(__func__, handle); }

EMU_API CUresult cuCtxPushCurrent(CUcontext handle) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    auto context = world().contexts.find(handle);
    if (!context) return call.no_such("context", handle);
    install_fault_handler();
    push(context, handle);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuCtxPopCurrent(CUcontext *out) {
    Call call(__func__, Needs::INIT);
    if (call.refusal && !call.gone) return call.refusal;
    auto &stack = this_thread().stack;
    if (stack.empty())
        return call.violation("pop-empty", "this thread pops a context, and has none.", CUDA_ERROR_INVALID_CONTEXT);
    if (out) *out = stack.back().handle;
    stack.pop_back();
    return CUDA_SUCCESS;
}

EMU_API CUresult cuCtxGetCurrent(CUcontext *out) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    *out = call.context ? this_thread().stack.back().handle : nullptr;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuCtxGetDevice(CUdevice *device) {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    *device = call.context->device;
    return CUDA_SUCCESS;
}

EMU_API CUresult cuCtxGetApiVersion(CUcontext, unsigned *version) {
    Call call(__func__, Needs::INIT);
    if (call.refusal) return call.refusal;
    *version = static_cast<unsigned>(world().settings.driver_version);
    return CUDA_SUCCESS;
}

EMU_API CUresult cuCtxSynchronize() {
    Call call(__func__);
    if (call.refusal) return call.refusal;
    if (CUresult refusal = refuse_if_any_captured(call)) return refusal;
    std::vector<StreamPtr> streams;
    for (auto &[handle, stream] : world().streams.live)
        if (stream->context.lock() == call.context) streams.push_back(stream);
    if (call.context->legacy) streams.push_back(call.context->legacy);
    for (auto &stream : streams) synchronize(call, stream);
    return call.context->error;
}

static const char *name_of(CUresult error) {
    switch (error) {
#define NAME(code) case code: return #code
        NAME(CUDA_SUCCESS); NAME(CUDA_ERROR_INVALID_VALUE); NAME(CUDA_ERROR_OUT_OF_MEMORY);
        NAME(CUDA_ERROR_NOT_INITIALIZED); NAME(CUDA_ERROR_NO_DEVICE); NAME(CUDA_ERROR_INVALID_DEVICE);
        NAME(CUDA_ERROR_INVALID_IMAGE); NAME(CUDA_ERROR_INVALID_CONTEXT); NAME(CUDA_ERROR_NO_BINARY_FOR_GPU);
        NAME(CUDA_ERROR_INVALID_PTX); NAME(CUDA_ERROR_FILE_NOT_FOUND); NAME(CUDA_ERROR_INVALID_HANDLE);
        NAME(CUDA_ERROR_ILLEGAL_STATE); NAME(CUDA_ERROR_NOT_FOUND); NAME(CUDA_ERROR_NOT_READY);
        NAME(CUDA_ERROR_ILLEGAL_ADDRESS); NAME(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
        NAME(CUDA_ERROR_LAUNCH_TIMEOUT); NAME(CUDA_ERROR_CONTEXT_IS_DESTROYED);
        NAME(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED); NAME(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
        NAME(CUDA_ERROR_LAUNCH_FAILED); NAME(CUDA_ERROR_NOT_SUPPORTED); NAME(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED); NAME(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
        NAME(CUDA_ERROR_STREAM_CAPTURE_ISOLATION); NAME(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
        NAME(CUDA_ERROR_CAPTURED_EVENT); NAME(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD); NAME(CUDA_ERROR_UNKNOWN);
#undef NAME
        default: return "CUDA_ERROR";
    }
}

// Not hardware's texts, but the names, which say as much: "CUDA_ERROR_OUT_OF_MEMORY" is "out of memory".
EMU_API CUresult cuGetErrorString(CUresult error, const char **text) {
    static std::map<CUresult, std::string> *texts = new std::map<CUresult, std::string>;
    Call call(__func__, Needs::NOTHING);
    std::string &known = (*texts)[error];
    if (known.empty()) {
        const char *name = name_of(error);
        known = std::strlen(name) > 11 && !std::strncmp(name, "CUDA_ERROR_", 11) ? name + 11 : name;
        if (known == "CUDA_ERROR") known = "error " + std::to_string(error);
        for (char &c : known) c = c == '_' ? ' ' : static_cast<char>(std::tolower(c));
    }
    *text = known.c_str();
    return CUDA_SUCCESS;
}

EMU_API CUresult cuGetErrorName(CUresult error, const char **name) {
    Call call(__func__, Needs::NOTHING);
    *name = name_of(error);
    return CUDA_SUCCESS;
}
