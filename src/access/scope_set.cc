// Open addressing over pointers that are only ever set once.
#include "access/scope_set.h"

#include <atomic>
#include <bit>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"

namespace sluice::access {

namespace {

constexpr size_t kSlotsMin = 2;

std::string_view name_of_rest(ScopeKind kind, size_t scopes_max) {
    return scopes_max == 0 ? scope_kind_name(kind) : std::string_view("others");
}

}  // namespace

ScopeSet::ScopeSet(ScopeKind kind, size_t scopes_max, const Moment& moment)
    : scopes_max_(scopes_max),
      phases_(window_phases(moment.now, moment.unix_ms)),
      rest_(kind, name_of_rest(kind, scopes_max), phases_),
      slots_(std::bit_ceil(kSlotsMin + 2 * scopes_max)) {}

void ScopeSet::configure(const LimitOptions& limits, const Moment& moment) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    rest_.configure(limits, {}, moment.now, moment.unix_s());
    for (const auto& record : records_) {
        record->configure(limits, {}, moment.now, moment.unix_s());
    }
}

// Null when there is none. Slots are filled and never emptied, so a search that meets an empty one
// is over.
ScopeLimits* ScopeSet::find(std::string_view name, size_t hash) const {
    for (size_t at = hash;; ++at) {
        ScopeLimits* const record =
            slots_[at & (slots_.size() - 1)].load(std::memory_order_acquire);
        if (record == nullptr || record->name() == name) {
            return record;
        }
    }
}

ScopeLimits& ScopeSet::scope(std::string_view name, const Moment& moment) {
    if (scopes_max_ == 0) {
        return rest_;
    }
    const size_t hash = std::hash<std::string_view>()(name);
    if (ScopeLimits* const record = find(name, hash)) {
        return *record;
    }
    return size() < scopes_max_ ? make(name, hash, moment) : rest_;
}

ScopeLimits& ScopeSet::make(std::string_view name, size_t hash, const Moment& moment) {
    const std::lock_guard lock(mutex_);
    if (ScopeLimits* const record = find(name, hash)) {
        return *record;  // Another shard was faster.
    }
    if (records_.size() >= scopes_max_) {
        return rest_;
    }
    ScopeLimits& made =
        *records_.emplace_back(std::make_unique<ScopeLimits>(kind(), name, phases_));
    made.configure(limits_, {}, moment.now, moment.unix_s());
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].load(std::memory_order_relaxed) != nullptr) {
        at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at].store(&made, std::memory_order_release);
    size_.store(records_.size(), std::memory_order_relaxed);
    return made;
}

void ScopeSet::for_each(const std::function<void(ScopeLimits&)>& visit) {
    const std::lock_guard lock(mutex_);
    visit(rest_);
    for (const auto& record : records_) {
        visit(*record);
    }
}

}  // namespace sluice::access
