// Budget: money of one scope and one period of the UTC calendar, over all shards.
//
// What an exchange is expected to cost is reserved before it is sent and replaced by what it did
// cost at its end, so that no number of parallel requests slips under the limit: what was spent and
// what is reserved never exceed it together. Only the part by which an exchange costs more than was
// estimated can. Any thread; time is seconds since 1970 and is passed in. A clock that steps back
// reopens no period.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "access/options.h"

namespace sluice::access {

// When the period began that `unix_s` lies in; 0 for `total`.
int64_t period_start_s(BudgetPeriod period, int64_t unix_s);
// When it ends: the first second of the next one; INT64_MAX for `total`.
int64_t period_end_s(BudgetPeriod period, int64_t unix_s);

struct BudgetAnswer {
    bool is_admitted = true;
    bool is_soft_exceeded = false;
};

struct BudgetStatus {
    BudgetOptions options = {};
    int64_t spent_picodollars = 0;
    int64_t reserved_picodollars = 0;
    int64_t period_start_s = 0;
    int64_t period_end_s = 0;
};

class alignas(64) Budget {
public:
    Budget() = default;
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    // Control thread. What was spent in the period stays spent; another kind of period starts from
    // nothing, for the ledger to restore.
    void configure(const BudgetOptions& options, int64_t unix_s);
    // What the ledger knows of the period; ignored when that is not the one that runs.
    bool restore(int64_t start_s, int64_t spent_picodollars);
    // Likewise, in addition to what was spent since this budget is counted.
    bool add_history(int64_t start_s, int64_t spent_picodollars);
    // Control thread: whether it came into force, or began anew, since this was asked last, so that
    // what was spent before is not in it.
    bool take_wants_history() { return std::exchange(wants_history_, false); }

    bool is_limited() const;
    BudgetAnswer peek(int64_t unix_s, int64_t estimate_picodollars);
    // Refused when everything is spent or reserved, or the estimate does not fit in what is left.
    BudgetAnswer reserve(int64_t unix_s, int64_t estimate_picodollars);
    // At the end of every exchange that was admitted, once, with the same estimate.
    void settle(int64_t unix_s, int64_t estimate_picodollars, int64_t cost_picodollars);

    BudgetStatus status(int64_t unix_s);

private:
    void begin_period(int64_t unix_s);
    BudgetAnswer judge(int64_t committed, int64_t estimate) const;

    std::atomic<int64_t> committed_ = 0;  // Spent and reserved: what is compared with the limit.
    std::atomic<int64_t> spent_ = 0;
    std::atomic<int64_t> ends_at_s_ = 0;
    std::atomic<int64_t> hard_ = 0;
    std::atomic<int64_t> soft_ = 0;
    std::atomic<BudgetPeriod> period_ = BudgetPeriod::month;
    bool wants_history_ = false;  // The control thread's.
};

}  // namespace sluice::access
