// [pool.NAME]: both forms of its targets, and what is said about names that lead nowhere.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balance/balancer.h"
#include "balance/options.h"
#include "config/load.h"
#include "config/print.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kLlms = R"(
[llm.east]
provider = "simulated"

[llm.west]
provider = "simulated"

[[route]]
path_prefix = "/v1"
target_llm = "fast"
)";

LoadResult with(std::string_view pools) {
    return load_text("test.toml", std::string(pools) + std::string(kLlms),
                     {.overrides = {}, .environment = environment_of_map({})});
}

std::vector<std::string> said(const LoadResult& result) {
    std::vector<std::string> lines;
    lines.reserve(result.diagnostics.size());
    for (const Diagnostic& diagnostic : result.diagnostics) {
        lines.push_back(diagnostic.to_string());
    }
    return lines;
}

TEST(Pools, ThreeLinesAreEnough) {
    const LoadResult result = with("[pool.fast]\ntargets = [\"east\", \"west/gpt\"]\n");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(said(result), testing::IsEmpty());
    const balance::PoolOptions& pool = result.config->pools.front();
    EXPECT_EQ(pool.name, "fast");
    EXPECT_EQ(pool.strategy, balance::Strategy::latency_weighted);
    ASSERT_EQ(pool.targets.size(), 2U);
    EXPECT_EQ(pool.targets[0].llm, "east");
    EXPECT_EQ(pool.targets[0].model, "");
    EXPECT_EQ(pool.targets[1].llm, "west");
    EXPECT_EQ(pool.targets[1].model, "gpt");
    EXPECT_EQ(result.config->targets_of("fast").size(), 2U);
}

TEST(Pools, HedgesAreATableOfTheirs) {
    const LoadResult result = with(R"([pool.fast]
targets = ["east", "west"]
[pool.fast.hedge]
enabled = true
percentile = 0
delay_ms_min = 250
budget_percent = 5
load_percent_max = 60
)");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(said(result), testing::IsEmpty());
    const balance::HedgeOptions& hedge = result.config->pools.front().hedge;
    EXPECT_TRUE(hedge.enabled);
    EXPECT_EQ(hedge.percentile, 0U);
    EXPECT_EQ(hedge.delay_ms_min, 250U);
    EXPECT_EQ(hedge.budget_percent, 5U);
    EXPECT_EQ(hedge.load_percent_max, 60U);
    EXPECT_FALSE(balance::PoolOptions().hedge.enabled) << "it spends money, so it is asked for";
    const LoadResult alone = with("[pool.fast]\ntargets = [\"east\"]\nhedge.enabled = true\n");
    EXPECT_THAT(said(alone), Contains(HasSubstr("there is no second target")));
}

TEST(Pools, TheLongFormSaysMore) {
    const LoadResult result = with(R"([pool.fast]
strategy = "round_robin"
[[pool.fast.target]]
llm = "east"
weight = 3
[[pool.fast.target]]
llm = "west"
model = "gpt"
lacks = ["tools"]
)");
    ASSERT_TRUE(result.config) << result.report();
    const balance::PoolOptions& pool = result.config->pools.front();
    EXPECT_EQ(pool.strategy, balance::Strategy::round_robin);
    EXPECT_EQ(pool.targets[0].weight, 3U);
    EXPECT_THAT(pool.targets[1].lacks, ElementsAre("tools"));
    EXPECT_THAT(print_config(*result.config, "test.toml"),
                HasSubstr("[[pool.fast.target]]\nllm = \"west\"\nmodel = \"gpt\""));
}

TEST(Pools, WhatIsPrintedLoadsAgain) {
    const LoadResult result = with("[pool.fast]\ntargets = [\"east\", \"west/gpt\"]\n");
    ASSERT_TRUE(result.config);
    const LoadResult again = load_text("again.toml", print_config(*result.config, "test.toml"),
                                       {.overrides = {}, .environment = environment_of_map({})});
    ASSERT_TRUE(again.config) << again.report();
    EXPECT_EQ(again.config->pools, result.config->pools);
}

TEST(Pools, NamesMustLeadSomewhere) {
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"esat\"]\n")),
                Contains("test.toml:2:12: pool.fast.targets[0]: there is no [llm.NAME] or "
                         "[provider.NAME] called \"esat\"; did you mean \"east\"?"));
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"east\"]\nfallbacks = [\"slow\", \"fast\"]\n")),
                testing::AllOf(Contains(HasSubstr("pool.fast.fallbacks[0]: there is no [pool.NAME] "
                                                  "or [llm.NAME] called \"slow\"")),
                               Contains(HasSubstr("pool.fast.fallbacks[1]: is the pool itself"))));
    EXPECT_THAT(said(with("[pool.fast]\nstrategy = \"random\"\n")),
                Contains(HasSubstr("pool.fast: names no target; expected targets = [\"LLM\"")));
}

