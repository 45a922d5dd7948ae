// TargetState: what is known of one target, in relaxed atomics that all shards share.
//
// By cache lines: the ledger, which only charges write, and the averages that a choice reads with
// it; whether the target may be used; counts for outliers and for display; and the limits of its
// provider. A race between two shards costs a decision that is a little wrong; the
// ledger is exact, as each charge adds and takes away the same. Outlives reloads for as long as the
// target has its name. Any shard.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/adaptive_limit.h"
#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/target.h"
#include "balance/target_rates.h"
#include "base/time.h"

namespace sluice::balance {

// What is in flight at a target as a choice sees it: the ledger, with what others send there by
// the engine's own words, and with what is imagined there after faults.
struct LoadView {
    double requests = 0;
    double prefill_tokens = 0;
    double decoding = 0;
    double kv_tokens = 0;
};

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): lines are kept apart.
struct TargetState {
    explicit TargetState(uint64_t target_salt) : salt(target_salt) {}

    // --- The ledger.
    alignas(64) std::atomic<int32_t> requests = 0;
    std::atomic<int32_t> decoding = 0;        // Past their first token.
    std::atomic<int64_t> prefill_tokens = 0;  // Uncached, of those that are not.
    std::atomic<int64_t> kv_tokens = 0;       // Prompts and expected answers.
    // --- Averages.
    Ewma slowdown;     // Time to first token by what it should have been; 1 is as expected.
    Ewma per_token_s;  // Between output tokens.
    Ewma failures;     // 1 for a fault, 0 for a success.
    Ewma phantoms;     // Requests that are imagined in flight after faults.
    std::atomic<uint64_t> engine = 0;  // See set_engine().

    // --- Whether it may be used. Times are milliseconds of the monotonic clock.
    alignas(64) CircuitBreaker breaker;
    AdaptiveLimit limit;
    std::atomic<int64_t> resting_until_ms = 0;
    std::atomic<int64_t> ejected_until_ms = 0;
    std::atomic<int64_t> slow_start_ms = 0;  // When it began; 0 is never.
    std::atomic<uint32_t> ejections = 0;     // In a row; an interval without fewer by one.
    std::atomic<Mode> mode = Mode::active;
    std::atomic<bool> is_healthy = true;  // By active checks.
    std::atomic<bool> reports_cached = false;
    // Since when it reads what is first in its queue: the last first token, or the first prompt.
    std::atomic<int64_t> reading_since_ms = 0;
    // A weight that was set at run time, and that of the options that it is over; 0 is none.
    std::atomic<uint32_t> set_weight = 0;
    std::atomic<uint32_t> set_weight_over = 0;

    // --- Since outliers were judged last.
    alignas(64) std::atomic<uint32_t> recent_successes = 0;
    std::atomic<uint32_t> recent_faults = 0;
    std::atomic<uint64_t> recent_ttft_us = 0;      // Sums of times to first token,
    std::atomic<uint64_t> recent_expected_us = 0;  // and of what they should have been.
    std::atomic<uint32_t> slow_intervals = 0;
    std::atomic<uint32_t> quiet_intervals = 0;   // Too few requests to say anything.
    std::atomic<uint32_t> cache_shortfalls = 0;  // In a row.
    std::atomic<int64_t> cache_cleared_ms = 0;

    // --- Of active checks, for display. Written by the shard that checks.
    std::atomic<int64_t> health_since_ms = 0;  // Since when it is as they say; 0: no check yet.
    std::atomic<int64_t> checked_ms = 0;
    std::atomic<uint32_t> check_us = 0;     // What the last one took.
    std::atomic<uint16_t> check_error = 0;  // Why it failed; 0: it did not, or by its status.
    std::atomic<uint16_t> check_status = 0;

    // --- Since the process began, for display.
    std::atomic<uint32_t> last_error = 0;
    std::atomic<int64_t> last_error_ms = 0;
    alignas(64) std::atomic<uint64_t> selected_total = 0;
    std::atomic<uint64_t> successes_total = 0;
    std::atomic<uint64_t> faults_total = 0;
    std::atomic<uint64_t> pushbacks_total = 0;
    std::atomic<uint64_t> neutral_total = 0;
    std::atomic<uint64_t> ejections_total = 0;

    const uint64_t salt;

    TargetRates rates;

    // `request_tokens` is what an imagined request weighs: as much as the one to be placed.
    LoadView load(Instant now, uint32_t request_tokens) const {
        const LoadView view = {
            .requests = static_cast<double>(requests.load(std::memory_order_relaxed)),
            .prefill_tokens = static_cast<double>(prefill_tokens.load(std::memory_order_relaxed)),
            .decoding = static_cast<double>(decoding.load(std::memory_order_relaxed)),
            .kv_tokens = static_cast<double>(kv_tokens.load(std::memory_order_relaxed))};
        return has_others() ? with_others(view, now, request_tokens) : view;
    }
    // Whether more is in flight there than the ledger says.
    bool has_others() const {
        return engine.load(std::memory_order_relaxed) != 0 || !phantoms.is_empty();
    }

    // By active checks. A target that comes back starts slowly.
    void set_health(bool healthy, Instant now);
    // What the engine itself says of its queue. Requests that are not ours count with ours, less
    // with each second that this gets older.
    void set_engine(uint32_t waiting, uint32_t running, double kv_share, Instant now);
    // What it said last, for display.
    struct EngineWord {
        bool is_known = false;
        uint32_t waiting = 0;
        uint32_t others = 0;  // Requests that are not ours.
        double kv_share = 0;
        Duration age;
    };
    EngineWord engine_word(Instant now) const;
    // Share of its memory for contexts that was in use; 0 when it was not said lately.
    double kv_share(Instant now) const;

    void rest(Instant until);
    // Where slow start stands, of 0 to 1.
    double ramp(uint32_t slow_start_length_ms, Instant now) const {
        const int64_t begin_ms = std::max(slow_start_ms.load(std::memory_order_relaxed),
                                          ejected_until_ms.load(std::memory_order_relaxed));
        return begin_ms == 0 ? 1 : ramp_since(begin_ms, slow_start_length_ms, now);
    }
    void note_error(uint16_t error, Instant now);

private:
    LoadView with_others(LoadView view, Instant now, uint32_t request_tokens) const;
    static double ramp_since(int64_t begin_ms, uint32_t slow_start_length_ms, Instant now);
};

}  // namespace sluice::balance
