// Keys in turn, resting as a whole or for a model, and remembered over a reload.
#include "upstream/key_ring.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/secret.h"
#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {
namespace {

using Why = KeyRecord::Why;

UpstreamOptions with_keys(std::initializer_list<std::string_view> keys) {
    UpstreamOptions options;
    for (const std::string_view key : keys) {
        if (options.token.empty()) {
            options.token = Secret(key);
        } else {
            options.sibling_tokens.emplace_back(key);
        }
    }
    return options;
}

Instant at_s(int64_t s) {
    return Instant::from_ns(0) + Duration::seconds(s);
}

std::string chosen(KeyRing& ring, Instant now, uint64_t tried = 0, std::string_view model = "m") {
    const KeyRing::Choice choice = ring.choose(model, tried, now);
    return choice.key == nullptr ? "" : std::string(choice.key->token.reveal());
}

TEST(KeyRing, WithoutKeysHasNothingToChoose) {
    KeyRing ring({}, nullptr);
    EXPECT_EQ(ring.size(), 0U);
    EXPECT_EQ(ring.choose("m", 0, at_s(1)).key, nullptr);
}

TEST(KeyRing, TakesKeysInTurn) {
    KeyRing ring(with_keys({"a", "b", "c"}), nullptr);
    std::string turns;
    for (int i = 0; i < 6; ++i) {
        turns += chosen(ring, at_s(1));
    }
    EXPECT_EQ(turns, "abcabc");
    EXPECT_EQ(ring.at(1).authorization.reveal(), "Bearer b");
}

TEST(KeyRing, SpreadsEvenlyOverThoseThatDoNotRest) {
    KeyRing ring(with_keys({"a", "b", "c"}), nullptr);
    ring.at(0).record->rest(at_s(300));
    std::map<std::string, int> counts;
    for (int i = 0; i < 100; ++i) {
        ++counts[chosen(ring, at_s(1))];
    }
    EXPECT_EQ(counts, (std::map<std::string, int>{{"b", 50}, {"c", 50}}));
    EXPECT_NE(chosen(ring, at_s(300)) + chosen(ring, at_s(300)) + chosen(ring, at_s(300)), "");
    counts.clear();
    for (int i = 0; i < 99; ++i) {
        ++counts[chosen(ring, at_s(300))];
    }
    EXPECT_EQ(counts["a"], 33) << "back at the end of its rest, to the millisecond";
}

TEST(KeyRing, ThrottledKeysRestForTheirModelOnly) {
    KeyRing ring(with_keys({"a", "b"}), nullptr);
    ring.at(0).record->rest_for("m", at_s(10), Why::throttled);
    EXPECT_EQ(chosen(ring, at_s(9)), "b");
    EXPECT_EQ(chosen(ring, at_s(9)), "b");
    EXPECT_NE(chosen(ring, at_s(9), 0, "n"), chosen(ring, at_s(9), 0, "n"));
    ring.at(1).record->rest_for("m", at_s(12), Why::throttled);
    const KeyRing::Choice none = ring.choose("m", 0, at_s(9));
    EXPECT_EQ(none.key, nullptr);
    EXPECT_EQ(none.wait, Duration::seconds(1)) << "the first one back";
    EXPECT_EQ(chosen(ring, at_s(10)), "a");
}

TEST(KeyRing, WhatWasTriedIsNotChosenAgain) {
    KeyRing ring(with_keys({"a", "b"}), nullptr);
    EXPECT_EQ(chosen(ring, at_s(1), 0b01), "b");
    EXPECT_EQ(chosen(ring, at_s(1), 0b10), "a");
    EXPECT_EQ(chosen(ring, at_s(1), 0b11), "");
}

TEST(KeyRing, WhenAllWereRefusedTheOneThatRestedLongestIsAsked) {
    KeyRing ring(with_keys({"a", "b"}), nullptr);
    ring.at(0).record->rest(at_s(301));
    ring.at(1).record->rest(at_s(300));
    EXPECT_EQ(chosen(ring, at_s(1)), "b");
    EXPECT_EQ(chosen(ring, at_s(1)), "b");
    EXPECT_EQ(chosen(ring, at_s(1), 0b10), "") << "not twice for one request";
    ring.at(1).record->rest(at_s(400));
    EXPECT_EQ(chosen(ring, at_s(1)), "a");
}

TEST(KeyRing, AKeyThatIsForbiddenAModelIsGoodForOthers) {
    KeyRing ring(with_keys({"a", "b"}), nullptr);
    ring.at(0).record->rest_for("m", at_s(300), Why::refused);
    EXPECT_EQ(chosen(ring, at_s(1)) + chosen(ring, at_s(1)), "bb");
    EXPECT_NE(chosen(ring, at_s(1), 0, "n"), chosen(ring, at_s(1), 0, "n"));
    ring.at(1).record->rest_for("m", at_s(301), Why::refused);
    EXPECT_EQ(chosen(ring, at_s(1)), "a") << "all refused: the longest rested, not a wait";
}

TEST(KeyRing, AThrottledOneIsWaitedForRatherThanARefusedOneAsked) {
    KeyRing ring(with_keys({"a", "b"}), nullptr);
    ring.at(0).record->rest(at_s(300));
    ring.at(1).record->rest_for("m", at_s(5), Why::throttled);
    const KeyRing::Choice none = ring.choose("m", 0, at_s(1));
    EXPECT_EQ(none.key, nullptr);
    EXPECT_EQ(none.wait, Duration::seconds(4));
}

TEST(KeyRing, KeepsWhatIsKnownOfAKeyOverAReload) {
    const KeyRing old_ring(with_keys({"a", "b"}), nullptr);
    old_ring.at(0).record->rest(at_s(300));
    old_ring.at(1).record->rest(at_s(300));
    KeyRing ring(with_keys({"c", "b"}), &old_ring);
    EXPECT_EQ(chosen(ring, at_s(1)), "c");
    EXPECT_EQ(chosen(ring, at_s(1)), "c");
    KeyRing replaced(with_keys({"a2"}), &old_ring);
    EXPECT_EQ(chosen(replaced, at_s(1)), "a2");
}

TEST(KeyRecord, RemembersTheModelsWhoseRestsAreLongest) {
    KeyRecord record;
    for (int i = 1; i <= 40; ++i) {
        record.rest_for("model-" + std::to_string(i), at_s(i), Why::throttled);
    }
    for (int i = 25; i <= 40; ++i) {
        EXPECT_EQ(record.resting("model-" + std::to_string(i)).until, at_s(i)) << i;
    }
    EXPECT_EQ(record.resting("model-1").until, Instant());
    EXPECT_EQ(record.resting("another").until, Instant());
    EXPECT_EQ(record.resting("").until, Instant());
}

TEST(KeyRecord, ALaterRestWins) {
    KeyRecord record;
    record.rest(at_s(10));
    record.rest(at_s(5));
    EXPECT_EQ(record.resting("").until, at_s(10));
    record.rest_for("m", at_s(10), Why::throttled);
    record.rest_for("m", at_s(5), Why::throttled);
    EXPECT_EQ(record.resting("m").until, at_s(10));
    record.rest_for("m", at_s(20), Why::throttled);
    EXPECT_EQ(record.resting("m").until, at_s(20));
}

TEST(KeyRing, IsUsedByManyThreadsAtOnce) {
    KeyRing ring(with_keys({"a", "b", "c", "d"}), nullptr);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&ring, t] {
            for (int i = 0; i < 10'000; ++i) {
                const KeyRing::Choice choice = ring.choose("m", 0, at_s(i));
                if (choice.key != nullptr && i % 8 == t) {
                    choice.key->record->rest_for("m", at_s(i + 2), Why::throttled);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_NE(ring.choose("m", 0, at_s(20'000)).key, nullptr);
}

}  // namespace
}  // namespace sluice::upstream
