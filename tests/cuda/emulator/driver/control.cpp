#include "control.hpp"

#include <cstdlib>
#include <cstring>

#include "stream.hpp"

using namespace emu;

int emu_enqueue(CUstream handle, void (*fn)(void *, void **), void *user, const emu_range *ranges, int n,
                const char *what) {
    Call call(what);
    if (call.refusal) return call.refusal;
    CUresult result = CUDA_SUCCESS;
    StreamPtr stream = find_stream(call, handle, result);
    if (!stream) return result;
    Work work;
    work.what = what;
    for (int i = 0; i < n; i++)
        work.operands.push_back({Space::DEVICE, ranges[i].at, ranges[i].bytes, ranges[i].writes != 0});
    work.run = [fn, user](void **views) { fn(user, views); };
    return enqueue(call, stream, {std::move(work)});
}

int emu_is_captured(CUstream handle) {
    std::lock_guard<std::mutex> lock(world().mutex);
    const StreamPtr stream = world().streams.find(handle);
    return stream && stream->capture;
}

void emu_note_violation(const char *kind, const char *api, const char *sentence) {
    std::lock_guard<std::mutex> lock(world().mutex);
    note_violation(kind, api, sentence);
}

void emu_fail_next(const char *api, int code) {
    std::lock_guard<std::mutex> lock(world().mutex);
    world().books.failures[api].push_back(static_cast<CUresult>(code));
}

void emu_lose_device(int code) {
    std::lock_guard<std::mutex> lock(world().mutex);
    world().books.lost = static_cast<CUresult>(code);
}

int emu_configure(const char *key, const char *value) {
    std::lock_guard<std::mutex> lock(world().mutex);
    return set(world().settings, key, value);
}

void emu_reset(void) {
    std::lock_guard<std::mutex> lock(world().mutex);
    reset_world();
}

char *emu_books(void) {
    std::lock_guard<std::mutex> lock(world().mutex);
    return strdup(books_as_json().c_str());
}

void emu_release(char *text) { std::free(text); }

int emu_unsupported(const char *api) {
    Call call(api, Needs::NOTHING);
    return call.violation("unsupported", "this call is not emulated.", CUDA_ERROR_NOT_SUPPORTED);
}
