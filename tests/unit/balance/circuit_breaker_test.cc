// The breaker by its rules, and against a plain model of them over random histories.
#include "balance/circuit_breaker.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "balance/options.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

using Change = CircuitBreaker::Change;
using Pass = CircuitBreaker::Pass;
using State = CircuitBreaker::State;

// Of which only faults in a row open it.
BreakerOptions in_a_row() {
    BreakerOptions options;
    options.failure_percent_max = 0;
    return options;
}

int64_t open_for_ms(const CircuitBreaker& breaker, Instant now) {
    return (breaker.status().until - now).ms();
}

void open_it(CircuitBreaker& breaker, const BreakerOptions& options, Instant now) {
    for (uint32_t i = 0; i < options.failures_max; ++i) {
        breaker.on_fault(options, now, 1);
    }
    ASSERT_EQ(breaker.status().state, State::open);
}

TEST(CircuitBreaker, OpensAfterFaultsInARow) {
    CircuitBreaker breaker;
    const BreakerOptions options = in_a_row();
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(breaker.on_fault(options, kStart, 1), Change::none);
    }
    breaker.on_success(options, kStart);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(breaker.on_fault(options, kStart, 1), Change::none);
        EXPECT_EQ(breaker.take(kStart), Pass::yes);
    }
    EXPECT_EQ(breaker.on_fault(options, kStart, 1), Change::opened);
    EXPECT_EQ(breaker.take(kStart), Pass::no);
    EXPECT_EQ(breaker.peek(kStart), Pass::no);
}

TEST(CircuitBreaker, OpensByAShareWithinTheWindow) {
    CircuitBreaker breaker;
    const BreakerOptions options;
    // Every other one, so that there are never two in a row; the twentieth request decides.
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(breaker.on_fault(options, after_ms(i), 1), Change::none);
        breaker.on_success(options, after_ms(i));
    }
    breaker.on_success(options, after_ms(9));
    EXPECT_EQ(breaker.on_fault(options, after_ms(9), 1), Change::opened);
}

