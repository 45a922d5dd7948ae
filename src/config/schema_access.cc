// The settings of [keys], [key.NAME] and [tenant.NAME]: who may ask, and how much.
#include <array>
#include <cstdint>
#include <string_view>

#include "access/options.h"
#include "config/access_checks.h"
#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"

namespace sluice::config {

template <>
struct ChoiceNames<access::BudgetPeriod> {
    static constexpr std::string_view kNames[] = {"hour", "day", "week", "month", "total"};
};

namespace {

using access::BudgetSettings;
using access::KeyOptions;
using access::KeyStoreOptions;
using access::LimitOptions;
using access::TenantOptions;

template <auto kLimits, auto kMember>
constexpr Setting rate(std::string_view key, std::string_view help) {
    return setting<kLimits, kMember>(key, help).range(0, access::kRateLimitMax);
}

// The same for keys and tenants. kLimits and kBudget are the members of their options.
template <auto kLimits, auto kBudget>
constexpr auto limit_settings() {
    return std::to_array<Setting>({
        rate<kLimits, &LimitOptions::requests_per_minute>(
            "limits.requests_per_minute",
            "Requests a minute, in any stretch of time. 0 is no "
            "limit, as for all of these."),
        rate<kLimits, &LimitOptions::requests_per_hour>("limits.requests_per_hour",
                                                        "Requests in each hour of the clock."),
        rate<kLimits, &LimitOptions::requests_per_day>("limits.requests_per_day",
                                                       "Requests in each day, UTC."),
        rate<kLimits, &LimitOptions::tokens_per_minute>(
            "limits.tokens_per_minute",
            "Tokens a minute, of prompts and answers, in any stretch of time."),
        rate<kLimits, &LimitOptions::tokens_per_hour>("limits.tokens_per_hour",
                                                      "Tokens in each hour of the clock."),
        rate<kLimits, &LimitOptions::tokens_per_day>("limits.tokens_per_day",
                                                     "Tokens in each day, UTC."),
        rate<kLimits, &LimitOptions::requests_burst>(
            "limits.requests_burst",
            "Requests that may come at once after a pause. 0 is as many as in a minute."),
        rate<kLimits, &LimitOptions::tokens_burst>("limits.tokens_burst", "Tokens, likewise."),
        setting<kLimits, &LimitOptions::concurrency_max>("limits.concurrency_max",
                                                         "Exchanges in flight.")
            .range(0, access::kConcurrencyMax),
        setting<kBudget, &BudgetSettings::usd>(
            "budget.usd",
            "What may be spent in a period, in dollars, as \"25.50\"; what would "
            "exceed it is refused. Empty is no limit.")
            .check(check_dollars),
        setting<kBudget, &BudgetSettings::soft_usd>("budget.soft_usd",
                                                    "Above it is said, and nothing refused.")
            .check(check_dollars),
        setting<kBudget, &BudgetSettings::period>("budget.period",
                                                  "Of the UTC calendar; a week begins on Monday."),
    });
}

template <size_t kFirst, size_t kSecond>
constexpr auto joined(const std::array<Setting, kFirst>& first,
                      const std::array<Setting, kSecond>& second) {
    std::array<Setting, kFirst + kSecond> all;
    for (size_t i = 0; i < all.size(); ++i) {
        all[i] = i < kFirst ? first[i] : second[i - kFirst];
    }
    return all;
}

constexpr auto kKeysSettings = std::to_array<Setting>({
    setting<&KeyStoreOptions::file>(
        "file", "Where keys that are made at run time are kept. Empty: there are none.")
        .check(check_file_path),
    setting<&KeyStoreOptions::keys_max>("keys_max", "Keys of the configuration and the file.")
        .range(1, kCountMax),
    setting<&KeyStoreOptions::file_bytes_max>("file_bytes_max", "Largest file that is read.")
        .range(kKiB, kGiB),
});

constexpr auto kKeySettings = joined(
    std::to_array<Setting>({
        setting<&KeyOptions::sha256>("sha256", "SHA-256 of the secret, 64 hexadecimal digits.")
            .check(check_sha256),
        setting<&KeyOptions::secret_env>("secret_env",
                                         "Name of the environment variable that holds the secret.")
            .check(check_environment_name),
        setting<&KeyOptions::secret_file>(
            "secret_file",
            "File that holds the secret, read at the start and on every reload. A line end after "
            "it is dropped.")
            .check(check_file_path),
        setting<&KeyOptions::tenant>("tenant", "Name of the [tenant.NAME] whose limits it shares."),
        setting<&KeyOptions::models>(
            "models",
            "Models it may use, as clients name them, or beginnings with '*'. Empty "
            "allows all.")
            .check(check_model),
        setting<&KeyOptions::routes>(
            "routes",
            "Path prefixes of the routes it may use, or beginnings with '*'. Empty "
            "allows all.")
            .check(check_pattern),
        setting<&KeyOptions::priority>(
            "priority",
            "high, normal or low: how urgent its requests are in the queues of pools. Empty takes "
            "what the route says.")
            .check(check_priority),
        setting<&KeyOptions::expires_at>(
            "expires_at", "From when on it is refused, as \"2027-01-31T00:00:00Z\". Empty: never.")
            .check(check_time),
        setting<&KeyOptions::disabled>("disabled", "Refuses it until this is false again."),
        setting<&KeyOptions::metadata>("metadata",
                                       "Texts of your own, as { owner = \"Ada\" }. Not secrets.")
            .check_each(check_metadata),
    }),
    limit_settings<&KeyOptions::limits, &KeyOptions::budget>());

constexpr auto kTenantSettings = limit_settings<&TenantOptions::limits, &TenantOptions::budget>();

}  // namespace

SectionTable keys_section() {
    return {"[keys]", kKeysSettings, &defaults<KeyStoreOptions>};
}

SectionTable key_section() {
    return {"[key.NAME]", kKeySettings, &defaults<KeyOptions>};
}

SectionTable tenant_section() {
    return {"[tenant.NAME]", kTenantSettings, &defaults<TenantOptions>};
}

}  // namespace sluice::config
