// The settings of processors that keep answers.
#include <array>
#include <cstdint>
#include <string_view>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/cache.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::CacheReplay> {
    static constexpr std::string_view kNames[] = {"at_once", "original_pace"};
};

namespace {

using pipeline::CacheStepOptions;

constexpr int64_t kTtlSMax = 31'536'000;  // A year.

constexpr auto kCacheStepSettings = std::to_array<Setting>({
    setting<&CacheStepOptions::ttl_s>(
        "ttl_s", "How long an answer of this route may be given again. 0 is what [cache] says.")
        .range(0, kTtlSMax),
    setting<&CacheStepOptions::replay>(
        "replay", "How a stream is played again: \"at_once\", or at its \"original_pace\"."),
    setting<&CacheStepOptions::deterministic_only>(
        "deterministic_only", "Passes requests by that have neither temperature 0 nor a seed."),
    setting<&CacheStepOptions::vary_headers>(
        "vary_headers", "Fields of the request that change its answer and are part of the key.")
        .check(check_header_name),
    setting<&CacheStepOptions::shared_over_tenants>(
        "shared_over_tenants",
        "Gives the answers of this route to all tenants. Has no effect unless [cache] has "
        "per_tenant = false."),
});

}  // namespace

SectionTable processor_cache_section() {
    return {"[processor.NAME] of type \"cache\"", kCacheStepSettings, &defaults<CacheStepOptions>};
}

}  // namespace sluice::config