TEST(CircuitBreaker, ForgetsTheShareWithTheWindow) {
    CircuitBreaker breaker;
    const BreakerOptions options;
    for (int i = 0; i < 9; ++i) {
        breaker.on_fault(options, after_ms(i), 1);
        breaker.on_success(options, after_ms(i));
    }
    breaker.on_success(options, after_ms(10'001));
    EXPECT_EQ(breaker.on_fault(options, after_ms(10'001), 1), Change::none);
}

TEST(CircuitBreaker, LetsOneProbePass) {
    CircuitBreaker breaker;
    const BreakerOptions options = in_a_row();
    open_it(breaker, options, kStart);
    EXPECT_GE(open_for_ms(breaker, kStart), 27'000);
    EXPECT_LE(open_for_ms(breaker, kStart), 33'000);
    const Instant due = after_ms(33'000);
    EXPECT_EQ(breaker.peek(due), Pass::probe);
    EXPECT_EQ(breaker.take(due), Pass::probe);
    EXPECT_EQ(breaker.take(due), Pass::no);
    EXPECT_EQ(breaker.peek(due), Pass::no);
    EXPECT_EQ(breaker.take(after_ms(1'000'000)), Pass::no);
    breaker.drop_probe();
    EXPECT_EQ(breaker.take(due), Pass::probe);
}

TEST(CircuitBreaker, ClosesAfterProbesThatSucceed) {
    CircuitBreaker breaker;
    const BreakerOptions options = in_a_row();
    open_it(breaker, options, kStart);
    const Instant due = after_ms(33'000);
    ASSERT_EQ(breaker.take(due), Pass::probe);
    EXPECT_EQ(breaker.on_probe(true, options, due, 1), Change::none);
    EXPECT_EQ(breaker.status().state, State::half_open);
    ASSERT_EQ(breaker.take(due), Pass::probe);
    EXPECT_EQ(breaker.on_probe(true, options, due, 1), Change::closed);
    EXPECT_EQ(breaker.take(due), Pass::yes);
}

TEST(CircuitBreaker, OpensForTwiceAsLongUpToTheLongest) {
    CircuitBreaker breaker;
    const BreakerOptions options = in_a_row();
    open_it(breaker, options, kStart);
    Instant now = kStart;
    for (const int64_t expected_ms : {60'000, 120'000, 240'000, 300'000, 300'000}) {
        now = breaker.status().until;
        ASSERT_EQ(breaker.take(now), Pass::probe);
        EXPECT_EQ(breaker.on_probe(false, options, now, 1), Change::opened);
        EXPECT_GE(open_for_ms(breaker, now), expected_ms * 9 / 10);
        EXPECT_LE(open_for_ms(breaker, now), expected_ms * 11 / 10);
    }
}

TEST(CircuitBreaker, WhatBeganBeforeItOpenedHasNoSay) {
    CircuitBreaker breaker;
    const BreakerOptions options = in_a_row();
    open_it(breaker, options, kStart);
    const Instant until = breaker.status().until;
    breaker.on_success(options, kStart);
    breaker.on_fault(options, after_ms(20'000), 1);
    EXPECT_EQ(breaker.status().state, State::open);
    EXPECT_EQ(breaker.status().until, until);
}

TEST(CircuitBreaker, WhatBeganBeforeItClosedAgainHasNoSayEither) {
    CircuitBreaker breaker;
    BreakerOptions options = in_a_row();
    options.successes_min = 1;
    EXPECT_TRUE(breaker.has_a_say(kStart));
    open_it(breaker, options, kStart);
    EXPECT_FALSE(breaker.has_a_say(after_ms(1)));
    const Instant later = breaker.status().until + Duration::milliseconds(1);
    ASSERT_EQ(breaker.take(later), CircuitBreaker::Pass::probe);
    breaker.on_probe(true, options, later, 1);
    EXPECT_EQ(breaker.status().state, State::closed);
    EXPECT_FALSE(breaker.has_a_say(kStart));
    EXPECT_TRUE(breaker.has_a_say(later));
    // A fault of today counts, and does not make those of yesterday count.
    breaker.on_fault(options, later, 1);
    EXPECT_FALSE(breaker.has_a_say(kStart));
}

TEST(CircuitBreaker, TargetsThatFailTogetherComeBackApart) {
    const BreakerOptions options = in_a_row();
    std::vector<int64_t> lengths;
    for (uint64_t salt = 0; salt < 8; ++salt) {
        CircuitBreaker breaker;
        for (uint32_t i = 0; i < options.failures_max; ++i) {
            breaker.on_fault(options, kStart, salt);
        }
        lengths.push_back(open_for_ms(breaker, kStart));
    }
    std::ranges::sort(lengths);
    EXPECT_GT(lengths.back() - lengths.front(), 1'000);
}

// The same rules with plain variables; what jitter decides is told to it.
struct Model {
    State state = State::closed;
    bool is_probing = false;
    uint32_t faults = 0;
    uint32_t successes = 0;
    Instant until;

    Pass take(Instant now) {
        if (state == State::closed) {
            return Pass::yes;
        }
        if (is_probing || now < until) {
            return Pass::no;
        }
        state = State::half_open;
        is_probing = true;
        return Pass::probe;
    }
    void open(Instant end) { *this = {.state = State::open, .until = end}; }
};

TEST(CircuitBreaker, DoesWhatTheModelDoes) {
    const BreakerOptions options = in_a_row();
    Prng prng(7);
    CircuitBreaker breaker;
    Model model;
    int64_t now_ms = 0;
    std::vector<Pass> in_flight;
    int opened = 0;
    int closed = 0;
    for (int step = 0; step < 200'000; ++step) {
        now_ms += prng.below(2'000);
        const Instant now = after_ms(now_ms);
        if (in_flight.size() < 20 && prng.chance(0.5)) {
            const Pass pass = breaker.take(now);
            ASSERT_EQ(pass, model.take(now));
            if (pass != Pass::no) {
                in_flight.push_back(pass);
            }
            continue;
        }
        if (in_flight.empty()) {
            continue;
        }
        std::swap(in_flight[prng.below(static_cast<uint32_t>(in_flight.size()))], in_flight.back());
        const Pass pass = in_flight.back();
        in_flight.pop_back();
        const uint32_t fate = prng.below(10);
        Change change = Change::none;
        if (pass == Pass::probe && fate == 0) {
            breaker.drop_probe();
            model.is_probing = false;
        } else if (pass == Pass::probe) {
            change = breaker.on_probe(fate < 6, options, now, 3);
            model.is_probing = false;
            model.successes += fate < 6 ? 1 : 0;
            if (fate >= 6) {
                ASSERT_EQ(change, Change::opened);
                model.open(breaker.status().until);
            } else if (model.successes == options.successes_min) {
                ASSERT_EQ(change, Change::closed);
                model = {};
            }
        } else if (fate < 4) {
            change = breaker.on_success(options, now);
            model.faults = model.state == State::closed ? 0 : model.faults;
        } else {
            change = breaker.on_fault(options, now, 3);
            model.faults += model.state == State::closed ? 1 : 0;
            if (model.state == State::closed && model.faults == options.failures_max) {
                ASSERT_EQ(change, Change::opened);
                model.open(breaker.status().until);
            }
        }
        opened += change == Change::opened ? 1 : 0;
        closed += change == Change::closed ? 1 : 0;
        ASSERT_EQ(breaker.status().state, model.state);
        ASSERT_EQ(breaker.status().is_probing, model.is_probing);
    }
    EXPECT_GT(opened, 100);
    EXPECT_GT(closed, 50);
}

}  // namespace
}  // namespace sluice::balance
