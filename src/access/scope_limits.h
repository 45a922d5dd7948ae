// ScopeLimits: every limit of one scope (one key, tenant, model ...), as the shards use them.
//
// Made and changed by LimitBook on the control thread; read and charged by any shard through
// pointers that whoever configures a scope holds. What is not limited costs nothing: admission goes
// over the bits of limits_in_force().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "access/budget.h"
#include "access/concurrency_limit.h"
#include "access/gcra.h"
#include "access/options.h"
#include "base/time.h"

namespace sluice::access {

enum class ScopeKind : uint8_t { gateway, tenant, key, route, model, provider };
std::string_view scope_kind_name(ScopeKind kind);

// The rates come first, in the order of ScopeLimits::rate().
enum class LimitName : uint8_t {
    requests_per_minute,
    requests_per_hour,
    requests_per_day,
    tokens_per_minute,
    tokens_per_hour,
    tokens_per_day,
    concurrency,
    budget,
};
constexpr size_t kRateCount = 6;
constexpr size_t kLimitCount = 8;
std::string_view limit_name(LimitName name);  // "requests_per_minute"

constexpr bool is_rate(LimitName name) {
    return static_cast<size_t>(name) < kRateCount;
}
constexpr bool counts_tokens(LimitName name) {
    return is_rate(name) && name >= LimitName::tokens_per_minute;
}

// A set of limits, one bit each.
using LimitMask = uint8_t;
constexpr LimitMask bit_of(LimitName name) {
    return static_cast<LimitMask>(1U << static_cast<unsigned>(name));
}

constexpr LimitMask kAllLimits = (1U << kLimitCount) - 1;

// A minute's limit is smooth, an hour's and a day's a window of the UTC calendar; where on the
// monotonic clock hours and days begin is set when the record is made.
struct WindowPhases {
    Duration hour;
    Duration day;
};
WindowPhases window_phases(Instant now, int64_t unix_ms);

class ScopeLimits {
public:
    ScopeLimits(ScopeKind kind, std::string_view name, const WindowPhases& phases);
    ScopeLimits(const ScopeLimits&) = delete;
    ScopeLimits& operator=(const ScopeLimits&) = delete;

    ScopeKind kind() const { return kind_; }
    const std::string& name() const { return name_; }

    // Control thread. Changed numbers hold at once; what was used stays used.
    void configure(const LimitOptions& limits,
                   const BudgetOptions& budget,
                   Instant now,
                   int64_t unix_s);

    LimitMask limits_in_force() const { return in_force_.load(std::memory_order_acquire); }
    Gcra& rate(LimitName name) { return rates_[static_cast<size_t>(name)]; }
    const Gcra& rate(LimitName name) const { return rates_[static_cast<size_t>(name)]; }
    ConcurrencyLimit& concurrency() { return concurrency_; }
    const ConcurrencyLimit& concurrency() const { return concurrency_; }
    Budget& budget() { return budget_; }

    // Whether nothing is used, in flight or spent: forgetting it would change no answer.
    bool is_idle(Instant now, int64_t unix_s);

private:
    std::array<Gcra, kRateCount> rates_;
    ConcurrencyLimit concurrency_;
    Budget budget_;
    std::atomic<LimitMask> in_force_ = 0;
    const ScopeKind kind_;
    const std::string name_;
};

}  // namespace sluice::access
