// What tests say to the emulator, and what it tells them; everything else is the driver's own interface.
#pragma once
#include <cuda.h>

#include "call.hpp"

// Device bytes that a piece of work reads or writes.
struct emu_range {
    CUdeviceptr at;
    size_t bytes;
    int writes;
};

// Queue `fn(user, views)` on a stream, in its order, with the host's views of the ranges. They are checked
// like a kernel's operands: for races when they are queued, for all else when they run. In a capture it
// becomes a node and runs at each launch. `fn` runs in a thread of the emulator, without any of its locks,
// and must not call the driver.
EMU_API int emu_enqueue(CUstream stream, void (*fn)(void *user, void **views), void *user,
                        const emu_range *ranges, int n, const char *what);

// Whether a stream is being captured; no call of the driver, so neither counted nor held against anyone.
EMU_API int emu_is_captured(CUstream stream);

// Note a violation that a double of another library has found.
EMU_API void emu_note_violation(const char *kind, const char *api, const char *sentence);

// Let the next call of an API (without _v2) return this code and do nothing; "execution" lets the next
// operation fail when it runs, which breaks its context.
EMU_API void emu_fail_next(const char *api, int code);

// From now on all calls return this code; those that free still strike off what they were to free. 0: as
// before.
EMU_API void emu_lose_device(int code);

// 0 where there is no such setting, or the value makes no sense.
EMU_API int emu_configure(const char *key, const char *value);

EMU_API void emu_reset(void);

// The books as JSON, to be released with emu_release.
EMU_API char *emu_books(void);
EMU_API void emu_release(char *text);

// For what pycuda imports and is not emulated.
EMU_API int emu_unsupported(const char *api);
