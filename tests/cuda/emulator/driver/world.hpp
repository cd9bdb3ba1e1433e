// All state of the emulator, under one lock.
//
// Two rules keep it from ever standing still. Nobody waits while holding the lock, except on condition
// variables; and no Python code runs under it. pycuda holds Python's global lock (GIL) in most calls
// (cuMemAlloc, cuMemFree, cuMemFreeHost, cuStreamDestroy, cuEventRecord, cuLaunchKernel, ...), and an
// operation may be a Python callback that needs it: so none of these may wait for an operation. They report
// that one is pending, and go on. Only copies, fills and cu*Synchronize wait; there pycuda lets go of the
// GIL.
#pragma once
#include <cuda.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "books.hpp"
#include "memory.hpp"
#include "operation.hpp"
#include "settings.hpp"

namespace emu {

struct Stream;
struct Event;
struct Module;
struct Function;
struct Graph;
struct GraphExec;
struct Capture;

struct Context {
    CUdevice device = 0;
    bool primary = false;
    bool alive = true;
    bool forgotten = false;                        // made before the last reset
    CUresult error = CUDA_SUCCESS;                 // sticky, as on hardware: a kernel failed
    std::shared_ptr<Stream> legacy;                // the default stream
    std::vector<std::shared_ptr<Stream>> closing;  // destroyed with work pending, which goes on
};

// Opaque handles: numbers that are never given out twice and never valid pointers.
uintptr_t new_handle();

template <class T>
struct Registry {
    std::map<uintptr_t, std::shared_ptr<T>> live;

    template <class Handle>
    Handle add(std::shared_ptr<T> object) {
        const uintptr_t handle = new_handle();
        live[handle] = std::move(object);
        return reinterpret_cast<Handle>(handle);
    }
    template <class Handle>
    std::shared_ptr<T> find(Handle handle) const {
        auto found = live.find(reinterpret_cast<uintptr_t>(handle));
        return found == live.end() ? nullptr : found->second;
    }
    template <class Handle>
    void remove(Handle handle) {
        live.erase(reinterpret_cast<uintptr_t>(handle));
    }
};

struct World {
    std::mutex mutex;
    bool initialised = false;
    uintptr_t first_handle = 0;  // since the last reset; older ones are no one's fault
    Settings settings;
    Books books;
    Memory memory;
    Registry<Context> contexts;
    std::map<CUdevice, std::pair<CUcontext, int>> primaries;  // with how often it is retained
    std::map<CUdevice, CUresult> spoilt;  // of which the last primary context was broken when it went
    Registry<Stream> streams;
    Registry<Event> events;
    Registry<Module> modules;
    Registry<Function> functions;
    Registry<Graph> graphs;
    Registry<GraphExec> execs;
    std::vector<std::weak_ptr<Capture>> captures;
    Clock host;  // what the host knows to be done; one for all threads
    size_t next_stream = 0;
};

World &world();

// Everything as at the start of the process, except the settings, and the addresses and handles given out.
void reset_world();

// How many objects of each kind are alive, of one context or of all.
std::map<std::string, uint64_t> live_objects(const Context *context = nullptr);

}  // namespace emu
