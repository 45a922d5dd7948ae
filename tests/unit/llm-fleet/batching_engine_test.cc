// BatchingEngine against steps worked out by hand: 6 ms, 0.35 ms a stream, 0.125 ms a prompt token.
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "llm-fleet/engine.h"
#include "unit/llm-fleet/engine_story.h"

namespace sluice::llm_fleet {
namespace {

EngineOptions batching(uint64_t cache_tokens = 524'288) {
    EngineOptions options;
    options.kind = EngineKind::batching;
    options.cache_tokens = cache_tokens;
    return options;
}

TEST(BatchingEngine, APromptIsReadInChunksAndEachTokenTakesAStep) {
    EngineStory story(batching());
    story.submit(0, 1, 4'096, 3, {1, 8});
    // Twice 6 + 2048 * 0.125 ms; the first token comes with the last chunk; two steps of 6.35 ms.
    EXPECT_EQ(story.told(), (Told{{"first 1", 524'000}, {"end 1", 536'700}}));
}

TEST(BatchingEngine, EachTokenIsToldToWhomItMatters) {
    EngineOptions options = batching();
    options.tells_tokens = true;
    EngineStory story(options);
    story.submit(0, 1, 8, 3, {1, 1});
    EXPECT_EQ(
        story.told(),
        (Told{{"first 1", 7'000}, {"token 1", 13'350}, {"token 1", 19'700}, {"end 1", 19'700}}));
}

TEST(BatchingEngine, BlocksOfAPromptMayBeOfAnySize) {
    EngineOptions options = batching();
    options.block_tokens = 16;
    EngineStory story(options);
    // Of 150 tokens two blocks of 64 are whole; the rest is no block.
    story.submit(0, 1, 150, 1, {1, 2}, 64);
    story.submit(500'000, 2, 150, 1, {1, 2}, 64);
    story.told();
    EXPECT_EQ(story.cached_of(2), 128U);
}

TEST(BatchingEngine, PromptsSlowTheStreamsBesideThem) {
    EngineStory story(batching());
    story.submit(0, 1, 512, 4, {1, 1});
    // First token at 70 ms, the second at 76.35. Then one stream and 2,047 prompt tokens share a
    // step of 6.35 + 255.875 ms, whose end is the fourth token's begin.
    story.submit(70'000, 2, 2'047, 1, {101, 4});
    EXPECT_EQ(
        story.told(),
        (Told{{"first 1", 70'000}, {"first 2", 338'575}, {"end 2", 338'575}, {"end 1", 344'925}}));
}

TEST(BatchingEngine, TwoStreamsShareTheirSteps) {
    EngineStory story(batching());
    story.submit(0, 1, 8, 3, {1, 1});
    story.submit(0, 2, 8, 3, {2, 1});
    // The first step began before the second arrived: 7 ms. Then 7.35 with its prompt, then 6.7
    // with both, then 6.35 with the one that is left.
    EXPECT_EQ(
        story.told(),
        (Told{{"first 1", 7'000}, {"first 2", 14'350}, {"end 1", 21'050}, {"end 2", 27'400}}));
}

TEST(BatchingEngine, PromptsAreCachedInWholeBlocksOfItsOwnSize) {
    EngineOptions fine = batching();
    fine.block_tokens = 16;
    for (const auto& [options, cached] : {std::pair{fine, 592U}, std::pair{batching(), 512U}}) {
        EngineStory story(options);
        story.submit(0, 1, 600, 2, {1, 2});
        story.submit(500'000, 2, 600, 2, {1, 2});
        story.told();
        EXPECT_EQ(story.cached_of(1), 0U);
        EXPECT_EQ(story.cached_of(2), cached);
    }
}

TEST(BatchingEngine, WhatWaitsBehindAnEqualPromptFindsItsBlocks) {
    EngineStory story(batching());
    story.submit(0, 1, 1'024, 2, {1, 2});
    story.submit(0, 2, 1'024, 2, {1, 2});
    story.submit(0, 3, 1'024, 2, {1, 2});
    story.told();
    // The first step is the first one's alone; the other two share the next, with its cache.
    EXPECT_EQ(story.cached_of(1), 0U);
    EXPECT_EQ(story.cached_of(2), 1'023U);
    EXPECT_EQ(story.engine().load().kv_tokens, 0U);
}

TEST(BatchingEngine, WhenMemoryRunsOutTheYoungestIsPutBack) {
    EngineStory story(batching(2'100));
    story.submit(0, 1, 1'024, 512, {1, 2});
    story.submit(0, 2, 1'024, 100, {101, 2});
    const Told told = story.told();
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told[2].first, "end 1");
    EXPECT_EQ(told[3].first, "end 2");
    EXPECT_GE(story.engine().load().preemptions, 1U);
    EXPECT_EQ(story.engine().load().kv_tokens, 0U);
}

TEST(BatchingEngine, WhatCanNeverFitIsRefused) {
    EngineStory story(batching(2'048));
    story.submit(0, 1, 2'000, 49, {1, 4});
    EXPECT_EQ(story.told(), (Told{{"refused 1", 0}}));
}

TEST(BatchingEngine, OnlySoManyRunAtOnce) {
    EngineOptions options = batching();
    options.running_max = 1;
    EngineStory story(options);
    story.submit(0, 1, 8, 2, {1, 1});
    story.submit(0, 2, 8, 2, {2, 1});
    EXPECT_EQ(
        story.told(),
        (Told{{"first 1", 7'000}, {"end 1", 13'350}, {"first 2", 20'350}, {"end 2", 26'700}}));
}

TEST(BatchingEngine, WhoLeavesGivesItsMemoryBack) {
    EngineStory story(batching(2'048));
    story.submit(0, 1, 1'536, 400, {1, 3});
    story.submit(0, 2, 1'024, 2, {101, 2});
    story.advance(210'000);
    EXPECT_EQ(story.engine().load().waiting, 1U);
    story.cancel(210'000, 1);
    const Told told = story.told();
    EXPECT_EQ(told.back().first, "end 2");
    EXPECT_EQ(story.engine().load().kv_tokens, 0U);
}

}  // namespace
}  // namespace sluice::llm_fleet
