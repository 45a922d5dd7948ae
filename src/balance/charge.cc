// Whatever was added is subtracted by the same numbers, which is why they are kept here.
#include "balance/charge.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/prefix_index.h"
#include "balance/target.h"
#include "balance/target_rates.h"
#include "balance/target_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr double kSlowdownLeast = 0.1;
constexpr double kSlowdownMost = 100;
constexpr double kWeightLeast = 0.01;
constexpr double kWeightMost = 3;
// What a fault counts as: a failure that comes at once must not look like a fast answer.
constexpr double kSlowdownOfFault = 8;
constexpr Duration kFailuresFade = Duration::seconds(30);
constexpr Duration kPhantomFade = Duration::milliseconds(2'500);
// Of a target that asks for a pause without saying how long, and the longest that is believed.
constexpr Duration kRestUnsaid = Duration::seconds(1);
constexpr Duration kRestMost = Duration::seconds(300);
// A prediction of fewer cached tokens says too little to learn from.
constexpr uint32_t kTellingTokens = 256;
constexpr uint32_t kShortfallsMost = 3;
constexpr double kCapacityDown = 0.98;
constexpr double kCapacityUp = 1.02;
constexpr double kMuchMore = 0.25;

}  // namespace

Charge::Charge(Charge&& other) noexcept {
    *this = std::move(other);
}

Charge& Charge::operator=(Charge&& other) noexcept {
    if (this == &other) {
        return *this;
    }
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    target_ = std::exchange(other.target_, nullptr);
    began_ = other.began_;
    queued_tokens_ = other.queued_tokens_;
    in_flight_ = other.in_flight_;
    prompt_tokens_ = other.prompt_tokens_;
    uncached_tokens_ = other.uncached_tokens_;
    kv_tokens_ = other.kv_tokens_;
    is_decoding_ = std::exchange(other.is_decoding_, false);
    is_probe_ = std::exchange(other.is_probe_, false);
    return *this;
}

double Charge::expected_ttft_s() const {
    const double rate = std::max(target_->options.prefill_tokens_per_s, 1U);
    return pool_->state().base() + uncached_tokens_ / rate;
}

Charge::~Charge() {
    release();
}

void Charge::release() {
    if (target_ == nullptr) {
        return;
    }
    TargetState& state = *target_->state;
    if (is_probe_) {
        state.breaker.drop_probe();
    }
    if (is_decoding_) {
        state.decoding.fetch_sub(1, kRelaxed);
    } else {
        state.prefill_tokens.fetch_sub(uncached_tokens_, kRelaxed);
    }
    state.kv_tokens.fetch_sub(kv_tokens_, kRelaxed);
    state.requests.fetch_sub(1, kRelaxed);
    target_ = nullptr;
    pool_ = nullptr;
    is_decoding_ = false;
    is_probe_ = false;
}

void Charge::on_first_token(Instant now) {
    if (target_ == nullptr || is_decoding_) {
        return;
    }
    is_decoding_ = true;
    TargetState& state = *target_->state;
    state.prefill_tokens.fetch_sub(uncached_tokens_, kRelaxed);
    state.decoding.fetch_add(1, kRelaxed);
    state.reading_since_ms.store(ms_of(now), kRelaxed);

    const PoolOptions& options = pool_->options();
    PoolState& shared = pool_->state();
    const double ttft_s = std::max((now - began_).as_seconds(), 0.0);
    const double rate = std::max(target_->options.prefill_tokens_per_s, 1U);
    const double own_s = uncached_tokens_ / rate;
    const double queued_s = queued_tokens_ / rate;
    // The first one of all says how long first tokens take here, and nothing of its target.
    if (shared.base_s.is_empty()) {
        shared.learn_base(ttft_s, queued_s + own_s, now);
    }
    // Against what it should have taken behind those that waited: how fast the target is. Against
    // an idle target: how long people wait, which is what limits and hedges go by.
    const double base_s = shared.base();
    const double expected_s = base_s + queued_s + own_s;
    const double pace = std::clamp(ttft_s / expected_s, kSlowdownLeast, kSlowdownMost);
    const double wait = std::clamp(ttft_s / (base_s + own_s), kSlowdownLeast, kSlowdownMost);
    // One that should have taken longer says more: the ratio of two short times is mostly chance.
    const Duration tau = Duration::milliseconds(options.latency_decay_ms);
    shared.expected_s.add(expected_s, now, tau);
    const double weight = expected_s / shared.expected_s.value(expected_s);
    const double bounded = std::clamp(weight, kWeightLeast, kWeightMost);
    state.slowdown.add(pace, now, tau, bounded);
    shared.pace.add(pace, now, tau, bounded);
    state.recent_ttft_us.fetch_add(static_cast<uint64_t>(ttft_s * 1e6), kRelaxed);
    state.recent_expected_us.fetch_add(static_cast<uint64_t>(expected_s * 1e6), kRelaxed);
    shared.learn_base(ttft_s, queued_s + own_s, now);
    shared.slowdowns.add(wait);
    if (options.adaptive_limit.enabled) {
        state.limit.on_sample(wait, in_flight_, options.adaptive_limit);
    }
}

void Charge::finish(const Outcome& outcome, Instant now) {
    if (target_ == nullptr) {
        return;
    }
    move_breaker(outcome.verdict, now);
    learn(outcome, now);
    correct_prefixes(outcome, now);
    correct_rates(outcome, now);
    release();
}

