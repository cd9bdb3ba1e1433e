// Contexts: the primary one of each device, and those that are created.
#include "event.hpp"
#include "fault.hpp"
#include "graph.hpp"
#include "module.hpp"
#include "race.hpp"
#include "stream.hpp"

using namespace emu;

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
        call.violation("leak", "the context is released with live objects in it: " + leaks + ".",
                       CUDA_SUCCESS);
}

static bool is_idle(const Stream &stream) { return !stream.last || host_knows(stream.id, stream.last->tick); }

static void note_pending(Call &call, const std::shared_ptr<Context> &context) {
    bool idle = !context->legacy || is_idle(*context->legacy);
    for (auto &[handle, stream] : world().streams.live)
        idle &= stream->context.lock() != context || is_idle(*stream);
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
    // What a kernel has broken stays broken until the process ends.
    if (!references && world().spoilt[device]) return world().spoilt[device];
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
            call.violation("released-while-current",
                           "this thread releases the context before it has popped it.", CUDA_SUCCESS);
    }
}

EMU_API CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    Call call(__func__, Needs::INIT);
    if (call.refusal && !call.gone) return call.refusal;
    auto found = world().primaries.find(device);
    if (found == world().primaries.end() || !found->second.second)
        return call.violation("over-released",
                              "the primary context is released more often than it was retained.",
                              CUDA_ERROR_INVALID_CONTEXT);
    auto &[handle, references] = found->second;
    auto context = world().contexts.find(handle);
    look_at_stack(call, context);
    if (!--references) {
        world().spoilt[device] = context->error;
        destroy(call, context, handle);
    }
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
        return call.violation("pop-empty", "this thread pops a context, and has none.",
                              CUDA_ERROR_INVALID_CONTEXT);
    if (out) *out = stack.back().handle;
    stack.pop_back();
    return CUDA_SUCCESS;  // even if the device is lost: pycuda would abort the process when the thread ends
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
    streams.insert(streams.end(), call.context->closing.begin(), call.context->closing.end());
    call.context->closing.clear();
    for (auto &stream : streams) synchronize(call, stream);
    return call.context->error;
}
