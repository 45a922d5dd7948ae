// The settings of processors that limit requests, tokens and exchanges at once.
#include <array>
#include <string_view>

#include "access/options.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/rate_limit.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::LimitPer> {
    static constexpr std::string_view kNames[] = {"key",      "tenant", "model",
                                                  "upstream", "route",  "all"};
};

template <>
struct ChoiceNames<pipeline::OnLimit> {
    static constexpr std::string_view kNames[] = {"refuse", "wait"};
};

namespace {

using access::LimitOptions;
using pipeline::RateLimitOptions;

template <auto kMember>
constexpr Setting rate(std::string_view key, std::string_view help) {
    return setting<&RateLimitOptions::limits, kMember>(key, help).range(0, access::kRateLimitMax);
}

constexpr auto kRateLimitSettings = std::to_array<Setting>({
    rate<&LimitOptions::requests_per_minute>(
        "requests_per_minute",
        "Requests a minute, in any stretch of time, besides the limits of keys and tenants. 0 is "
        "no limit, as for all of these."),
    rate<&LimitOptions::requests_per_hour>("requests_per_hour",
                                           "Requests in each hour of the clock."),
    rate<&LimitOptions::requests_per_day>("requests_per_day", "Requests in each day, UTC."),
    rate<&LimitOptions::tokens_per_minute>(
        "tokens_per_minute", "Tokens a minute, of prompts and answers, in any stretch of time."),
    rate<&LimitOptions::tokens_per_hour>("tokens_per_hour", "Tokens in each hour of the clock."),
    rate<&LimitOptions::tokens_per_day>("tokens_per_day", "Tokens in each day, UTC."),
    rate<&LimitOptions::requests_burst>(
        "requests_burst",
        "Requests that may come at once after a pause. 0 is as many as in a minute."),
    rate<&LimitOptions::tokens_burst>("tokens_burst", "Tokens, likewise."),
    setting<&RateLimitOptions::limits, &LimitOptions::concurrency_max>("concurrency_max",
                                                                       "Exchanges in flight.")
        .range(0, access::kConcurrencyMax),
    setting<&RateLimitOptions::per>("per", "What each of these limits is counted for."),
    setting<&RateLimitOptions::scopes_max>(
        "scopes_max",
        "Keys, models and so on that have counts of their own; further ones share one.")
        .range(1, kCountMax),
    setting<&RateLimitOptions::on_limit>(
        "on_limit",
        "\"refuse\" answers 429 at once, \"wait\" waits for room, if that can come in time."),
    setting<&RateLimitOptions::wait_max_ms>("wait_max_ms", "The longest wait.")
        .range(1, kTimeMsMax),
    setting<&RateLimitOptions::answer_tokens_default>(
        "answer_tokens_default",
        "Tokens of an answer for which the request sets no limit, until its end is known.")
        .range(0, kCountMax),
});

}  // namespace

SectionTable processor_rate_limit_section() {
    return {"[processor.NAME] of type \"rate_limit\"", kRateLimitSettings,
            &defaults<RateLimitOptions>};
}

}  // namespace sluice::config
