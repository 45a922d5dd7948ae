// LimitBook: the record of each scope's limits, found by kind and name, kept over reloads.
//
// Control thread only. A load or an admin call asks for the record of each scope that it
// configures, and the data path then holds pointers: snapshots and key tables own what they
// point to, an exchange keeps its table, and so no shard ever looks anything up here. A record that
// nobody holds any more and nothing is used of is forgotten when room is needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "access/options.h"
#include "access/scope_limits.h"
#include "base/time.h"

namespace sluice::access {

// Both clocks at one moment: rates go by the first, calendars by the second.
struct Moment {
    Instant now = {};
    int64_t unix_ms = 0;

    int64_t unix_s() const { return unix_ms / 1'000; }
};

using ScopeLimitsPtr = std::shared_ptr<ScopeLimits>;

class LimitBook {
public:
    // `moment` decides where the hours and days of rates lie, for good: a clock that is set
    // afterwards opens and closes no window.
    LimitBook(const LimitBookOptions& options, const Moment& moment);
    LimitBook(const LimitBook&) = delete;
    LimitBook& operator=(const LimitBook&) = delete;

    // The record with these numbers in force from now on. The error is a phrase: there are too
    // many.
    std::expected<ScopeLimitsPtr, std::string> scope(ScopeKind kind,
                                                     std::string_view name,
                                                     const LimitOptions& limits,
                                                     const BudgetOptions& budget,
                                                     const Moment& moment);
    // The record as it is; null when there is none.
    ScopeLimitsPtr find(ScopeKind kind, std::string_view name) const;
    // What the ledger knows of a period; whether there is such a budget and the period still runs.
    bool restore(ScopeKind kind,
                 std::string_view name,
                 int64_t period_start_s,
                 int64_t spent_picodollars);

    // By kind and name, for the admin API.
    void for_each(const std::function<void(ScopeLimits&)>& visit) const;
    // Returns how many it was.
    size_t forget_idle(const Moment& moment);
    size_t size() const { return records_.size(); }

private:
    using Key = std::pair<ScopeKind, std::string>;

    LimitBookOptions options_;
    WindowPhases phases_;
    std::map<Key, ScopeLimitsPtr> records_;
};

}  // namespace sluice::access
