// The store of one shard: order, both bounds, time, scopes, collisions, and memory as measured.
#include "cache/response_cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <malloc.h>

#include "base/prng.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "gtest/gtest.h"
#include "unit/cache/made.h"

namespace sluice::cache {

namespace {

const Instant kNow = Instant::from_ns(1'000'000'000);
constexpr Duration kHour = Duration::seconds(3600);
constexpr StoreLimits kRoomy = {
    .bytes_max = 1 << 26, .entries_max = 1000, .entry_bytes_max = 1 << 20};

class ResponseCacheTest : public testing::Test {
protected:
    static bool has(ResponseCache& cache, const KeyRef& key, Instant now = kNow) {
        return static_cast<bool>(cache.find(*key, now).reply);
    }
    static uint64_t invalidate(ResponseCache& cache, const CacheScope& scope) {
        uint64_t removed = 0;
        for (size_t bucket = 0; !cache.is_walk_over(bucket);) {
            removed += cache.invalidate_some(scope, cache.next_number(), bucket);
        }
        return removed;
    }
    KeyMaker maker_{"s"};
};

TEST_F(ResponseCacheTest, GivesBackWhatWasStored) {
    ResponseCache cache(kRoomy);
    const KeyRef key = made_key(maker_, 1);
    EXPECT_FALSE(has(cache, key));
    EXPECT_TRUE(cache.store(key, made_reply("a"), kNow, kHour));
    const auto found = cache.find(*made_key(maker_, 1), kNow + Duration::seconds(2));
    ASSERT_TRUE(found.reply);
    EXPECT_EQ(found.reply->body(), "a");
    EXPECT_EQ(found.age, Duration::seconds(2));
    EXPECT_TRUE(cache.store(made_key(maker_, 1), made_reply("b"), kNow, kHour));
    EXPECT_EQ(cache.find(*key, kNow).reply->body(), "b");
    const CacheStatistics statistics = cache.statistics();
    EXPECT_EQ(statistics.hits, 2U);
    EXPECT_EQ(statistics.misses, 1U);
    EXPECT_EQ(statistics.stores, 2U);
    EXPECT_EQ(statistics.replacements, 1U);
    EXPECT_EQ(statistics.entries, 1U);
}

TEST_F(ResponseCacheTest, ForgetsTheLeastRecentlyUsed) {
    StoreLimits limits = kRoomy;
    limits.entries_max = 3;
    ResponseCache cache(limits);
    for (size_t i = 0; i < 3; ++i) {
        cache.store(made_key(maker_, i), made_reply("x"), kNow, kHour);
    }
    EXPECT_TRUE(has(cache, made_key(maker_, 0)));
    cache.store(made_key(maker_, 3), made_reply("x"), kNow, kHour);
    EXPECT_FALSE(has(cache, made_key(maker_, 1)));
    EXPECT_TRUE(has(cache, made_key(maker_, 2)));
    EXPECT_TRUE(has(cache, made_key(maker_, 0)));
    EXPECT_TRUE(has(cache, made_key(maker_, 3)));
    cache.store(made_key(maker_, 4), made_reply("x"), kNow, kHour);
    EXPECT_FALSE(has(cache, made_key(maker_, 2)));
    EXPECT_EQ(cache.statistics().evictions, 2U);
    EXPECT_EQ(cache.statistics().entries, 3U);
}

TEST_F(ResponseCacheTest, StaysWithinItsBytes) {
    StoreLimits limits = kRoomy;
    limits.bytes_max = 100'000;
    ResponseCache cache(limits);
    for (size_t i = 0; i < 100; ++i) {
        cache.store(made_key(maker_, i), made_reply(std::string(5000, 'x')), kNow, kHour);
        EXPECT_LE(cache.statistics().bytes, limits.bytes_max);
    }
    EXPECT_GE(cache.statistics().entries, 17U);
    EXPECT_FALSE(has(cache, made_key(maker_, 0)));
    EXPECT_TRUE(has(cache, made_key(maker_, 99)));
}

TEST_F(ResponseCacheTest, RefusesWhatIsTooLarge) {
    StoreLimits limits = kRoomy;
    limits.entry_bytes_max = 10'000;
    ResponseCache cache(limits);
    cache.store(made_key(maker_, 1), made_reply("old"), kNow, kHour);
    EXPECT_FALSE(
        cache.store(made_key(maker_, 1), made_reply(std::string(10'000, 'x')), kNow, kHour));
    EXPECT_EQ(cache.statistics().refusals, 1U);
    // The newer answer replaced the older one, even though it was not kept itself.
    EXPECT_FALSE(has(cache, made_key(maker_, 1)));
}

TEST_F(ResponseCacheTest, ForgetsInTime) {
    ResponseCache cache(kRoomy);
    const KeyRef key = made_key(maker_, 1);
    cache.store(key, made_reply("x"), kNow, Duration::seconds(10));
    EXPECT_TRUE(has(cache, key, kNow + Duration::milliseconds(9'999)));
    EXPECT_FALSE(has(cache, key, kNow + Duration::seconds(10)));
    EXPECT_EQ(cache.statistics().expirations, 1U);
    EXPECT_EQ(cache.statistics().entries, 0U);
    // What expired goes although there is room.
    cache.store(key, made_reply("x"), kNow, Duration::seconds(10));
    cache.store(made_key(maker_, 2), made_reply("x"), kNow + Duration::seconds(20), kHour);
    EXPECT_EQ(cache.statistics().entries, 1U);
    EXPECT_EQ(cache.statistics().expirations, 2U);
}

TEST_F(ResponseCacheTest, TenantsDoNotSeeEachOther) {
    ResponseCache cache(kRoomy);
    cache.store(made_key(maker_, 1, "alice"), made_reply("hers"), kNow, kHour);
    EXPECT_FALSE(has(cache, made_key(maker_, 1, "bob")));
    EXPECT_FALSE(has(cache, made_key(maker_, 1, "")));
    EXPECT_TRUE(has(cache, made_key(maker_, 1, "alice")));
}

TEST_F(ResponseCacheTest, EqualDigestsOfTwoTenantsStayApart) {
    const KeyMaker colliding = colliding_maker();
    ResponseCache cache(kRoomy);
    for (size_t i = 0; i < 20; ++i) {
        cache.store(made_key(colliding, i, "alice"), made_reply("a" + std::to_string(i)), kNow,
                    kHour);
        cache.store(made_key(colliding, i, "bob"), made_reply("b" + std::to_string(i)), kNow,
                    kHour);
    }
    for (size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(cache.find(*made_key(colliding, i, "alice"), kNow).reply->body(),
                  "a" + std::to_string(i));
        EXPECT_EQ(cache.find(*made_key(colliding, i, "bob"), kNow).reply->body(),
                  "b" + std::to_string(i));
        EXPECT_FALSE(has(cache, made_key(colliding, i, "carol")));
    }
}

TEST_F(ResponseCacheTest, InvalidatesByScope) {
    ResponseCache cache(kRoomy);
    const auto fill = [&] {
        for (const char* tenant : {"a", "b"}) {
            for (const char* model : {"m", "n"}) {
                for (size_t i = 0; i < 5; ++i) {
                    cache.store(made_key(maker_, i, tenant, model), made_reply("x"), kNow, kHour);
                }
            }
        }
    };
    fill();
    EXPECT_EQ(invalidate(cache, {.tenant = "c"}), 0U);
    EXPECT_EQ(invalidate(cache, {.tenant = "a"}), 10U);
    EXPECT_FALSE(has(cache, made_key(maker_, 1, "a", "m")));
    EXPECT_TRUE(has(cache, made_key(maker_, 1, "b", "m")));
    EXPECT_EQ(invalidate(cache, {.model = "n"}), 5U);
    EXPECT_EQ(invalidate(cache, {.digest = made_key(maker_, 3, "b", "m")->digest()}), 1U);
    EXPECT_FALSE(has(cache, made_key(maker_, 3, "b", "m")));
    EXPECT_EQ(invalidate(cache, {}), 4U);
    EXPECT_EQ(cache.statistics().entries, 0U);
    EXPECT_EQ(cache.statistics().invalidations, 20U);
    fill();
    EXPECT_EQ(invalidate(cache, {.tenant = "a", .model = "n"}), 5U);
}

TEST_F(ResponseCacheTest, WhatIsStoredDuringAnInvalidationStays) {
    StoreLimits limits = kRoomy;
    limits.entries_max = 10'000;
    ResponseCache cache(limits);
    for (size_t i = 0; i < 3000; ++i) {
        cache.store(made_key(maker_, i), made_reply("x"), kNow, kHour);
    }
    const uint64_t before = cache.next_number();
    uint64_t removed = 0;
    size_t number = 3000;
    for (size_t bucket = 0; !cache.is_walk_over(bucket);) {
        removed += cache.invalidate_some({}, before, bucket);
        for (int i = 0; i < 500; ++i) {
            cache.store(made_key(maker_, number++), made_reply("y"), kNow, kHour);
        }
    }
    EXPECT_EQ(removed, 3000U);
    EXPECT_EQ(cache.statistics().entries, number - 3000);
}

TEST_F(ResponseCacheTest, MovesToAnotherStoreInItsOrder) {
    ResponseCache cache(kRoomy);
    for (size_t i = 0; i < 6; ++i) {
        const Instant at = kNow + Duration::seconds(static_cast<int64_t>(i));
        cache.store(made_key(maker_, i), made_reply(std::to_string(i)), at,
                    i == 5 ? Duration::milliseconds(1) : kHour);
    }
    const Instant later = kNow + Duration::seconds(10);
    EXPECT_TRUE(has(cache, made_key(maker_, 0), later));
    std::vector<StoredEntry> entries;
    cache.export_to(entries, later);
    ASSERT_EQ(entries.size(), 5U);
    EXPECT_EQ(entries.front().reply->body(), "0");
    StoreLimits limits = kRoomy;
    limits.entries_max = 3;
    ResponseCache other(limits);
    for (const StoredEntry& entry : entries) {
        other.restore(entry, later);
    }
    EXPECT_TRUE(has(other, made_key(maker_, 0), later));
    EXPECT_TRUE(has(other, made_key(maker_, 4), later));
    EXPECT_TRUE(has(other, made_key(maker_, 3), later));
    EXPECT_FALSE(has(other, made_key(maker_, 2), later));
    EXPECT_FALSE(other.restore(entries.front(), later));
    EXPECT_FALSE(ResponseCache(limits).restore(entries.front(), later + kHour));
}

TEST_F(ResponseCacheTest, AReplyOutlivesItsEntry) {
    ResponseCache cache(kRoomy);
    cache.store(made_key(maker_, 1), made_reply("still here"), kNow, kHour);
    const ReplyRef reply = cache.find(*made_key(maker_, 1), kNow).reply;
    EXPECT_EQ(invalidate(cache, {}), 1U);
    EXPECT_EQ(reply->body(), "still here");
}

// What the allocator has handed out, large pieces included; 0 where it does not tell.
size_t allocated_now() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

TEST_F(ResponseCacheTest, AMillionOperationsStayWithinFivePercentOfTheBound) {
    constexpr size_t kBound = 32UL << 20U;
    constexpr uint32_t kOperations = 1'000'000;
    constexpr uint32_t kKeys = 60'000;
    const size_t before = allocated_now();
    ResponseCache cache({.bytes_max = kBound, .entries_max = 200'000, .entry_bytes_max = 1 << 17});
    Prng prng(11);
    const std::string bytes(1 << 16, 'x');
    Instant now = kNow;
    size_t most = 0;
    size_t least_when_full = SIZE_MAX;
    for (uint32_t i = 0; i < kOperations; ++i) {
        now = now + Duration::milliseconds(1);
        // Some keys are asked for more than others.
        const KeyRef key = made_key(maker_, std::min(prng.below(kKeys), prng.below(kKeys)));
        if (!cache.find(*key, now).reply) {
            const size_t size = prng.chance(0.02) ? prng.below(1 << 16) : prng.below(2000);
            cache.store(key, made_reply(std::string_view(bytes).substr(0, size)), now,
                        Duration::seconds(prng.chance(0.2) ? 3 : 300));
        }
        if (i % 1000 == 0 && before > 0) {
            const size_t used = allocated_now() - before;
            most = std::max(most, used);
            least_when_full =
                cache.statistics().evictions > 0 ? std::min(least_when_full, used) : SIZE_MAX;
        }
        ASSERT_LE(cache.statistics().bytes, kBound);
    }
    const CacheStatistics statistics = cache.statistics();
    EXPECT_GT(statistics.evictions, 100'000U);
    EXPECT_GT(statistics.expirations, 0U);
    EXPECT_EQ(statistics.stores, statistics.entries + statistics.evictions +
                                     statistics.expirations + statistics.replacements);
    if (before > 0) {
        EXPECT_LE(most, kBound + kBound / 20);
        EXPECT_GE(least_when_full, kBound - kBound / 20);
        RecordProperty("measured_bytes_most", std::to_string(most));
    }
}

}  // namespace

}  // namespace sluice::cache
