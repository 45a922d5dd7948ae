// ScopeSet: scopes of one kind that all have the same limits and come into being when they are
// first asked for: one for each model that is asked for, say.
//
// For what the control thread cannot know beforehand. Bounded: once there are as many as allowed,
// every further name shares one record, so that whoever invents names gains no room by it. A
// look-up takes no lock; making a record, which happens a bounded number of times, does. Any
// thread; configure() is the control thread's. Records live as long as the set.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"

namespace sluice::access {

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): rest_ is made of what is before it.
class ScopeSet {
public:
    // `moment` decides where hours and days lie, as in LimitBook. With a `scopes_max` of 0 all
    // names share one record, which has the name of the kind.
    ScopeSet(ScopeKind kind, size_t scopes_max, const Moment& moment);
    ScopeSet(const ScopeSet&) = delete;
    ScopeSet& operator=(const ScopeSet&) = delete;

    // New numbers hold at once for every record; what was used stays used.
    void configure(const LimitOptions& limits, const Moment& moment);

    ScopeLimits& scope(std::string_view name, const Moment& moment);

    ScopeKind kind() const { return rest_.kind(); }
    size_t scopes_max() const { return scopes_max_; }
    size_t size() const { return size_.load(std::memory_order_relaxed); }
    void for_each(const std::function<void(ScopeLimits&)>& visit);

private:
    ScopeLimits* find(std::string_view name, size_t hash) const;
    ScopeLimits& make(std::string_view name, size_t hash, const Moment& moment);

    const size_t scopes_max_;
    const WindowPhases phases_;
    ScopeLimits rest_;  // Of all names that have none of their own.
    // A power of two, at most half full; a record that was put in never moves.
    std::vector<std::atomic<ScopeLimits*>> slots_;
    std::atomic<size_t> size_ = 0;
    std::mutex mutex_;  // Guards what follows, and filling slots.
    LimitOptions limits_;
    std::vector<std::unique_ptr<ScopeLimits>> records_;
};

// The control thread's and that of configurations in force.
using ScopeSetPtr = std::shared_ptr<ScopeSet>;

}  // namespace sluice::access
