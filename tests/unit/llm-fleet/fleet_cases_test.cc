// What a fleet's operator fears, each with a bound: black holes, grey failures, storms of cold
// prompts, hot prompts, system prompts that all share, probes, restarts, and the number of shards.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/product_rule.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/strategies.h"
#include "llm-fleet/trace.h"
#include "unit/llm-fleet/fleet_case.h"

namespace sluice::llm_fleet {
namespace {

constexpr Duration kEver = Duration::seconds(1'000'000);

RunOptions with(std::string strategy) {
    RunOptions options;
    options.strategy = std::move(strategy);
    return options;
}

// What looks at what happens; round_robin, random and priority do not, by intention.
std::vector<std::string> adaptive_strategies() {
    return {"latency_weighted", "prefix_affinity", "least_loaded", "least_connections", "p2c"};
}

TEST(FleetCases, ABlackHoleStarvesAndNobodyNotices) {
    const Trace trace = made("sessions,requests=8000,rate=10,sessions=400,input=1024");
    for (const std::string& strategy : all_strategies()) {
        if (strategy == kProductRuleName || strategy == "priority") {
            continue;  // Not ours; and the first that can is meant to be the first.
        }
        RunOptions options = with(strategy);
        options.faults = {fault("worker=3,kind=fail")};
        const FleetCase run(trace, options);
        EXPECT_LE(run.attempt_share(3, Duration::seconds(30), kEver), 0.005) << strategy;
        EXPECT_LE(run.attempt_share(3, Duration::seconds(1), kEver), 0.125) << strategy;
        EXPECT_LE(static_cast<double>(run.summary.errors), 8) << strategy;
    }
}

TEST(FleetCases, AGreyWorkerCostsLittleMoreThanAMissingOne) {
    const Trace trace = made("cold,requests=8000,rate=7,input=6000");
    for (const std::string strategy : {"latency_weighted", "prefix_affinity"}) {
        RunOptions options = with(strategy);
        options.workers = 7;
        const FleetCase seven(trace, options);
        options.workers = 8;
        options.faults = {fault("worker=3,kind=slow,factor=5")};
        const FleetCase grey(trace, options);
        EXPECT_LE(grey.summary.first_token_s.p99, 1.2 * seven.summary.first_token_s.p99)
            << strategy;
    }
}

TEST(FleetCases, AStormOfColdPromptsIsSpreadAndANewWorkerIsNotFlooded) {
    const Trace trace = made("cold,requests=4000,rate=8,arrivals=constant,input=6000,output=1500");
    RunOptions options = with("prefix_affinity");
    options.faults = {fault("worker=7,kind=join,from=200s")};
    const FleetCase run(trace, options);
    const Duration join = Duration::seconds(200);
    // With few in flight, one more is a large part of the mean; the bound is for a busy fleet.
    const double mean_min = 8 * 7'500;
    const double before = run.busiest_by_mean({}, join, mean_min);
    EXPECT_GT(before, 1);
    EXPECT_LE(before, 8.0 / 7 * 1.5);
    EXPECT_LE(run.busiest_by_mean(join, kEver, mean_min), 1.5);
    EXPECT_GT(run.attempt_share(7, join + Duration::seconds(60), kEver), 0.10);
    EXPECT_LE(run.attempt_share(7, join, join + Duration::seconds(30)), 0.25);
}

TEST(FleetCases, AHotPromptCostsTheOthersNothingAndSpreads) {
    const Trace hot = made("hot,requests=9000,rate=28,sessions=300,input=1024,prefix=8192,hot=30");
    Trace calm;  // The same without the hot ones, at the same times.
    std::set<uint32_t> hot_rows;
    for (uint32_t i = 0; i < hot.rows.size(); ++i) {
        const TraceRow& row = hot.rows[i];
        if (row.block_count == 18) {
            hot_rows.insert(i);
        } else {
            const auto blocks = hot.blocks_of(row);
            calm.add(row.at, row.input_tokens, row.output_tokens, blocks);
        }
    }
    ASSERT_GT(hot_rows.size(), 1'500U);
    const FleetCase with_hot(hot, with("prefix_affinity"));
    const FleetCase without(calm, with("prefix_affinity"));
    double cached = 0;
    double all = 0;
    std::set<uint16_t> hot_workers;
    for (const RequestRecord& request : with_hot.measures.requests) {
        if (hot_rows.contains(request.row)) {
            hot_workers.insert(request.worker);
        } else {
            cached += request.cached_tokens;
            all += request.input_tokens;
        }
    }
    EXPECT_GE(cached / all, without.summary.hit_share - 0.02);
    EXPECT_GT(without.summary.hit_share, 0.5);
    EXPECT_GE(hot_workers.size(), 2U);
}

TEST(FleetCases, ACommonSystemPromptLeavesTheLoadEven) {
    const Trace trace = made("shared,requests=6000,rate=40,prefix=6144,input=1024,output=100");
    const FleetCase run(trace, with("prefix_affinity"));
    for (const double share : run.summary.uncached_share) {
        EXPECT_NEAR(share, 0.125, 0.125 * 0.15);
    }
    EXPECT_GE(run.summary.hit_share, 0.95 * 6'144 / (6'144 + 1'024));
}

TEST(FleetCases, ShardsThatShareAPoolAreLikeOne) {
    const Trace trace = made("sessions,requests=8000,rate=8,sessions=400,input=1536");
    for (const std::string strategy : {"latency_weighted", "prefix_affinity"}) {
        RunOptions options = with(strategy);
        const FleetCase one(trace, options);
        for (const uint32_t shards : {2U, 8U}) {
            options.shards = shards;
            const FleetCase many(trace, options);
            // What latency_weighted finds in caches is chance: it does not look for it.
            if (options.strategy == "prefix_affinity") {
                EXPECT_NEAR(many.summary.hit_share, one.summary.hit_share, 0.01);
            }
            EXPECT_LE(many.summary.first_token_s.p90, 1.1 * one.summary.first_token_s.p90)
                << strategy;
        }
    }
}

TEST(FleetCases, AHangingWorkerIsProbedByOneRequestAtATime) {
    const Trace trace = made("cold,requests=60000,rate=500,arrivals=constant,input=64,output=20");
    RunOptions options = with("latency_weighted");
    options.shards = 4;
    options.first_token_timeout = Duration::seconds(5);
    options.faults = {fault("worker=2,kind=hang,from=10s")};
    const FleetCase run(trace, options);
    Duration opened;
    std::vector<Duration> probes;
    for (const AttemptRecord& attempt : run.measures.attempts) {
        if (attempt.worker == 2 && attempt.end == AttemptRecord::End::fault && !attempt.is_probe) {
            opened = std::max(opened, attempt.at);
        }
        if (attempt.worker == 2 && attempt.is_probe) {
            probes.push_back(attempt.at);
        }
    }
    // It gets nothing but probes once the first five have timed out.
    EXPECT_LE(opened, Duration::seconds(10 + 5) + Duration::milliseconds(100));
    ASSERT_GE(probes.size(), 1U);
    for (size_t i = 1; i < probes.size(); ++i) {
        EXPECT_GE(probes[i] - probes[i - 1], options.first_token_timeout);
    }
    // Streams that it had begun are lost; everything else is answered by others.
    for (const RequestRecord& request : run.measures.requests) {
        EXPECT_TRUE(
            request.end == RequestRecord::End::answered ||
            (request.end == RequestRecord::End::broken && request.at <= Duration::seconds(10)))
            << request.row;
    }
    EXPECT_LE(run.summary.errors, 40U);
}

TEST(FleetCases, ARestartedWorkersEmptyCacheIsNoticed) {
    const Trace trace = made("sessions,requests=6000,rate=12,sessions=300,input=1024");
    RunOptions options = with("prefix_affinity");
    options.faults = {fault("worker=1,kind=restart,from=200s,until=203s")};
    const FleetCase run(trace, options);
    const Duration back = Duration::seconds(203);
    EXPECT_LE(run.prediction_error(back + Duration::seconds(30), kEver), 0.05);
    EXPECT_LE(run.prediction_error(Duration(), Duration::seconds(200)), 0.05);
    EXPECT_LE(static_cast<double>(run.summary.errors), 0.002 * 6'000);
}

TEST(FleetCases, AFlappingWorkerCostsNoAnswers) {
    const Trace trace = made("sessions,requests=6000,rate=10,sessions=300,input=1024");
    for (const std::string& strategy : adaptive_strategies()) {
        RunOptions options = with(strategy);
        options.faults = {fault("worker=5,kind=flap,from=60s,period=10s")};
        const FleetCase run(trace, options);
        EXPECT_EQ(run.summary.errors, 0U) << strategy;
    }
}

}  // namespace
}  // namespace sluice::llm_fleet
