// First every limit is asked, then every limit is taken; what another shard took in between makes
// a take fail, and then everything before it goes back.
#include "access/admission.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "access/budget.h"
#include "access/concurrency_limit.h"
#include "access/gcra.h"
#include "access/scope_limits.h"
#include "base/assert.h"
#include "base/time.h"

namespace sluice::access {

namespace {

constexpr LimitMask kRates = (1U << kRateCount) - 1;

template <class Visit>
void for_each_rate(LimitMask limits, const Visit& visit) {
    for (unsigned i = 0; i < kRateCount; ++i) {
        if ((limits & (1U << i)) != 0) {
            visit(static_cast<LimitName>(i));
        }
    }
}

bool has(LimitMask limits, LimitName name) {
    return (limits & bit_of(name)) != 0;
}

Refusal rate_refusal(const ScopeLimits& scope, LimitName name, const RateAnswer& answer) {
    return {.scope = &scope,
            .limit = name,
            .is_too_large = answer.is_too_large,
            .retry_after = answer.retry_after,
            .limit_value = answer.limit,
            .remaining = answer.remaining,
            .reset_after = answer.reset_after};
}

Refusal concurrency_refusal(const ScopeLimits& scope) {
    const int64_t max = scope.concurrency().max();
    return {.scope = &scope,
            .limit = LimitName::concurrency,
            .limit_value = max,
            .remaining = std::max<int64_t>(max - scope.concurrency().in_flight(), 0)};
}

Refusal budget_refusal(ScopeLimits& scope, const Demand& demand) {
    const BudgetStatus status = scope.budget().status(demand.unix_s);
    const int64_t hard = status.options.hard_picodollars;
    const Duration wait = status.options.period == BudgetPeriod::total
                              ? Duration{}
                              : Duration::seconds(status.period_end_s - demand.unix_s);
    return {.scope = &scope,
            .limit = LimitName::budget,
            .is_too_large = demand.cost_picodollars > hard,
            .retry_after = demand.cost_picodollars > hard ? Duration{} : wait,
            .limit_value = hard,
            .remaining =
                std::max<int64_t>(hard - status.spent_picodollars - status.reserved_picodollars, 0),
            .reset_after = wait};
}

// What no waiting helps against counts as the longest wait.
bool is_longer(const Refusal& a, const Refusal& b) {
    return a.is_too_large != b.is_too_large ? a.is_too_large : a.retry_after > b.retry_after;
}

void keep_longest(std::optional<Refusal>& kept, const Refusal& other) {
    if (!kept || is_longer(other, *kept)) {
        kept = other;
    }
}

}  // namespace

std::optional<Refusal> Admission::find_refusal() const {
    std::optional<Refusal> longest;
    for (size_t i = 0; i < count_; ++i) {
        ScopeLimits& scope = *held_[i].scope;
        const LimitMask limits = scope.limits_in_force() & demand_.limits;
        for_each_rate(limits, [&](LimitName name) {
            const RateAnswer answer = scope.rate(name).peek(demand_.now, count_of(name));
            if (!answer.is_admitted) {
                keep_longest(longest, rate_refusal(scope, name, answer));
            }
        });
        const int64_t slots_max = scope.concurrency().max();
        if (has(limits, LimitName::concurrency) && slots_max > 0 &&
            scope.concurrency().in_flight() >= slots_max) {
            keep_longest(longest, concurrency_refusal(scope));
        }
        if (has(limits, LimitName::budget) &&
            !scope.budget().peek(demand_.unix_s, demand_.cost_picodollars).is_admitted) {
            keep_longest(longest, budget_refusal(scope, demand_));
        }
    }
    return longest;
}

std::optional<Refusal> Admission::commit_rates(Held& held) {
    ScopeLimits& scope = *held.scope;
    std::optional<Refusal> refusal;
    for_each_rate(scope.limits_in_force() & demand_.limits, [&](LimitName name) {
        if (refusal) {
            return;
        }
        const RateAnswer answer = scope.rate(name).try_take(demand_.now, count_of(name));
        if (answer.is_admitted) {
            held.limits |= bit_of(name);
        } else {
            refusal = rate_refusal(scope, name, answer);
        }
    });
    return refusal;
}

std::optional<Refusal> Admission::commit(Held& held) {
    ScopeLimits& scope = *held.scope;
    const LimitMask limits = scope.limits_in_force() & demand_.limits;
    if (has(limits, LimitName::concurrency)) {
        held.slot = scope.concurrency().try_enter();
        if (!held.slot.is_held()) {
            return concurrency_refusal(scope);
        }
    }
    if (has(limits, LimitName::budget)) {
        const BudgetAnswer answer =
            scope.budget().reserve(demand_.unix_s, demand_.cost_picodollars);
        if (!answer.is_admitted) {
            return budget_refusal(scope, demand_);
        }
        held.limits |= bit_of(LimitName::budget);
        if (answer.is_soft_exceeded && soft_exceeded_ == nullptr) {
            soft_exceeded_ = &scope;
        }
    }
    return commit_rates(held);
}

std::optional<Refusal> Admission::admit(std::span<ScopeLimits* const> scopes,
                                        const Demand& demand) {
    SLUICE_ASSERT(count_ == 0 && scopes.size() <= kScopesMax);
    demand_ = demand;
    soft_exceeded_ = nullptr;
    for (ScopeLimits* const scope : scopes) {
        if (scope != nullptr && (scope->limits_in_force() & demand.limits) != 0) {
            held_[count_++].scope = scope;
        }
    }
    if (std::optional<Refusal> refusal = find_refusal()) {
        count_ = 0;
        return refusal;
    }
    for (size_t i = 0; i < count_; ++i) {
        if (std::optional<Refusal> refusal = commit(held_[i])) {
            roll_back();
            return refusal;
        }
    }
    return std::nullopt;
}

void Admission::roll_back() {
    for (size_t i = 0; i < count_; ++i) {
        Held& held = held_[i];
        for_each_rate(held.limits & kRates, [&](LimitName name) {
            if (!counts_tokens(name)) {
                held.scope->rate(name).give_back(demand_.now, 1);
            }
        });
    }
    abandon();
    soft_exceeded_ = nullptr;
}

void Admission::abandon() {
    settle(demand_.now, demand_.unix_s, 0, 0);
}

void Admission::settle(Instant now, int64_t unix_s, int64_t tokens, int64_t cost_picodollars) {
    for (size_t i = 0; i < count_; ++i) {
        Held& held = held_[i];
        for_each_rate(held.limits & kRates, [&](LimitName name) {
            if (counts_tokens(name)) {
                held.scope->rate(name).correct(now, demand_.now, tokens - demand_.tokens);
            }
        });
        if (has(held.limits, LimitName::budget)) {
            held.scope->budget().settle(unix_s, demand_.cost_picodollars, cost_picodollars);
        }
        held.slot.release();
        held.limits = 0;
        held.scope = nullptr;
    }
    count_ = 0;
}

std::optional<RateStatus> tightest_rate(std::span<ScopeLimits* const> scopes,
                                        RateUnit unit,
                                        Instant now) {
    std::optional<RateStatus> tightest;
    for (ScopeLimits* const scope : scopes) {
        if (scope == nullptr) {
            continue;
        }
        for_each_rate(scope->limits_in_force(), [&](LimitName name) {
            if (counts_tokens(name) != (unit == RateUnit::tokens)) {
                return;
            }
            const RateAnswer rate = scope->rate(name).peek(now, 0);
            if (rate.limit > 0 && (!tightest || rate.remaining < tightest->rate.remaining)) {
                tightest = RateStatus{scope, name, rate};
            }
        });
    }
    return tightest;
}

}  // namespace sluice::access
