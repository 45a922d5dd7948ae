// sim: many seeds of a simulation, or one of them again.
//
//   sim --seeds N [--first S]    seeds S to S+N-1; prints each failing one and how to replay it
//   sim --seed S                 one seed, with its profile
//   sim --canary                 each built-in bug must be found within some seeds
//
// They are seeds of the echo service, the smallest server on src/net; with --gateway in front, of
// the whole gateway, with --cache of the response cache between shards.
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/text.h"
#include "sim/cache_run.h"
#include "sim/echo_run.h"
#include "sim/echo_service.h"
#include "sim/gateway_run.h"
#include "sim/run_result.h"

namespace {

using sluice::sim::CacheBug;
using sluice::sim::EchoBug;
using sluice::sim::GatewayBug;
using sluice::sim::RunResult;

constexpr uint64_t kCanarySeedsMax = 600;
constexpr uint64_t kFailuresMax = 10;

// What is simulated; bug 0 is none.
struct Simulation {
    const char* option;
    RunResult (*run)(uint64_t seed, uint8_t bug);
    std::vector<const char*> bugs;
};

Simulation echo_simulation() {
    return {"",
            [](uint64_t seed, uint8_t bug) {
                return sluice::sim::run_echo(seed, static_cast<EchoBug>(bug));
            },
            {"none", "drops_when_congested", "aborts_at_end", "forgets_a_stream",
             "waits_once_too_often"}};
}

Simulation gateway_simulation() {
    Simulation simulation = {"--gateway ",
                             [](uint64_t seed, uint8_t bug) {
                                 return sluice::sim::run_gateway(seed,
                                                                 static_cast<GatewayBug>(bug));
                             },
                             {}};
    for (uint8_t i = 0; i < sluice::sim::kGatewayBugs; ++i) {
        simulation.bugs.push_back(sluice::sim::gateway_bug_name(static_cast<GatewayBug>(i)));
    }
    return simulation;
}

Simulation cache_simulation() {
    Simulation simulation = {"--cache ",
                             [](uint64_t seed, uint8_t bug) {
                                 return sluice::sim::run_cache(seed, static_cast<CacheBug>(bug));
                             },
                             {}};
    for (uint8_t i = 0; i < sluice::sim::kCacheBugs; ++i) {
        simulation.bugs.push_back(sluice::sim::cache_bug_name(static_cast<CacheBug>(i)));
    }
    return simulation;
}

// Told when an assertion or a sanitizer ends the process in the middle of a seed.
std::array<char, 120> running_seed;
size_t running_seed_length = 0;

void on_abort(int /*signal*/) {
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, running_seed.data(), running_seed_length);
}

std::string replay_command(const Simulation& simulation, uint64_t seed) {
    return std::string("sim ") + simulation.option + "--seed " + std::to_string(seed);
}

RunResult run_seed(const Simulation& simulation, uint64_t seed, uint8_t bug) {
    const std::string text =
        "sim: crashed, replay with: " + replay_command(simulation, seed) + "\n";
    running_seed_length = text.copy(running_seed.data(), running_seed.size());
    return simulation.run(seed, bug);
}

void print_failure(const Simulation& simulation, uint64_t seed, const RunResult& result) {
    std::printf("seed %llu failed; replay with: %s\n  %s\n", static_cast<unsigned long long>(seed),
                replay_command(simulation, seed).c_str(), result.profile.c_str());
    for (const std::string& complaint : result.complaints) {
        std::printf("  %s\n", complaint.c_str());
    }
    std::fflush(stdout);
}

void print_sum(const RunResult& sum) {
    std::printf("%llu bytes, %llu network faults", static_cast<unsigned long long>(sum.bytes),
                static_cast<unsigned long long>(sum.faults));
    if (sum.answers > 0) {
        std::printf(", %llu answers, %llu events, %llu errors told",
                    static_cast<unsigned long long>(sum.answers),
                    static_cast<unsigned long long>(sum.events),
                    static_cast<unsigned long long>(sum.errors));
    }
    std::printf("\n");
}

int run_one(const Simulation& simulation, uint64_t seed) {
    const RunResult result = run_seed(simulation, seed, 0);
    if (!result.complaints.empty()) {
        print_failure(simulation, seed, result);
        return 1;
    }
    std::printf("seed %llu passed: ", static_cast<unsigned long long>(seed));
    print_sum(result);
    std::printf("  %s\n", result.profile.c_str());
    return 0;
}

int run_many(const Simulation& simulation, uint64_t first, uint64_t count) {
    uint64_t failures = 0;
    RunResult sum;
    uint64_t seed = first;
    for (; seed < first + count && failures < kFailuresMax; ++seed) {
        const RunResult result = run_seed(simulation, seed, 0);
        sum.bytes += result.bytes;
        sum.faults += result.faults;
        sum.answers += result.answers;
        sum.events += result.events;
        sum.errors += result.errors;
        if (!result.complaints.empty()) {
            ++failures;
            print_failure(simulation, seed, result);
        }
    }
    std::printf("%llu seeds, %llu failed; ", static_cast<unsigned long long>(seed - first),
                static_cast<unsigned long long>(failures));
    print_sum(sum);
    return failures == 0 ? 0 : 1;
}

// A simulation that finds nothing proves nothing: each known bug has to be found.
int run_canaries(const Simulation& simulation) {
    int missed = 0;
    for (size_t i = 1; i < simulation.bugs.size(); ++i) {
        const auto bug = static_cast<uint8_t>(i);
        uint64_t seed = 1;
        std::string found_by;
        for (; seed <= kCanarySeedsMax && found_by.empty(); ++seed) {
            const RunResult result = run_seed(simulation, seed, bug);
            found_by = result.complaints.empty() ? "" : result.complaints.front();
        }
        missed += found_by.empty() ? 1 : 0;
        std::printf("canary %s: %s %llu seeds  %s\n", simulation.bugs[bug],
                    found_by.empty() ? "NOT found in" : "found after",
                    static_cast<unsigned long long>(seed - 1), found_by.substr(0, 100).c_str());
        std::fflush(stdout);
    }
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGABRT, &on_abort);
    Simulation simulation = echo_simulation();
    uint64_t first = 1;
    uint64_t count = 0;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--gateway") {
            simulation = gateway_simulation();
            continue;
        }
        if (name == "--cache") {
            simulation = cache_simulation();
            continue;
        }
        if (name == "--canary") {
            return run_canaries(simulation);
        }
        const auto value = i + 1 < argc ? sluice::parse_decimal(argv[i + 1]) : std::nullopt;
        if (!value) {
            break;
        }
        ++i;
        if (name == "--seed") {
            return run_one(simulation, *value);
        }
        if (name == "--seeds") {
            count = *value;
        } else if (name == "--first") {
            first = *value;
        }
    }
    if (count == 0) {
        std::fputs("usage: sim [--gateway | --cache] --seeds N [--first S] | --seed S | --canary\n",
                   stderr);
        return 2;
    }
    return run_many(simulation, first, count);
}

// Sanitizers end with an abort, so that the seed is printed.
// NOLINTBEGIN(readability-identifier-naming): the names are the sanitizers'.
extern "C" const char* __asan_default_options() {
    return "abort_on_error=1:disable_coredump=1";
}
extern "C" const char* __ubsan_default_options() {
    return "abort_on_error=1:print_stacktrace=1:halt_on_error=1";
}
// NOLINTEND(readability-identifier-naming)
