// SimpleEngine against times worked out by hand: 8,000 tokens a second, 6 + 0.35 ms a token.
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "unit/llm-fleet/engine_story.h"

namespace sluice::llm_fleet {
namespace {

TEST(SimpleEngine, OnePromptIsReadThenWritten) {
    EngineStory story({});
    story.submit(0, 1, 8'000, 100, {1, 16});
    // 8,000 tokens take a second, 100 tokens with one stream 100 * 6.35 ms.
    EXPECT_EQ(story.told(), (Told{{"first 1", 1'000'000}, {"end 1", 1'635'000}}));
    EXPECT_EQ(story.cached_of(1), 0U);
}

TEST(SimpleEngine, PromptsAreReadInTurnAndAnswersShareTheirStep) {
    EngineStory story({});
    story.submit(0, 1, 4'000, 100, {1, 8});
    story.submit(0, 2, 4'000, 100, {101, 8});
    // The second stream begins beside the first: 100 * (6 + 2 * 0.35) ms.
    EXPECT_EQ(story.told(), (Told{{"first 1", 500'000},
                                  {"first 2", 1'000'000},
                                  {"end 1", 1'135'000},
                                  {"end 2", 1'670'000}}));
}

TEST(SimpleEngine, BlocksCountFromTheArrivalOnAndTheLastTokenIsComputed) {
    EngineStory story({});
    story.submit(0, 1, 8'000, 1, {1, 16});
    story.submit(0, 2, 8'000, 1, {1, 16});
    story.submit(0, 3, 8'192, 1, {1, 16});
    EXPECT_EQ(story.told().at(1), (Telling{"first 2", 1'000'125}));
    EXPECT_EQ(story.cached_of(2), 7'999U);
    EXPECT_EQ(story.cached_of(3), 8'191U);
}

TEST(SimpleEngine, OfAPromptTheBeginningIsForgottenLast) {
    EngineOptions options;
    options.cache_tokens = 1'024;  // Two blocks.
    EngineStory story(options);
    story.submit(0, 1, 1'024, 1, {1, 2});
    story.submit(0, 2, 512, 1, {9, 1});
    story.submit(0, 3, 1'024, 1, {1, 2});
    story.told();
    EXPECT_EQ(story.cached_of(3), 512U);
}

TEST(SimpleEngine, WhoLeavesMakesRoomAtOnce) {
    EngineStory story({});
    story.submit(0, 1, 8'000, 10, {1, 16});
    story.submit(0, 2, 4'000, 10, {101, 8});
    story.cancel(200'000, 1);
    EXPECT_EQ(story.told(), (Told{{"first 2", 700'000}, {"end 2", 763'500}}));
}

TEST(SimpleEngine, SlownessAndPausesStretchTime) {
    EngineStory story({});
    story.engine().set_slowness(5);
    story.submit(0, 1, 8'000, 10, {1, 16});
    story.advance(1'000'000);
    story.engine().shift(Duration::seconds(2));
    EXPECT_EQ(story.told(), (Told{{"first 1", 7'000'000}, {"end 1", 7'317'500}}));
}

TEST(SimpleEngine, ARestartForgetsAll) {
    EngineStory story({});
    story.submit(0, 1, 4'096, 100, {1, 8});
    story.advance(600'000);
    EXPECT_EQ(story.engine().load().running, 1U);
    story.engine().restart();
    EXPECT_EQ(story.engine().next(), Instant::never());
    EXPECT_EQ(story.engine().load().running, 0U);
    story.submit(700'000, 2, 4'096, 10, {1, 8});
    story.told();
    EXPECT_EQ(story.cached_of(2), 0U);
}

}  // namespace
}  // namespace sluice::llm_fleet
