// One map; only this thread makes references to what is in it, so a count of one is the book's own.
#include "access/limit_book.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "access/budget.h"
#include "access/options.h"
#include "access/scope_limits.h"

namespace sluice::access {

LimitBook::LimitBook(const LimitBookOptions& options, const Moment& moment)
    : options_(options), phases_(window_phases(moment.now, moment.unix_ms)) {}

std::expected<ScopeLimitsPtr, std::string> LimitBook::scope(ScopeKind kind,
                                                            std::string_view name,
                                                            const LimitOptions& limits,
                                                            const BudgetOptions& budget,
                                                            const Moment& moment) {
    ScopeLimitsPtr record = find(kind, name);
    if (record == nullptr) {
        if (records_.size() >= options_.scopes_max && forget_idle(moment) == 0) {
            return std::unexpected(fmt::format(
                "there are limits of {} scopes already, which is the most", options_.scopes_max));
        }
        record = std::make_shared<ScopeLimits>(kind, name, phases_);
        records_.emplace(Key(kind, name), record);
    }
    record->configure(limits, budget, moment.now, moment.unix_s());
    return record;
}

ScopeLimitsPtr LimitBook::find(ScopeKind kind, std::string_view name) const {
    const auto found = records_.find(Key(kind, name));
    return found == records_.end() ? nullptr : found->second;
}

bool LimitBook::restore(ScopeKind kind,
                        std::string_view name,
                        int64_t period_start_s,
                        int64_t spent_picodollars) {
    const ScopeLimitsPtr record = find(kind, name);
    return record != nullptr && record->budget().restore(period_start_s, spent_picodollars);
}

void LimitBook::for_each(const std::function<void(ScopeLimits&)>& visit) const {
    for (const auto& [key, record] : records_) {
        visit(*record);
    }
}

size_t LimitBook::forget_idle(const Moment& moment) {
    return std::erase_if(records_, [&](const auto& entry) {
        return entry.second.use_count() == 1 && entry.second->is_idle(moment.now, moment.unix_s());
    });
}

}  // namespace sluice::access
