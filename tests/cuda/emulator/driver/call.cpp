#include "call.hpp"

#include <sstream>

namespace emu {

Thread &this_thread() {
    static thread_local Thread thread;
    return thread;
}

Thread::~Thread() {
    std::lock_guard<std::mutex> lock(world().mutex);
    for (const Pushed &pushed : stack)
        if (pushed.context->alive && !pushed.context->forgotten && !pushed.forgiven)
            note_violation("thread-ended-with-context", "cuCtxPushCurrent",
                           "a thread ended with a context that it had pushed and not popped.");
}

// "cuMemAlloc_v2" is known as cuMemAlloc.
static std::string api_name(const char *function) {
    std::string name = function;
    const size_t version = name.rfind("_v");
    return version != std::string::npos && version + 3 == name.size() ? name.substr(0, version) : name;
}

static bool fails_on_request(Call &call) {
    auto failure = world().books.failures.find(call.api);
    if (failure == world().books.failures.end() || failure->second.empty()) return false;
    call.refusal = failure->second.front();
    failure->second.pop_front();
    return true;
}

Call::Call(const char *function, Needs needs) : api(api_name(function)), lock(world().mutex) {
    World &w = world();
    Thread &thread = this_thread();
    thread.calls++;
    w.books.calls[api]++;
    while (!thread.stack.empty() && thread.stack.back().context->forgotten) thread.stack.pop_back();
    if (!thread.stack.empty()) context = thread.stack.back().context;
    if (fails_on_request(*this)) return;
    if (w.books.lost && needs != Needs::NOTHING) {
        refusal = w.books.lost;
        gone = true;
        return;
    }
    if (needs == Needs::NOTHING) return;
    if (!w.initialised) {
        refusal = violation("not-initialised", "called before cuInit.", CUDA_ERROR_NOT_INITIALIZED);
    } else if (needs == Needs::CONTEXT && !context) {
        refusal = violation("no-context", "called in a thread that has no current context: push one first.",
                            CUDA_ERROR_INVALID_CONTEXT);
    } else if (needs == Needs::CONTEXT && !context->alive) {
        refusal = violation("context-destroyed", "the thread's current context has been destroyed.",
                            CUDA_ERROR_CONTEXT_IS_DESTROYED);
    } else if (needs == Needs::CONTEXT && context->error) {
        refusal = context->error;
        gone = true;
    }
}

CUresult Call::violation(const std::string &kind, const std::string &sentence, CUresult result) {
    note_violation(kind, api, sentence);
    return result;
}

CUresult Call::no_such(const char *what, const void *handle) {
    const auto number = reinterpret_cast<uintptr_t>(handle);
    if (number && number < world().first_handle) return CUDA_ERROR_INVALID_HANDLE;
    std::ostringstream sentence;
    sentence << "there is no such " << what << " (any more): " << handle << ".";
    return violation("invalid-handle", sentence.str(), CUDA_ERROR_INVALID_HANDLE);
}

CUresult refuse_device(const Call &call, CUdevice device) {
    if (call.refusal) return call.refusal;
    return device < 0 || device >= world().settings.devices ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

}  // namespace emu
