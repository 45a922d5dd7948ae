// What may be asked of one scope (a key, a tenant, a model ...), as plain values with defaults.
//
// 0 is "no limit" everywhere. Control thread; what the data path uses is made of it by LimitBook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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

// Below here: what the configuration says, in its own words.

struct BudgetSettings {
    std::string usd = {};       // "25.50"; empty: no limit.
    std::string soft_usd = {};  // Likewise.
    BudgetPeriod period = BudgetPeriod::month;

    bool operator==(const BudgetSettings&) const = default;
};

// [tenant.NAME]
struct TenantOptions {
    std::string name = {};
    LimitOptions limits;
    BudgetSettings budget;

    bool operator==(const TenantOptions&) const = default;
};

// [key.NAME]
struct KeyOptions {
    std::string name = {};
    // Where the secret comes from: its SHA-256, an environment variable, or a file.
    std::string sha256 = {};
    std::string secret_env = {};
    std::string secret_file = {};
    std::string tenant = {};
    std::vector<std::string> models = {};
    std::vector<std::string> routes = {};
    std::string priority = {};    // The name of one; empty: that of the route.
    std::string expires_at = {};  // RFC 3339; empty: never.
    bool disabled = false;
    LimitOptions limits;
    BudgetSettings budget;
    std::vector<std::pair<std::string, std::string>> metadata = {};
    // Of what was found under secret_env or secret_file, or sha256 itself; empty when nothing was.
    std::string hash = {};
    std::string display = {};

    bool operator==(const KeyOptions&) const = default;
};

struct LimitBookOptions {
    // Records of scopes, about 700 bytes each. Idle ones of scopes that are gone make room.
    size_t scopes_max = 200'000;
};

// [keys]
struct KeyStoreOptions {
    std::string file = {};  // keys.json; empty: keys come from the configuration only.
    // What is rewritten at every change, at about 500 bytes a key, is then 50 MB.
    size_t keys_max = 100'000;
    size_t file_bytes_max = size_t{256} << 20U;

    bool operator==(const KeyStoreOptions&) const = default;
};

}  // namespace sluice::access
