// One call into the driver: counted, made to fail where that was asked for, checked for its context.
#pragma once
#include <cuda.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "world.hpp"

#define EMU_API extern "C" __attribute__((visibility("default")))

namespace emu {

enum class Needs { NOTHING, INIT, CONTEXT };

struct Pushed {
    std::shared_ptr<Context> context;
    CUcontext handle;
    uint64_t at_call;
    bool forgiven = false;  // pycuda pushes before it releases, and never pops that again
};

// What the driver keeps for each thread.
struct Thread {
    std::vector<Pushed> stack;
    uint64_t calls = 0;
    CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    ~Thread();
};

Thread &this_thread();

// Holds the lock while it lives. Where `refusal` is set, the call must return it at once, having done nothing
// but, if `gone` is set as well (device lost, context broken), struck off what it was to destroy.
struct Call {
    explicit Call(const char *function, Needs needs = Needs::CONTEXT);

    // Note a violation and give back what the call is to return.
    CUresult violation(const std::string &kind, const std::string &sentence, CUresult result);

    // A handle that stands for nothing: after a reset that is no fault.
    CUresult no_such(const char *what, const void *handle);

    std::string api;
    std::unique_lock<std::mutex> lock;
    std::shared_ptr<Context> context;  // the current one
    CUresult refusal = CUDA_SUCCESS;
    bool gone = false;
};

// Why a call cannot be about this device; CUDA_SUCCESS if it can.
CUresult refuse_device(const Call &call, CUdevice device);

}  // namespace emu
