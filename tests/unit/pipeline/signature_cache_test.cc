// The memory for signatures of calls: one for each tenant, bounded, safe for all shards at once.
#include "pipeline/signature_cache.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "support/threads.h"

namespace sluice::pipeline {
namespace {

TEST(SignatureCache, ReturnsWhatItWasGiven) {
    SignatureCache cache;
    Arena arena;
    cache.keep("a", "call_1", "one");
    EXPECT_EQ(cache.find("a", "call_1", arena), "one");
    EXPECT_EQ(cache.find("a", "call_2", arena), "");
    cache.keep("a", "call_1", "another");
    EXPECT_EQ(cache.find("a", "call_1", arena), "another");
}

TEST(SignatureCache, TellsNobodyElse) {
    SignatureCache cache;
    Arena arena;
    cache.keep("a", "call_1", "one");
    cache.keep("", "b", "none");
    EXPECT_EQ(cache.find("b", "call_1", arena), "");
    EXPECT_EQ(cache.find("", "call_1", arena), "");
    EXPECT_EQ(cache.find("acall", "_1", arena), "");
    EXPECT_EQ(cache.find("b", "", arena), "");
}

TEST(SignatureCache, TheOldestGoFirst) {
    SignatureCache cache;
    Arena arena;
    const std::string signature(4096, 's');
    // More than fit, by far.
    constexpr size_t kCalls = 4 * SignatureCache::kBytesMax / 4096;
    for (size_t i = 0; i < kCalls; ++i) {
        cache.keep("a", std::to_string(i), signature);
        ASSERT_LE(cache.size_bytes(), SignatureCache::kBytesMax);
    }
    EXPECT_GT(cache.size_bytes(), SignatureCache::kBytesMax / 10 * 9);
    EXPECT_EQ(cache.find("a", "0", arena), "");
    EXPECT_EQ(cache.find("a", std::to_string(kCalls - 1), arena), signature);
    EXPECT_EQ(cache.find("a", std::to_string(kCalls - 1000), arena), signature);
}

TEST(SignatureCache, TooLongOnesAreNotKept) {
    SignatureCache cache;
    Arena arena;
    cache.keep("a", "b", std::string(SignatureCache::kSignatureBytesMax + 1, 's'));
    cache.keep("a", "c", "");
    EXPECT_EQ(cache.size_bytes(), 0U);
    EXPECT_EQ(cache.find("a", "b", arena), "");
}

TEST(SignatureCache, AllShardsMayAskAtOnce) {
    SignatureCache cache;
    test::on_all_threads([&](int thread) {
        Arena arena;
        const std::string tenant = std::to_string(thread);
        for (int i = 0; i < 500; ++i) {
            const std::string id = std::to_string(i);
            cache.keep(tenant, id, tenant + "/" + id);
            EXPECT_EQ(cache.find(tenant, id, arena), tenant + "/" + id);
        }
    });
}

}  // namespace
}  // namespace sluice::pipeline
