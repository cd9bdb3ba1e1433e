// Who uses which bytes, and whether it is ordered with those who used them before.
#pragma once
#include "stream.hpp"

namespace emu {

// Enter an operation's uses of memory; a use that is not ordered with an earlier one is a violation, whether
// or not it went well this time. Host bytes are protected from the program, those to be written filled with
// rubbish.
void note_uses(const std::string &api, const Stream &stream, Operation &operation);

// Forget the uses of operations that the host knows to be done.
void drop_known_uses();

// What still uses an allocation, or any of its bytes, as far as the host knows; empty: nothing.
std::string pending_use(const Allocation &allocation);

// A checksum that is never 0.
uint64_t checksum(const char *bytes, size_t count);

}  // namespace emu
