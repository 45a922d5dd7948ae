// sim: many seeds of a simulation, or one of them again.
//
//   sim --seeds N [--first S]    seeds S to S+N-1; prints each failing one and how to replay it
//   sim --seed S                 one seed, with its profile
//   sim --canary                 each built-in bug of the service must be found within some seeds
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/text.h"
#include "sim/echo_run.h"
#include "sim/echo_service.h"

namespace {

using sluice::sim::EchoBug;
using sluice::sim::RunResult;

constexpr uint64_t kCanarySeedsMax = 300;
constexpr uint64_t kFailuresMax = 10;

// Told when an assertion or a sanitizer ends the process in the middle of a seed.
std::array<char, 80> running_seed;
size_t running_seed_length = 0;

void on_abort(int /*signal*/) {
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, running_seed.data(), running_seed_length);
}

RunResult run_seed(uint64_t seed, EchoBug bug) {
    const std::string text = "sim: crashed, replay with: sim --seed " + std::to_string(seed) + "\n";
    running_seed_length = text.copy(running_seed.data(), running_seed.size());
    return sluice::sim::run_echo(seed, bug);
}

void print_failure(uint64_t seed, const RunResult& result) {
    std::printf("seed %llu failed; replay with: sim --seed %llu\n  profile: %s\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed),
                result.profile.c_str());
    for (const std::string& complaint : result.complaints) {
        std::printf("  %s\n", complaint.c_str());
    }
}

int run_one(uint64_t seed) {
    const RunResult result = run_seed(seed, EchoBug::none);
    if (!result.complaints.empty()) {
        print_failure(seed, result);
        return 1;
    }
    std::printf("seed %llu passed: %llu bytes, %llu faults\n  profile: %s\n",
                static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(result.bytes_echoed),
                static_cast<unsigned long long>(result.faults), result.profile.c_str());
    return 0;
}

int run_many(uint64_t first, uint64_t count) {
    uint64_t failures = 0;
    uint64_t bytes = 0;
    uint64_t faults = 0;
    uint64_t seed = first;
    for (; seed < first + count && failures < kFailuresMax; ++seed) {
        const RunResult result = run_seed(seed, EchoBug::none);
        bytes += result.bytes_echoed;
        faults += result.faults;
        if (!result.complaints.empty()) {
            ++failures;
            print_failure(seed, result);
        }
    }
    std::printf("%llu seeds, %llu failed; %llu bytes echoed under %llu network faults\n",
                static_cast<unsigned long long>(seed - first),
                static_cast<unsigned long long>(failures), static_cast<unsigned long long>(bytes),
                static_cast<unsigned long long>(faults));
    return failures == 0 ? 0 : 1;
}

// A simulation that finds nothing proves nothing: each known bug has to be found.
int run_canaries() {
    struct Canary {
        EchoBug bug;
        const char* name;
    };
    constexpr std::array<Canary, 4> kCanaries = {{
        {EchoBug::drops_when_congested, "drops_when_congested"},
        {EchoBug::aborts_at_end, "aborts_at_end"},
        {EchoBug::forgets_a_stream, "forgets_a_stream"},
        {EchoBug::waits_once_too_often, "waits_once_too_often"},
    }};
    int missed = 0;
    for (const Canary& canary : kCanaries) {
        uint64_t seed = 1;
        while (seed <= kCanarySeedsMax && run_seed(seed, canary.bug).complaints.empty()) {
            ++seed;
        }
        const bool found = seed <= kCanarySeedsMax;
        missed += found ? 0 : 1;
        std::printf("canary %s: %s %llu seeds\n", canary.name,
                    found ? "found after" : "NOT found in",
                    static_cast<unsigned long long>(found ? seed : kCanarySeedsMax));
    }
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGABRT, &on_abort);
    uint64_t first = 1;
    uint64_t count = 0;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--canary") {
            return run_canaries();
        }
        const auto value = i + 1 < argc ? sluice::parse_decimal(argv[i + 1]) : std::nullopt;
        if (!value) {
            break;
        }
        ++i;
        if (name == "--seed") {
            return run_one(*value);
        }
        if (name == "--seeds") {
            count = *value;
        } else if (name == "--first") {
            first = *value;
        }
    }
    if (count == 0) {
        std::fputs("usage: sim --seeds N [--first S] | --seed S | --canary\n", stderr);
        return 2;
    }
    return run_many(first, count);
}

// Sanitizers end with an abort, so that the seed is printed.
extern "C" const char* __asan_default_options() {
    return "abort_on_error=1:disable_coredump=1";
}
extern "C" const char* __ubsan_default_options() {
    return "abort_on_error=1:print_stacktrace=1:halt_on_error=1";
}
