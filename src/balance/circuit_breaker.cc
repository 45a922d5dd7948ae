// The word, from its top: 2 bits state, 1 probe in flight, 4 times opened, 4 successes of probes,
// 13 faults in a row, 40 the end of being open in milliseconds (34 years).
#include "balance/circuit_breaker.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "balance/ewma.h"
#include "balance/options.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint32_t kOpenedMax = 15;
constexpr uint32_t kSuccessesMax = 15;
constexpr uint32_t kFaultsMax = 8191;
constexpr uint64_t kUntilMask = (uint64_t{1} << 40U) - 1;

struct Word {
    CircuitBreaker::State state = CircuitBreaker::State::closed;
    bool is_probing = false;
    uint32_t opened = 0;
    uint32_t successes = 0;
    uint32_t faults = 0;
    int64_t until_ms = 0;
};

Word unpack(uint64_t bits) {
    return {.state = static_cast<CircuitBreaker::State>(bits >> CircuitBreaker::kStateShift),
            .is_probing = (bits >> 61U & 1U) != 0,
            .opened = static_cast<uint32_t>(bits >> 57U & kOpenedMax),
            .successes = static_cast<uint32_t>(bits >> 53U & kSuccessesMax),
            .faults = static_cast<uint32_t>(bits >> 40U & kFaultsMax),
            .until_ms = static_cast<int64_t>(bits & kUntilMask)};
}

uint64_t pack(const Word& word) {
    return static_cast<uint64_t>(word.state) << CircuitBreaker::kStateShift |
           uint64_t{word.is_probing} << 61U | uint64_t{std::min(word.opened, kOpenedMax)} << 57U |
           uint64_t{std::min(word.successes, kSuccessesMax)} << 53U |
           uint64_t{std::min(word.faults, kFaultsMax)} << 40U |
           (static_cast<uint64_t>(word.until_ms) & kUntilMask);
}

// For 90 to 110 % of its time, so that targets that failed together do not come back together.
Word opened(const Word& before, const BreakerOptions& options, Instant now, uint64_t salt) {
    const int64_t longest = std::max(options.open_ms, options.open_ms_max);
    const int64_t doubled = int64_t{options.open_ms} << std::min(before.opened, kOpenedMax);
    const uint64_t mixed = (salt ^ static_cast<uint64_t>(now.ns())) * 0x9e3779b97f4a7c15ULL;
    const double jitter = 0.9 + 0.2 * static_cast<double>(mixed >> 11U) * 0x1.0p-53;
    const double open_ms = static_cast<double>(std::min(doubled, longest)) * jitter;
    return {.state = CircuitBreaker::State::open,
            .is_probing = false,
            .opened = before.opened + 1,
            .successes = 0,
            .faults = 0,
            .until_ms = ms_of(now) + static_cast<int64_t>(open_ms)};
}

}  // namespace

CircuitBreaker::Status CircuitBreaker::status() const {
    const Word word = unpack(word_.load(kRelaxed));
    return {.state = word.state,
            .is_probing = word.is_probing,
            .opened_count = word.opened,
            .until = instant_of_ms(word.until_ms)};
}

CircuitBreaker::Pass CircuitBreaker::peek(Instant now) const {
    const uint64_t bits = word_.load(kRelaxed);
    const Word word = unpack(bits);
    if (word.state == State::closed) [[likely]] {
        return Pass::yes;
    }
    return word.is_probing || word.until_ms > ms_of(now) ? Pass::no : Pass::probe;
}

CircuitBreaker::Pass CircuitBreaker::take(Instant now) {
    uint64_t seen = word_.load(kRelaxed);
    while (true) {
        Word word = unpack(seen);
        if (word.state == State::closed) [[likely]] {
            return Pass::yes;
        }
        if (word.is_probing || word.until_ms > ms_of(now)) {
            return Pass::no;
        }
        word.state = State::half_open;
        word.is_probing = true;
        if (word_.compare_exchange_weak(seen, pack(word), kRelaxed)) {
            return Pass::probe;
        }
    }
}

