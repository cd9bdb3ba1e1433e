// Touching memory that must not be touched: how it is noticed, and told.
#pragma once
#include <functional>

namespace emu {

// Take over SIGSEGV, unless that has been done and nobody else has taken it since. Faults on addresses that
// are not ours go to whoever had the signal before.
void install_fault_handler();

// Run a kernel; false if it touched memory that it must not. It is left where it was: it may hold nothing.
bool guarded(const std::function<void()> &kernel);

}  // namespace emu
