// Public traces of real services, where they are at hand: in $SLUICE_TRACES, or beside the project.
//
// Bounds are those that docs/FLEET_LAB.md promises. The first rows are enough for most of them, as
// these tests are built without optimization.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "llm-fleet/measures.h"
#include "llm-fleet/product_rule.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/trace.h"
#include "unit/llm-fleet/fleet_case.h"

namespace sluice::llm_fleet {
namespace {

std::filesystem::path folder() {
    if (const char* given = std::getenv("SLUICE_TRACES")) {  // NOLINT(concurrency-mt-unsafe)
        return given;
    }
    if (const char* data = std::getenv("SLUICE_TEST_DATA")) {  // NOLINT(concurrency-mt-unsafe)
        return std::filesystem::path(data) / "../../../shared/traces";
    }
    return "../shared/traces";
}

class PublicTraces : public ::testing::Test {
protected:
    // False, and the test is skipped, where the trace is not there.
    bool has(const std::string& name) {
        const std::filesystem::path path = folder() / name;
        if (!std::filesystem::exists(path)) {
            return false;
        }
        EXPECT_EQ(read_trace(path.string(), trace_), "");
        return true;
    }
    Trace trace_;
};

TEST_F(PublicTraces, ConversationsComeInTimeByAffinity) {
    if (!has("mooncake_conversation.jsonl")) {
        GTEST_SKIP() << "mooncake_conversation.jsonl is not in " << folder();
    }
    ASSERT_EQ(trace_.rows.size(), 12'031U);
    RunOptions options;
    options.speed = 1.5;
    options.strategy = "prefix_affinity";
    const FleetCase run(trace_, options);
    EXPECT_EQ(run.summary.errors, 0U);
    EXPECT_LE(run.summary.first_token_s.mean, 2.35);
    EXPECT_LE(run.summary.first_token_s.p90, 5.1);
    options.strategy = kProductRuleName;
    const FleetCase baseline(trace_, options);
    EXPECT_LT(run.summary.first_token_s.mean, baseline.summary.first_token_s.mean);
    EXPECT_LT(run.summary.first_token_s.p90, baseline.summary.first_token_s.p90);
    options.strategy = "round_robin";
    const FleetCase in_turn(trace_, options);
    // As worked out with another program over the same engine: 12.7 s, and 6.2 % found.
    EXPECT_NEAR(in_turn.summary.first_token_s.mean, 12.7, 1.3);
    EXPECT_NEAR(in_turn.summary.hit_share, 0.062, 0.01);
}

TEST_F(PublicTraces, ShardsChangeLittle) {
    if (!has("mooncake_conversation.jsonl")) {
        GTEST_SKIP() << "mooncake_conversation.jsonl is not in " << folder();
    }
    RunOptions options;
    options.speed = 1.5;
    options.strategy = "prefix_affinity";
    options.rows_max = 4'000;
    const FleetCase one(trace_, options);
    options.shards = 8;
    const FleetCase eight(trace_, options);
    EXPECT_NEAR(eight.summary.hit_share, one.summary.hit_share, 0.01);
    EXPECT_LE(eight.summary.first_token_s.p90, 1.1 * one.summary.first_token_s.p90);
}

TEST_F(PublicTraces, WhatIsSharedInSyntheticOnesIsFound) {
    if (!has("mooncake_synthetic.jsonl")) {
        GTEST_SKIP() << "mooncake_synthetic.jsonl is not in " << folder();
    }
    RunOptions options;
    options.workers = 1;
    options.engine.cache_tokens = kCacheUnbounded;
    options.speed = 0.05;  // So that one worker can follow.
    const FleetCase run(trace_, options);
    // The best that one cache can do, as published: 64.0 % of the blocks; these are tokens.
    EXPECT_EQ(run.summary.answered, trace_.rows.size());
    EXPECT_NEAR(run.summary.hit_share, 0.64, 0.015);
}

}  // namespace
}  // namespace sluice::llm_fleet