// A closed word keeps the time when it closed.
bool CircuitBreaker::has_a_say(Instant began) const {
    const Word word = unpack(word_.load(kRelaxed));
    return word.state == State::closed && ms_of(began) >= word.until_ms;
}

bool CircuitBreaker::count(bool is_fault, const BreakerOptions& options, Instant now) {
    if (options.failure_percent_max == 0) {
        return false;
    }
    // 32 bits the window's begin, 16 its requests, 16 its faults; halved when they are full.
    const auto now_ms = static_cast<uint32_t>(ms_of(now));
    uint64_t seen = window_.load(kRelaxed);
    uint64_t requests = 0;
    uint64_t faults = 0;
    uint64_t made = 0;
    do {
        auto begin_ms = static_cast<uint32_t>(seen >> 32U);
        requests = seen >> 16U & 0xffffU;
        faults = seen & 0xffffU;
        if (seen == 0 || now_ms - begin_ms >= options.window_ms) {
            begin_ms = now_ms;
            requests = 0;
            faults = 0;
        }
        if (requests == 0xffffU) {
            requests /= 2;
            faults /= 2;
        }
        requests += 1;
        faults += is_fault ? 1 : 0;
        made = uint64_t{begin_ms} << 32U | requests << 16U | faults;
    } while (!window_.compare_exchange_weak(seen, made, kRelaxed));
    return requests >= options.window_requests_min &&
           faults * 100 >= requests * options.failure_percent_max;
}

CircuitBreaker::Change CircuitBreaker::on_success(const BreakerOptions& options, Instant now) {
    if (!options.enabled) {
        return Change::none;
    }
    count(false, options, now);
    uint64_t seen = word_.load(kRelaxed);
    while (true) {
        Word word = unpack(seen);
        if (word.state != State::closed || word.faults == 0) {
            return Change::none;
        }
        word.faults = 0;
        if (word_.compare_exchange_weak(seen, pack(word), kRelaxed)) {
            return Change::none;
        }
    }
}

CircuitBreaker::Change CircuitBreaker::on_fault(const BreakerOptions& options,
                                                Instant now,
                                                uint64_t salt) {
    if (!options.enabled) {
        return Change::none;
    }
    const bool is_share_too_large = count(true, options, now);
    uint64_t seen = word_.load(kRelaxed);
    while (true) {
        Word word = unpack(seen);
        if (word.state != State::closed) {
            return Change::none;
        }
        word.faults += 1;
        const bool opens = is_share_too_large || word.faults >= options.failures_max;
        const Word next = opens ? opened(word, options, now, salt) : word;
        if (word_.compare_exchange_weak(seen, pack(next), kRelaxed)) {
            return opens ? Change::opened : Change::none;
        }
    }
}

CircuitBreaker::Change CircuitBreaker::on_probe(bool is_good,
                                                const BreakerOptions& options,
                                                Instant now,
                                                uint64_t salt) {
    uint64_t seen = word_.load(kRelaxed);
    while (true) {
        Word word = unpack(seen);
        if (word.state != State::half_open || !word.is_probing) {
            return Change::none;  // It was reset in the meantime.
        }
        word.is_probing = false;
        word.successes += is_good ? 1 : 0;
        Change change = Change::none;
        if (!is_good) {
            word = opened(word, options, now, salt);
            change = Change::opened;
        } else if (word.successes >= std::min(options.successes_min, kSuccessesMax)) {
            word = {.until_ms = ms_of(now)};
            change = Change::closed;
        }
        if (word_.compare_exchange_weak(seen, pack(word), kRelaxed)) {
            if (change == Change::closed) {
                window_.store(0, kRelaxed);
            }
            return change;
        }
    }
}

void CircuitBreaker::drop_probe() {
    uint64_t seen = word_.load(kRelaxed);
    while (true) {
        Word word = unpack(seen);
        if (word.state != State::half_open || !word.is_probing) {
            return;
        }
        word.is_probing = false;
        if (word_.compare_exchange_weak(seen, pack(word), kRelaxed)) {
            return;
        }
    }
}

void CircuitBreaker::reset() {
    word_.store(0, kRelaxed);
    window_.store(0, kRelaxed);
}

}  // namespace sluice::balance
