// What may be asked of one scope (a key, a tenant, a model ...), as plain values with defaults.
//
// 0 is "no limit" everywhere. Control thread; what the data path uses is made of it by LimitBook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::access {

constexpr int64_t kPicodollarsPerDollar = 1'000'000'000'000;
// Sums of money are 64 bits wide: nine million dollars and a bit.
constexpr int64_t kDollarsMax = 9'000'000;
constexpr int64_t kPicodollarsMax = kDollarsMax * kPicodollarsPerDollar;
// Above, the rounding of a rate to whole ticks would be seen (gcra.h).
constexpr int64_t kRateLimitMax = 10'000'000'000;
constexpr int64_t kConcurrencyMax = 10'000'000;

struct LimitOptions {
    int64_t requests_per_minute = 0;
    int64_t requests_per_hour = 0;
    int64_t requests_per_day = 0;
    int64_t tokens_per_minute = 0;
    int64_t tokens_per_hour = 0;
    int64_t tokens_per_day = 0;
    // What may come at once after a pause; 0: as much as in a minute.
    int64_t requests_burst = 0;
    int64_t tokens_burst = 0;
    int64_t concurrency_max = 0;

    bool operator==(const LimitOptions&) const = default;
};

// Of the UTC calendar; a week begins on Monday.
enum class BudgetPeriod : uint8_t { hour, day, week, month, total };

struct BudgetOptions {
    int64_t hard_picodollars = 0;  // Refuses what would exceed it.
    int64_t soft_picodollars = 0;  // Says that it is exceeded.
    BudgetPeriod period = BudgetPeriod::month;

    bool operator==(const BudgetOptions&) const = default;
};

struct LimitBookOptions {
    // Records of scopes, about 700 bytes each. Idle ones of scopes that are gone make room.
    size_t scopes_max = 100'000;
};

struct KeyStoreOptions {
    std::string file = {};  // keys.json; empty: keys come from the configuration only.
    // A key in the file is about 500 bytes, so that this is one thousandth of what fits.
    size_t keys_max = 100'000;
    size_t file_bytes_max = size_t{256} << 20U;
};

}  // namespace sluice::access
