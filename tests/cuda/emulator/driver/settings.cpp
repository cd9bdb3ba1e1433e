#include "settings.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace emu {

static bool number(const std::string &value, uint64_t &out) {
    char *end = nullptr;
    out = std::strtoull(value.c_str(), &end, 0);
    return !value.empty() && *end == 0;
}

bool set(Settings &settings, const std::string &key, const std::string &value) {
    uint64_t n = 0;
    const bool is_number = number(value, n);
    if (key == "name") return settings.name = value, true;
    if (key == "report") return settings.report = value, true;
    if (key == "compute_capability")
        return std::sscanf(value.c_str(), "%d.%d", &settings.major, &settings.minor) == 2;
    if (!is_number) return false;
    if (key == "integrated") return settings.integrated = n, true;
    if (key == "total_memory") return settings.total_memory = n, true;
    if (key == "driver_version") return settings.driver_version = static_cast<int>(n), true;
    if (key == "devices") return settings.devices = static_cast<int>(n), true;
    if (key == "seed") return settings.seed = n, true;
    if (key == "delay_us") return settings.delay_us = static_cast<unsigned>(n), true;
    if (key == "quiet") return settings.quiet = n, true;
    return false;
}

void set_from_environment(Settings &settings) {
    const char *text = std::getenv("CUDA_EMULATOR");
    std::istringstream parts(text ? text : "");
    for (std::string part; std::getline(parts, part, ';');) {
        const size_t equals = part.find('=');
        if (equals == std::string::npos || !set(settings, part.substr(0, equals), part.substr(equals + 1)))
            std::fprintf(stderr, "cuda emulator: CUDA_EMULATOR: cannot make sense of \"%s\"\n", part.c_str());
    }
}

}  // namespace emu