// Providers count what they were sent; what they refused or failed at has cost no tokens.
void Charge::correct_rates(const Outcome& outcome, Instant now) {
    TargetRates& rates = target_->state->rates;
    const TargetOptions& options = target_->options;
    if (!outcome.was_sent) {
        rates.give_back(options, kv_tokens_, began_);
    } else if (outcome.verdict == Verdict::pushback || outcome.verdict == Verdict::fault) {
        rates.correct_tokens(options, kv_tokens_, 0, began_, now);
    } else if (outcome.prompt_tokens >= 0 && outcome.output_tokens >= 0) {
        const uint64_t used = static_cast<uint64_t>(outcome.prompt_tokens) +
                              static_cast<uint64_t>(outcome.output_tokens);
        rates.correct_tokens(options, kv_tokens_, used, began_, now);
    }
}

void Charge::move_breaker(Verdict verdict, Instant now) {
    TargetState& state = *target_->state;
    const BreakerOptions& options = pool_->options().breaker;
    if (verdict == Verdict::neutral) {
        return;  // A probe's place is given back with the rest.
    }
    auto change = CircuitBreaker::Change::none;
    if (is_probe_) {
        is_probe_ = false;
        change = state.breaker.on_probe(verdict == Verdict::success, options, now, state.salt);
    } else if (!state.breaker.has_a_say(began_)) {
        return;
    } else if (verdict == Verdict::success) {
        change = state.breaker.on_success(options, now);
    } else if (verdict == Verdict::fault) {
        change = state.breaker.on_fault(options, now, state.salt);
    }
    if (change == CircuitBreaker::Change::closed) {
        state.slow_start_ms.store(ms_of(now), kRelaxed);
        state.failures.clear();
        state.phantoms.clear();
    }
}

void Charge::learn(const Outcome& outcome, Instant now) {
    TargetState& state = *target_->state;
    const PoolOptions& options = pool_->options();
    switch (outcome.verdict) {
        case Verdict::success: {
            state.successes_total.fetch_add(1, kRelaxed);
            state.recent_successes.fetch_add(1, kRelaxed);
            if (!state.failures.is_empty()) {
                state.failures.add(0, now, kFailuresFade);
            }
            if (outcome.per_token > Duration{}) {
                const double seconds = outcome.per_token.as_seconds();
                const Duration tau = Duration::milliseconds(options.latency_decay_ms);
                state.per_token_s.add(seconds, now, tau);
                pool_->state().per_token_s.add(seconds, now, tau);
            }
            break;
        }
        case Verdict::fault:
            state.faults_total.fetch_add(1, kRelaxed);
            state.recent_faults.fetch_add(1, kRelaxed);
            state.failures.add(1, now, kFailuresFade);
            state.slowdown.raise(kSlowdownOfFault, now);
            state.phantoms.pile(1, now, kPhantomFade);
            state.note_error(outcome.error, now);
            break;
        case Verdict::pushback: {
            state.pushbacks_total.fetch_add(1, kRelaxed);
            const Duration said = outcome.retry_after;
            state.rest(now + (said > Duration{} ? std::min(said, kRestMost) : kRestUnsaid));
            state.note_error(outcome.error, now);
            if (options.adaptive_limit.enabled) {
                state.limit.on_pushback(options.adaptive_limit);
            }
            break;
        }
        case Verdict::neutral:
            state.neutral_total.fetch_add(1, kRelaxed);
            break;
    }
}

// What the target says its cache had, against what we thought. Nothing at all, several times in a
// row, is a target that has begun anew; less or more, a cache that is smaller or larger.
void Charge::correct_prefixes(const Outcome& outcome, Instant now) {
    PrefixIndex* prefixes = pool_->prefixes_.get();
    if (prefixes == nullptr || outcome.cached_tokens < 0 || outcome.prompt_tokens <= 0) {
        return;
    }
    TargetState& state = *target_->state;
    if (outcome.cached_tokens > 0) {
        state.reports_cached.store(true, kRelaxed);
    } else if (!state.reports_cached.load(kRelaxed)) {
        return;  // It may say 0 because it never says more.
    }
    const uint32_t predicted_tokens = prompt_tokens_ - uncached_tokens_;
    const double predicted = static_cast<double>(predicted_tokens) / std::max(prompt_tokens_, 1U);
    const double had = static_cast<double>(outcome.cached_tokens) / outcome.prompt_tokens;
    const auto index = static_cast<size_t>(target_ - pool_->targets_.data());
    const uint16_t id = pool_->prefix_ids_[index];
    const bool is_since_clearing = ms_of(began_) > state.cache_cleared_ms.load(kRelaxed);
    if (predicted_tokens < kTellingTokens || !is_since_clearing) {
        return;
    }
    if (had * 4 < predicted) {
        const uint32_t in_a_row = state.cache_shortfalls.fetch_add(1, kRelaxed) + 1;
        if (in_a_row >= kShortfallsMost) {
            state.cache_shortfalls.store(0, kRelaxed);
            state.cache_cleared_ms.store(ms_of(now), kRelaxed);
            prefixes->clear(id);
            return;
        }
    } else {
        state.cache_shortfalls.store(0, kRelaxed);
    }
    if (had * 2 < predicted) {
        prefixes->cache(id).scale_capacity(kCapacityDown);
    } else if (had > predicted + kMuchMore) {
        prefixes->cache(id).scale_capacity(kCapacityUp);
    }
}

}  // namespace sluice::balance
