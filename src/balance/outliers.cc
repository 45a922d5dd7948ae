// Outliers: targets that fail more than they may, or whose first tokens come later than those of
// the others, are left out for a while; after each time in a row for longer.
//
// A machine that has become slow never answers 500: only the comparison with the others shows it.
// Never are so many left out that what is in flight would not fit the rest.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "balance/screening.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Intervals whose requests are added up until there are enough to say something.
constexpr uint32_t kQuietMost = 6;

// What one target did.
struct Record {
    const Target* target = nullptr;
    bool is_usable = false;  // Before anything is decided now.
    bool is_judged = false;
    double failure_percent = 0;
    double slowdown = 0;  // Mean; 0 when nothing is known.
    double severity = 0;  // Above 0: should be left out, the worst first.
};

bool is_usable(const Target& target, const PoolOptions& options, Instant now) {
    const TargetState& state = *target.state;
    const Mode mode = state.mode.load(kRelaxed);
    if (mode == Mode::drained || mode == Mode::forced_open) {
        return false;
    }
    const bool is_trusted = mode == Mode::forced_closed;
    return is_trusted ||
           (state.is_healthy.load(kRelaxed) &&
            state.ejected_until_ms.load(kRelaxed) <= ms_of(now) &&
            (!options.breaker.enabled || state.breaker.peek(now) == CircuitBreaker::Pass::yes));
}

// Takes the counts, if there are enough of them or they are getting old.
Record take_record(const Target& target, const PoolOptions& pool_options, Instant now) {
    const OutlierOptions& options = pool_options.outliers;
    TargetState& state = *target.state;
    Record record = {.target = &target, .is_usable = is_usable(target, pool_options, now)};
    record.slowdown = state.slowdown.value(0);
    const uint32_t requests =
        state.recent_successes.load(kRelaxed) + state.recent_faults.load(kRelaxed);
    const bool is_enough = requests >= std::max(options.requests_min, 1U);
    if (!is_enough && state.quiet_intervals.fetch_add(1, kRelaxed) + 1 < kQuietMost) {
        return record;
    }
    state.quiet_intervals.store(0, kRelaxed);
    const double successes = state.recent_successes.exchange(0, kRelaxed);
    const double faults = state.recent_faults.exchange(0, kRelaxed);
    const auto ttft = static_cast<double>(state.recent_ttft_us.exchange(0, kRelaxed));
    const auto expected = static_cast<double>(state.recent_expected_us.exchange(0, kRelaxed));
    if (is_enough) {
        record.is_judged = true;
        record.failure_percent = 100 * faults / (successes + faults);
        record.slowdown = expected > 0 ? ttft / expected : record.slowdown;
    }
    return record;
}

// The lower one of two: of a pair, one can stand out.
double median_slowdown(const std::vector<Record>& records) {
    std::vector<double> slowdowns;
    for (const Record& record : records) {
        if (record.is_usable && record.slowdown > 0) {
            slowdowns.push_back(record.slowdown);
        }
    }
    if (slowdowns.size() < 2) {
        return 0;
    }
    const auto middle = slowdowns.begin() + static_cast<ptrdiff_t>((slowdowns.size() - 1) / 2);
    std::ranges::nth_element(slowdowns, middle);
    return *middle;
}

void weigh(Record& record, double median, const OutlierOptions& options) {
    TargetState& state = *record.target->state;
    if (!record.is_judged || !record.is_usable) {
        return;
    }
    const bool is_slow = median > 0 && record.slowdown > options.slowdown_factor_max * median;
    uint32_t slow_intervals = 0;
    if (is_slow) {
        slow_intervals = state.slow_intervals.fetch_add(1, kRelaxed) + 1;
    } else {
        state.slow_intervals.store(0, kRelaxed);
    }
    const bool is_failing = record.failure_percent >= options.failure_percent_max;
    if (is_failing) {
        record.severity = 1'000 + record.failure_percent;
    } else if (is_slow && slow_intervals >= options.slow_intervals_min) {
        record.severity = record.slowdown / median;
    } else if (const uint32_t before = state.ejections.load(kRelaxed); before > 0 && !is_slow) {
        state.ejections.store(before - 1, kRelaxed);
    }
}

// Whether what is in flight fits in the targets that are usable but for this one.
bool can_spare(const std::vector<Record>& records,
               const Record& spared,
               const PoolOptions& options) {
    uint64_t in_flight = 0;
    uint64_t room = 0;
    for (const Record& record : records) {
        const int32_t requests = record.target->state->requests.load(kRelaxed);
        in_flight += static_cast<uint64_t>(std::max(requests, 0));
        if (record.is_usable && &record != &spared) {
            room += requests_max(*record.target, options);
        }
    }
    return room > 0 && room >= in_flight;
}

void eject(Record& record, const OutlierOptions& options, Instant now) {
    TargetState& state = *record.target->state;
    const uint32_t count = state.ejections.fetch_add(1, kRelaxed) + 1;
    const int64_t most = std::max(options.ejection_ms, options.ejection_ms_max);
    const int64_t length = std::min(int64_t{options.ejection_ms} * count, most);
    state.ejected_until_ms.store(ms_of(now) + length, kRelaxed);
    state.ejections_total.fetch_add(1, kRelaxed);
    state.slow_intervals.store(0, kRelaxed);
    record.is_usable = false;
}

}  // namespace

void Pool::judge(Instant now) {
    state_->slowdowns.age();
    const OutlierOptions& options = options_.outliers;
    if (!options.enabled) {
        return;
    }
    std::vector<Record> records;
    records.reserve(targets_.size());
    size_t ejected = 0;
    for (const Target& target : targets_) {
        records.push_back(take_record(target, options_, now));
        ejected += target.state->ejected_until_ms.load(kRelaxed) > ms_of(now) ? 1 : 0;
    }
    const double median = median_slowdown(records);
    std::vector<Record*> bad;
    for (Record& record : records) {
        weigh(record, median, options);
        if (record.severity > 0) {
            bad.push_back(&record);
        }
    }
    std::ranges::sort(bad, std::greater<>(), &Record::severity);
    const size_t share = targets_.size() * options.ejected_percent_max / 100;
    const size_t most = targets_.size() < 2 ? 0 : std::max<size_t>(share, 1);
    for (Record* record : bad) {
        if (ejected < most && can_spare(records, *record, options_)) {
            eject(*record, options, now);
            ++ejected;
        }
    }
}

}  // namespace sluice::balance
