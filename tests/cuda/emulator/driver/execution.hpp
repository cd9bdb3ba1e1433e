// Operations as they run, late.
#pragma once
#include <mutex>

#include "world.hpp"

namespace emu {

// Run an operation's works one after the other, each after a delay drawn from the seed, without the lock.
// What they are to use is looked at now, as hardware would: memory may have been freed since they were
// queued.
void execute(std::unique_lock<std::mutex> &lock, const std::shared_ptr<Context> &context,
             Operation &operation);

}  // namespace emu
