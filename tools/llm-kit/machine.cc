// Linux: affinity, timer slack, resource limits.
#include "llm-kit/machine.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "base/text.h"

namespace sluice::llm_kit {

namespace {

double as_seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text) {
    std::vector<uint32_t> cpus;
    std::string_view rest = text;
    while (const std::optional<std::string_view> element = next_list_element(rest)) {
        const size_t dash = element->find('-');
        const auto first = parse_decimal(element->substr(0, dash));
        const auto last =
            dash == std::string_view::npos ? first : parse_decimal(element->substr(dash + 1));
        if (!first || !last || *first > *last || *last >= CPU_SETSIZE) {
            return std::nullopt;
        }
        for (uint64_t cpu = *first; cpu <= *last; ++cpu) {
            cpus.push_back(static_cast<uint32_t>(cpu));
        }
    }
    return cpus.empty() ? std::nullopt : std::optional(cpus);
}

bool pin_thread(uint32_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

void use_sharp_timers() {
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

uint64_t raise_descriptor_limit(uint64_t wanted) {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) {
        return limit.rlim_cur;
    }
    const rlimit higher = {.rlim_cur = wanted, .rlim_max = std::max(wanted, limit.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &higher) != 0) {  // Beyond the hard limit only as root.
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

double process_cpu_seconds() {
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return as_seconds(usage.ru_utime) + as_seconds(usage.ru_stime);
}

}  // namespace sluice::llm_kit