TEST(Pools, NothingIsSaidTwice) {
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"east\"]\n[[pool.fast.target]]\nllm = "
                          "\"west\"\n")),
                Contains(HasSubstr("[[pool.fast.target]] says the same at length")));
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"east\", \"east\"]\n")),
                Contains(HasSubstr("pool.fast.targets[1]: stands here twice")));
    EXPECT_THAT(
        said(with("[pool.east]\ntargets = [\"west\"]\n[pool.fast]\ntargets = [\"west\"]\n")),
        Contains(HasSubstr("pool.east: there is an llm of that name")));
}

TEST(Pools, AnUnusedOneIsMentioned) {
    const LoadResult result = with(
        "[pool.fast]\ntargets = [\"east\"]\nfallbacks = [\"slow\"]\n[pool.slow]\ntargets = "
        "[\"west\"]\n[pool.idle]\ntargets = [\"west\"]\n");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(said(result), Contains(HasSubstr("pool.idle: no route uses it")));
    EXPECT_THAT(said(result), Not(Contains(HasSubstr("pool.slow"))));
}

TEST(Pools, StrategiesHaveTheNamesThatOthersGiveThem) {
    const auto strategy_of = [](std::string_view name, const Variables& variables) {
        LoadOptions options = {{}, environment_of_map(variables)};
        options.overrides = environment_overrides(options.environment);
        const LoadResult result = load_text("test.toml",
                                            "[pool.fast]\ntargets = [\"east\"]\nstrategy = \"" +
                                                std::string(name) + "\"\n" + std::string(kLlms),
                                            options);
        return result.config ? std::string(balance::name_of(result.config->pools[0].strategy))
                             : result.report();
    };
    EXPECT_EQ(strategy_of("fastest_response", {}), "latency_weighted");
    EXPECT_EQ(strategy_of("weighted", {}), "round_robin");
    EXPECT_EQ(strategy_of("random", {{"LLM_PROXY_LOAD_BALANCE", "least_loaded"}}), "least_loaded");
    EXPECT_EQ(strategy_of("random", {{"LLM_PROXY_LOAD_BALANCE", "weighted"}}), "round_robin");
    EXPECT_THAT(strategy_of("random", {{"LLM_PROXY_LOAD_BALANCE", "best"}}),
                HasSubstr("LLM_PROXY_LOAD_BALANCE: pool.NAME.strategy: \"best\" is"));
}

TEST(Pools, WordsAreChecked) {
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"east\"]\nstrategy = \"fastest\"\n")),
                Contains(HasSubstr("pool.fast.strategy: \"fastest\" is not known; expected one of "
                                   "\"latency_weighted\"")));
    EXPECT_THAT(said(with("[pool.fast]\ntargets = [\"east\"]\nfail_over = { on = [\"5xx\"] }\n")),
                Contains(HasSubstr("is \"5xx\"; expected one of throttled, server_error")));
    EXPECT_THAT(
        said(with("[pool.fast]\n[[pool.fast.target]]\nllm = \"east\"\nlacks = [\"tool\"]\n")),
        Contains(HasSubstr("is \"tool\"; expected one of tools")));
}

TEST(Pools, SayWhatTheirDiscoveryNeeds) {
    const std::string engine =
        "[llm.engine]\nprovider = \"vllm\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    const auto complaints = [&](std::string_view discovery) {
        return with(engine + "[pool.fast]\ndiscovery = { " + std::string(discovery) + " }\n");
    };
    for (const std::string_view good :
         {R"(type = "admin", llm = "engine")", R"(type = "file", llm = "engine", file = "/m.json")",
          R"(type = "dns", llm = "engine", name = "fleet.example", port = 8000)",
          R"(type = "dns", llm = "engine", name = "_llm._tcp.example")",
          R"(type = "kubernetes", llm = "engine", name = "llm", namespace = "a-1")"}) {
        const LoadResult result = complaints(good);
        ASSERT_TRUE(result.config) << result.report();
        EXPECT_TRUE(result.config->pools.front().targets.empty());
    }
    for (const auto& [bad, expected] : std::vector<std::pair<std::string_view, std::string_view>>{
             {R"(type = "admin")", "discovery.llm: is missing"},
             {R"(type = "admin", llm = "engin")", "did you mean \"engine\"?"},
             {R"(type = "admin", llm = "east")", "is simulated and has no address"},
             {R"(type = "file", llm = "engine")", "discovery.file: is missing"},
             {R"(type = "dns", llm = "engine")", "discovery.name: is missing"},
             {R"(type = "dns", llm = "engine", name = "h")", "discovery.port: is missing"},
             {R"(type = "dns", llm = "engine", name = "_h", port = 1)", "said by SRV records"},
             {R"(type = "dns", llm = "engine", name = "h", port = 1, refresh_ms_min = 90000)",
              "more than refresh_ms_max"},
             {R"(type = "kubernetes", llm = "engine", name = "A b")", "discovery.name: is \"A b\""},
             {R"(type = "none")", "names no target"}}) {
        const LoadResult result = complaints(bad);
        EXPECT_FALSE(result.config) << bad;
        EXPECT_THAT(said(result), Contains(HasSubstr(std::string(expected))));
    }
}

}  // namespace
}  // namespace sluice::config
