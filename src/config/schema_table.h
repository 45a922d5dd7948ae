// What the files of the table of settings share: how a line is written, and the table of one
// section. Included by schema*.cc only; constant data, readable from every thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "config/accessor.h"
#include "config/setting.h"
#include "net/options.h"

namespace sluice::config {

// Of servers and clients alike.
template <>
struct ChoiceNames<net::TlsVersion> {
    static constexpr std::string_view kNames[] = {"1.2", "1.3"};
};

// Upper ends of ranges. They exclude slips of the finger (a second for a millisecond, a bit too
// many zeros), not large machines.
inline constexpr int64_t kTimeMsMax = 86'400'000;  // A day.
inline constexpr int64_t kTimeSMax = 86'400;
inline constexpr int64_t kKiB = 1024;
inline constexpr int64_t kMiB = 1024 * kKiB;
inline constexpr int64_t kGiB = 1024 * kMiB;
inline constexpr int64_t kCountMax = 1'000'000;

template <auto... Path>
constexpr Setting setting(std::string_view key, std::string_view help) {
    return Setting{.key = key, .access = member<Path...>(), .help = help};
}

struct SectionTable {
    std::string_view title;  // How its table is written: "[server]", "[llm.NAME]" ...
    std::span<const Setting> settings;
    const void* (*defaults)();  // An options struct with every default in place.
};

// An options struct that nobody changes, to read defaults from.
template <class Options>
const void* defaults() {
    static const Options kDefaults;
    return &kDefaults;
}

// One file each.
SectionTable server_section();
SectionTable certificate_section();
SectionTable admin_section();
SectionTable llm_section();
SectionTable pool_section();
SectionTable pool_target_section();
SectionTable route_section();
SectionTable processor_section();
SectionTable processor_cost_meter_section();
SectionTable processor_enhancer_section();
SectionTable processor_guard_section();
SectionTable processor_authenticate_section();
SectionTable processor_budget_section();
SectionTable processor_cache_section();
SectionTable processor_coalesce_section();
SectionTable processor_headers_section();
SectionTable processor_rate_limit_section();
SectionTable keys_section();
SectionTable key_section();
SectionTable tenant_section();
SectionTable cache_section();
SectionTable processor_logging_section();
SectionTable processor_system_prompt_section();
SectionTable processor_transform_section();
SectionTable processor_validation_section();
SectionTable ledger_section();
SectionTable prices_section();
SectionTable traces_section();

}  // namespace sluice::config
