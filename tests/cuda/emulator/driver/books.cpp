#include "books.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "world.hpp"

namespace emu {

void note_violation(const std::string &kind, const std::string &api, const std::string &sentence) {
    World &w = world();
    if (w.books.violations.size() < 1000) w.books.violations.push_back({kind, api, sentence});
    if (!w.settings.quiet)
        std::fprintf(stderr, "cuda emulator: %s: %s: %s\n", kind.c_str(), api.c_str(), sentence.c_str());
}

static std::string quoted(const std::string &text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out + "\"";
}

static void write_counts(std::ostream &out, const std::map<std::string, uint64_t> &counts) {
    const char *comma = "";
    out << "{";
    for (auto &[name, n] : counts) {
        out << comma << quoted(name) << ":" << n;
        comma = ",";
    }
    out << "}";
}

static void write_violations(std::ostream &out) {
    const char *comma = "";
    out << "[";
    for (const Violation &v : world().books.violations) {
        out << comma << "{\"kind\":" << quoted(v.kind) << ",\"api\":" << quoted(v.api)
            << ",\"sentence\":" << quoted(v.sentence) << "}";
        comma = ",";
    }
    out << "]";
}

static void write_traffic(std::ostream &out) {
    auto &traffic = world().books.traffic;
    out << "{\"h2d_bytes\":" << traffic[Way::H2D].bytes << ",\"h2d_copies\":" << traffic[Way::H2D].copies
        << ",\"d2h_bytes\":" << traffic[Way::D2H].bytes << ",\"d2h_copies\":" << traffic[Way::D2H].copies
        << ",\"d2d_bytes\":" << traffic[Way::D2D].bytes << ",\"d2d_copies\":" << traffic[Way::D2D].copies
        << "}";
}

static void write_executed(std::ostream &out) {
    const char *comma = "";
    out << "[";
    for (const Executed &e : world().books.executed) {
        out << comma << "[" << e.stream << "," << e.tick << "," << quoted(e.what) << "," << e.delay_us << "]";
        comma = ",";
    }
    out << "]";
}

std::string books_as_json() {
    std::ostringstream out;
    out << "{\"violations\":";
    write_violations(out);
    out << ",\"live\":";
    write_counts(out, live_objects());
    out << ",\"calls\":";
    write_counts(out, world().books.calls);
    out << ",\"traffic\":";
    write_traffic(out);
    out << ",\"executed\":";
    write_executed(out);
    out << "}";
    return out.str();
}

// What a child process leaves for the test that started it; and a word where nobody would look otherwise.
__attribute__((destructor)) static void at_end() {
    std::lock_guard<std::mutex> lock(world().mutex);
    for (auto &[kind, n] : live_objects())
        if (n && world().settings.report.empty() && !world().settings.quiet)
            std::fprintf(stderr, "cuda emulator: leak: %llu %s are alive at the end of the process.\n",
                         static_cast<unsigned long long>(n), kind.c_str());
    if (!world().settings.report.empty()) std::ofstream(world().settings.report) << books_as_json();
}

}  // namespace emu
