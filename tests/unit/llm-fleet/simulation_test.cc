// The simulation itself: repeatable, exact in its ledger, and right about the engines' part.
#include "llm-fleet/simulation.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/options.h"
#include "llm-fleet/plot.h"
#include "llm-fleet/report.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/strategies.h"
#include "unit/llm-fleet/fleet_case.h"

namespace sluice::llm_fleet {
namespace {

TEST(Simulation, AnIdleFleetAnswersAtTheEnginesSpeed) {
    RunOptions options;
    options.workers = 2;
    const Trace trace = made("cold,requests=20,rate=0.2,arrivals=constant,input=8000,output=101");
    const FleetCase run(trace, options);
    for (const RequestRecord& request : run.measures.requests) {
        EXPECT_EQ(request.end, RequestRecord::End::answered);
        EXPECT_EQ(request.first_token, Duration::seconds(1));
        EXPECT_EQ(request.whole.us(), 1'000'000 + 101 * 6'350);
        EXPECT_EQ(request.per_token.ns(), 101 * 6'350'000 / 100);
        EXPECT_EQ(request.attempts, 1U);
    }
}

TEST(Simulation, TheSameSeedGivesTheSameReport) {
    const Trace trace = made("hot,requests=800,rate=8");
    ReplayOptions options;
    options.run.shards = 4;
    options.run.estimate_error = 0.2;
    options.run.leave_fraction = 0.1;
    const auto report = [&](const std::string& strategy, uint64_t seed) {
        options.run.strategy = strategy;
        options.run.seed = seed;
        return json_report(options, trace, std::vector{Simulation(trace, options.run, {}).run()});
    };
    for (const std::string& strategy : all_strategies()) {
        EXPECT_EQ(report(strategy, 1), report(strategy, 1)) << strategy;
    }
    EXPECT_NE(report("random", 1), report("random", 2));
}

TEST(Simulation, NothingIsChargedWhenAllHasEnded) {
    const Trace trace = made("sessions,requests=1500,rate=12,sessions=60,input=512");
    for (const std::string& strategy : all_strategies()) {
        for (const EngineKind engine : {EngineKind::simple, EngineKind::batching}) {
            RunOptions options;
            options.strategy = strategy;
            options.engine.kind = engine;
            options.shards = 3;
            options.leave_fraction = 0.3;
            options.leave_after = Duration::seconds(1);
            options.first_token_timeout = Duration::seconds(10);
            options.silence_timeout = Duration::seconds(10);
            options.faults = {fault("worker=0,kind=fail,from=20s,until=40s"),
                              fault("worker=1,kind=hang,from=30s,until=60s"),
                              fault("worker=2,kind=restart,from=40s,until=45s"),
                              fault("worker=3,kind=flap,from=10s,period=5s"),
                              fault("worker=4,kind=leave,from=50s"),
                              fault("worker=5,kind=join,from=50s"),
                              fault("worker=6,kind=slow,from=10s,until=80s")};
            const FleetCase run(trace, options);  // Expects that the ledger is empty.
            EXPECT_EQ(run.summary.requests, 1'500U);
            EXPECT_GT(run.summary.left, 200U);
            EXPECT_GT(run.summary.answered, 800U);
        }
    }
}

TEST(Simulation, HedgesAreDecidedByTheFirstToken) {
    const Trace trace = made("cold,requests=3000,rate=4,input=2000");
    RunOptions options;
    options.strategy = "round_robin";
    options.faults = {fault("worker=2,kind=slow,factor=8,from=60s")};
    options.pool.outliers.enabled = false;
    const FleetCase plain(trace, options);
    options.pool.hedge.enabled = true;
    options.pool.hedge.budget_percent = 20;
    const FleetCase hedged(trace, options);
    uint64_t hedges = 0;
    for (const AttemptRecord& attempt : hedged.measures.attempts) {
        hedges += attempt.is_hedge ? 1 : 0;
    }
    EXPECT_GT(hedges, 20U);
    EXPECT_EQ(hedged.summary.answered, 3'000U);
    EXPECT_LT(hedged.summary.first_token_s.p99, plain.summary.first_token_s.p99);
}

TEST(Simulation, PrivateLedgersAreWorseThanASharedOne) {
    const Trace trace = made("cold,requests=3000,rate=9,input=6000");
    RunOptions options;
    options.strategy = "least_loaded";
    options.shards = 8;
    const FleetCase shared(trace, options);
    options.has_private_ledgers = true;
    const FleetCase parted(trace, options);
    EXPECT_GT(parted.summary.first_token_s.mean, 1.3 * shared.summary.first_token_s.mean);
}

TEST(Measures, PercentilesAreNearestRanks) {
    std::vector<double> values;
    for (int i = 100; i >= 1; --i) {
        values.push_back(i);
    }
    const Spread spread = spread_of(values);
    EXPECT_EQ(spread.mean, 50.5);
    EXPECT_EQ(spread.p50, 50);
    EXPECT_EQ(spread.p90, 90);
    EXPECT_EQ(spread.p99, 99);
    EXPECT_EQ(spread.max, 100);
    EXPECT_EQ(spread_of({}).max, 0);
    EXPECT_EQ(spread_of({7}).p99, 7);
}

TEST(Measures, FiguresComeFromTheRecords) {
    Measures measures;
    measures.workers = 2;
    measures.length = Duration::seconds(10);
    const auto add = [&](int64_t ttft_s, uint32_t predicted, RequestRecord::End end) {
        measures.requests.push_back({.first_token = Duration::seconds(ttft_s),
                                     .whole = Duration::seconds(ttft_s + 1),
                                     .per_token = Duration::milliseconds(10),
                                     .input_tokens = 1'000,
                                     .cached_tokens = 500,
                                     .predicted_tokens = predicted,
                                     .attempts = 2,
                                     .end = end});
    };
    add(1, 400, RequestRecord::End::answered);
    add(9, 800, RequestRecord::End::answered);
    add(1, 0, RequestRecord::End::failed);
    add(1, 0, RequestRecord::End::left);
    measures.attempts = {{.uncached_tokens = 300, .worker = 0},
                         {.uncached_tokens = 100, .worker = 1}};
    measures.samples = {{.at = {}, .tokens = {0, 0}}, {.at = {}, .tokens = {10, 30}}};
    const Summary s = summarize(measures, {});
    EXPECT_EQ(s.answered, 2U);
    EXPECT_EQ(s.errors, 1U);
    EXPECT_EQ(s.left, 1U);
    EXPECT_EQ(s.retries, 4U);
    EXPECT_EQ(s.goodput_share, 0.25);
    EXPECT_EQ(s.goodput_per_s, 0.1);
    EXPECT_EQ(s.hit_share, 0.5);
    EXPECT_EQ(s.predicted_hit_share, 0.6);
    EXPECT_EQ(s.prediction_error, 0.2);
    EXPECT_EQ(s.imbalance, 0.5);  // 10 and 30: mean 20, deviation 10.
    EXPECT_EQ(s.uncached_share, (std::vector<double>{0.75, 0.25}));
}

TEST(Plot, IsSvgWithALineForEachRun) {
    const Trace trace = made("cold,requests=100,rate=4");
    RunOptions options;
    std::vector<Measures> runs;
    runs.push_back(Simulation(trace, options, {}).run());
    options.strategy = "random";
    runs.push_back(Simulation(trace, options, {}).run());
    const std::string svg = plot_of(runs, "a <trace>");
    EXPECT_TRUE(svg.starts_with("<svg xmlns="));
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    EXPECT_NE(svg.find("a &lt;trace>"), svg.npos);
    size_t lines = 0;
    for (size_t at = svg.find("<polyline"); at != svg.npos; at = svg.find("<polyline", at + 1)) {
        ++lines;
    }
    EXPECT_EQ(lines, 6U);  // One distribution and two of what is in flight, for each run.
}

}  // namespace
}  // namespace sluice::llm_fleet
