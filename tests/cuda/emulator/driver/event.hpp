// Events: marks in a stream that can be waited for and that know their time.
#pragma once
#include "stream.hpp"

namespace emu {

struct Event {
    std::weak_ptr<Context> context;
    bool has_time = true;
    bool sleeps = false;               // who waits for it lets go of the processor
    OperationPtr recorded;             // its latest record; null: none yet
    std::shared_ptr<Capture> capture;  // if that was in a capture
    std::vector<size_t> tail;          // and the nodes that lay before it
    std::vector<OperationPtr> waits;   // of streams for it
};

}  // namespace emu
