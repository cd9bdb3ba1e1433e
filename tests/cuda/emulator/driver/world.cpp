#include "world.hpp"

#include "call.hpp"
#include "event.hpp"
#include "graph.hpp"
#include "module.hpp"
#include "stream.hpp"

namespace emu {

static uintptr_t next_handle = 0x5EED00000000;

uintptr_t new_handle() { return next_handle += 16; }

// Never destroyed: threads of streams, and of the program, outlive the end of main.
World &world() {
    static World *the_world = [] {
        auto *made = new World;
        set_from_environment(made->settings);
        return made;
    }();
    return *the_world;
}

template <class Map>
static uint64_t count(const Map &map, const Context *context) {
    uint64_t n = 0;
    for (auto &[key, object] : map)
        if (!context || object->context.lock().get() == context) n++;
    return n;
}

std::map<std::string, uint64_t> live_objects(const Context *context) {
    World &w = world();
    std::map<std::string, uint64_t> live = {{"memory", 0}, {"pinned", 0}};
    for (auto &[address, allocation] : w.memory.by_device)
        if (allocation->kind == Allocation::DEVICE &&
            (!context || allocation->context.lock().get() == context))
            live["memory"]++;
    live["pinned"] = count(w.memory.by_host, context);
    live["streams"] = count(w.streams.live, context);
    live["events"] = count(w.events.live, context);
    live["modules"] = count(w.modules.live, context);
    live["graph_execs"] = count(w.execs.live, context);
    if (!context) {
        live["graphs"] = w.graphs.live.size();
        live["contexts"] = w.contexts.live.size();
    }
    return live;
}

static void close_streams() {
    for (auto &[handle, stream] : world().streams.live) close_stream(*stream);
    for (auto &[handle, context] : world().contexts.live)
        if (context->legacy) close_stream(*context->legacy);
}

void reset_world() {
    World &w = world();
    close_streams();
    for (auto &[handle, context] : w.contexts.live) {
        context->alive = false;
        context->forgotten = true;
    }
    w.initialised = false;
    w.first_handle = new_handle();
    w.books = {};
    w.memory = {};
    w.contexts = {};
    w.primaries.clear();
    w.spoilt.clear();
    w.streams = {};
    w.events = {};
    w.modules = {};
    w.functions = {};
    w.graphs = {};
    w.execs = {};
    w.captures.clear();
    w.host.clear();
    w.next_stream = 0;
    this_thread().stack.clear();
}

}  // namespace emu
