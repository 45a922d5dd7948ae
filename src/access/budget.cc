// A period ends when the first one notices: who moves the end on takes out what was spent before.
#include "access/budget.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "access/options.h"
#include "base/assert.h"
#include "base/calendar.h"

namespace sluice::access {

namespace {

constexpr int64_t kHourSeconds = 3'600;
// Monday, 5 January 1970.
constexpr int64_t kFirstMondaySeconds = 4 * kSecondsPerDay;

int64_t floor_to(int64_t value, int64_t step) {
    const int64_t rest = value % step;
    return value - (rest < 0 ? rest + step : rest);
}

// Sums stay at the end of the scale instead of beginning anew at the other one.
void add_bounded(std::atomic<int64_t>& sum, int64_t amount) {
    int64_t value = sum.load(std::memory_order_relaxed);
    int64_t next = 0;
    do {
        next = amount > kPicodollarsMax - std::max<int64_t>(value, 0) ? kPicodollarsMax
                                                                      : value + amount;
    } while (!sum.compare_exchange_weak(value, next, std::memory_order_relaxed));
}

int64_t bounded(int64_t picodollars) {
    return std::clamp<int64_t>(picodollars, 0, kPicodollarsMax);
}

}  // namespace

int64_t period_start_s(BudgetPeriod period, int64_t unix_s) {
    switch (period) {
        case BudgetPeriod::hour:
            return floor_to(unix_s, kHourSeconds);
        case BudgetPeriod::day:
            return floor_to(unix_s, kSecondsPerDay);
        case BudgetPeriod::week:
            return floor_to(unix_s - kFirstMondaySeconds, 7 * kSecondsPerDay) + kFirstMondaySeconds;
        case BudgetPeriod::month: {
            Date date = date_of(floor_to(unix_s, kSecondsPerDay) / kSecondsPerDay);
            date.day = 1;
            return days_since_1970(date) * kSecondsPerDay;
        }
        case BudgetPeriod::total:
            return 0;
    }
    SLUICE_UNREACHABLE();
}

int64_t period_end_s(BudgetPeriod period, int64_t unix_s) {
    const int64_t start = period_start_s(period, unix_s);
    switch (period) {
        case BudgetPeriod::hour:
            return start + kHourSeconds;
        case BudgetPeriod::day:
            return start + kSecondsPerDay;
        case BudgetPeriod::week:
            return start + 7 * kSecondsPerDay;
        case BudgetPeriod::month: {
            Date date = date_of(start / kSecondsPerDay);
            date.year += date.month == 12 ? 1 : 0;
            date.month = date.month == 12 ? 1 : date.month + 1;
            return days_since_1970(date) * kSecondsPerDay;
        }
        case BudgetPeriod::total:
            return INT64_MAX;
    }
    SLUICE_UNREACHABLE();
}

void Budget::configure(const BudgetOptions& options, int64_t unix_s) {
    const bool was_limited = is_limited();
    const BudgetPeriod before = period_.exchange(options.period);
    const bool is_other_period = before != options.period || ends_at_s_.load() == 0;
    if (is_other_period) {
        ends_at_s_.store(period_end_s(options.period, unix_s));
    }
    const bool will_be_limited = options.hard_picodollars > 0 || options.soft_picodollars > 0;
    // Without a limit nothing was counted, so what there is is not all.
    if (is_other_period || (will_be_limited && !was_limited)) {
        committed_.fetch_sub(spent_.exchange(0));
        wants_history_ = will_be_limited;
    }
    hard_.store(bounded(options.hard_picodollars), std::memory_order_relaxed);
    soft_.store(bounded(options.soft_picodollars), std::memory_order_relaxed);
}

bool Budget::restore(int64_t start_s, int64_t spent_picodollars) {
    const int64_t ends_at_s = ends_at_s_.load();
    const int64_t running_since_s = period_start_s(period_.load(), ends_at_s - 1);
    if (start_s != running_since_s) {
        return false;
    }
    const int64_t spent = bounded(spent_picodollars);
    add_bounded(committed_, spent - spent_.exchange(spent));
    return true;
}

bool Budget::add_history(int64_t start_s, int64_t spent_picodollars) {
    if (start_s != period_start_s(period_.load(), ends_at_s_.load() - 1)) {
        return false;
    }
    const int64_t spent = bounded(spent_picodollars);
    add_bounded(committed_, spent);
    add_bounded(spent_, spent);
    return true;
}

bool Budget::is_limited() const {
    return hard_.load(std::memory_order_relaxed) > 0 || soft_.load(std::memory_order_relaxed) > 0;
}

// What is reserved stays so in the new period. Between the two steps the budget looks fuller than
// it is, never emptier.
void Budget::begin_period(int64_t unix_s) {
    int64_t ends_at_s = ends_at_s_.load(std::memory_order_acquire);
    if (unix_s < ends_at_s) [[likely]] {
        return;
    }
    const int64_t next = period_end_s(period_.load(std::memory_order_relaxed), unix_s);
    if (ends_at_s_.compare_exchange_strong(ends_at_s, next)) {
        committed_.fetch_sub(spent_.exchange(0));
    }
}

BudgetAnswer Budget::judge(int64_t committed, int64_t estimate) const {
    const int64_t hard = hard_.load(std::memory_order_relaxed);
    const int64_t soft = soft_.load(std::memory_order_relaxed);
    const bool fits = hard <= 0 || (committed < hard && estimate <= hard - committed);
    return {.is_admitted = fits, .is_soft_exceeded = soft > 0 && estimate > soft - committed};
}

BudgetAnswer Budget::peek(int64_t unix_s, int64_t estimate_picodollars) {
    begin_period(unix_s);
    return judge(committed_.load(std::memory_order_relaxed), bounded(estimate_picodollars));
}

BudgetAnswer Budget::reserve(int64_t unix_s, int64_t estimate_picodollars) {
    begin_period(unix_s);
    const int64_t estimate = bounded(estimate_picodollars);
    int64_t committed = committed_.load(std::memory_order_relaxed);
    while (true) {
        const BudgetAnswer answer = judge(committed, estimate);
        if (!answer.is_admitted) {
            return answer;
        }
        const int64_t next =
            estimate > kPicodollarsMax - committed ? kPicodollarsMax : committed + estimate;
        if (committed_.compare_exchange_weak(committed, next, std::memory_order_relaxed)) {
            return answer;
        }
    }
}

void Budget::settle(int64_t unix_s, int64_t estimate_picodollars, int64_t cost_picodollars) {
    begin_period(unix_s);
    const int64_t cost = bounded(cost_picodollars);
    // First into the sum that is compared, so that it is never too small.
    add_bounded(committed_, cost - bounded(estimate_picodollars));
    add_bounded(spent_, cost);
}

BudgetStatus Budget::status(int64_t unix_s) {
    begin_period(unix_s);
    const int64_t spent = spent_.load(std::memory_order_relaxed);
    const int64_t ends_at_s = ends_at_s_.load(std::memory_order_relaxed);
    const BudgetPeriod period = period_.load(std::memory_order_relaxed);
    const int64_t committed = committed_.load(std::memory_order_relaxed);
    return {.options = {.hard_picodollars = hard_.load(std::memory_order_relaxed),
                        .soft_picodollars = soft_.load(std::memory_order_relaxed),
                        .period = period},
            .spent_picodollars = spent,
            .reserved_picodollars = std::max<int64_t>(committed - spent, 0),
            .period_start_s = period_start_s(period, ends_at_s - 1),
            .period_end_s = ends_at_s};
}

}  // namespace sluice::access
