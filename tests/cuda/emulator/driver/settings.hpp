// What device is emulated, and how the emulator behaves.
#pragma once
#include <cstdint>
#include <string>

namespace emu {

struct Settings {
    std::string name = "Emulated GPU";
    int major = 8, minor = 9;            // compute capability
    bool integrated = false;             // as on a Jetson: host and device share their memory
    uint64_t total_memory = 8ull << 30;  // bytes
    int driver_version = 13000;
    int devices = 1;
    uint64_t seed = 1;
    unsigned delay_us = 1000;  // longest delay of an operation, microseconds; 0: none
    bool quiet = false;        // do not print violations as they happen
    std::string report;        // file for the books as JSON at the end of the process; empty: none
};

// Set one by its name; false where there is no such setting or its value makes no sense.
bool set(Settings &settings, const std::string &key, const std::string &value);

// Set those of the environment variable CUDA_EMULATOR, "key=value;key=value".
void set_from_environment(Settings &settings);

}  // namespace emu
