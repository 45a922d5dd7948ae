// What an exchange costs by its record, and what is unknown rather than nothing.
#include "pipeline/exchange_cost.h"

#include <cstdint>

#include "base/time.h"
#include "gtest/gtest.h"
#include "pipeline/exchange_record.h"
#include "priced_snapshot.h"
#include "providers/canonical.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kPrices = R"({
    "groq/small": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
                   "cache_read_input_token_cost": 1e-07, "input_cost_per_token_flex": 5e-07},
    "groq/alias": {"input_cost_per_token": 3e-06, "output_cost_per_token": 0},
    "small": {"input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06}})";

class ExchangeCostTest : public testing::Test {
protected:
    ExchangeRecord answered(std::string_view model) const {
        ExchangeRecord record;
        record.operation = "chat";
        record.model = model;
        record.method = "POST";
        record.service = snapshot_.service();
        record.attempts = 1;
        record.status = record.upstream_status = 200;
        record.sent = Instant::from_ns(1);
        record.usage = {
            .prompt_tokens = 100, .completion_tokens = 10, .cached_tokens = 40, .is_known = true};
        return record;
    }
    ExchangeRecord& priced(ExchangeRecord& record) {
        price_exchange(record, snapshot_.get(), 1'800'000'000);
        return record;
    }

    PricedSnapshot snapshot_{"groq", kPrices};
};

TEST_F(ExchangeCostTest, IsTheUsageAtThePricesOfTheProvidersModel) {
    ExchangeRecord record = answered("small");
    priced(record);
    EXPECT_TRUE(record.is_priced);
    EXPECT_FALSE(record.is_cost_estimated);
    EXPECT_EQ(record.cost_pico_usd, 60 * 1'000'000 + 40 * 100'000 + 10 * 2'000'000);
    EXPECT_EQ(record.price_version, snapshot_.get().prices->version());
}

TEST_F(ExchangeCostTest, TheUpstreamsModelCountsBeforeTheClients) {
    ExchangeRecord record = answered("alias");
    record.upstream_model = "small";
    EXPECT_EQ(priced(record).cost_pico_usd, 84'000'000);
    record.upstream_model = "without a price";
    EXPECT_EQ(priced(record).cost_pico_usd, 300'000'000);
}

TEST_F(ExchangeCostTest, GoesByTheTierThatTheReplyNames) {
    ExchangeRecord record = answered("small");
    record.usage.tier = providers::ServiceTier::flex;
    EXPECT_EQ(priced(record).cost_pico_usd, 60 * 500'000 + 40 * 100'000 + 10 * 2'000'000);
    record.usage.tier = providers::ServiceTier::priority;  // Has no rates of its own.
    EXPECT_EQ(priced(record).cost_pico_usd, 84'000'000);
}

TEST_F(ExchangeCostTest, AnUnknownPriceIsNotZero) {
    ExchangeRecord record = answered("other");
    EXPECT_FALSE(priced(record).is_priced);
    EXPECT_EQ(record.cost_pico_usd, 0);
    record = answered("small");
    record.usage = {};
    EXPECT_FALSE(priced(record).is_priced) << "an answer that told no usage";
    record = answered("small");
    record.service = nullptr;
    EXPECT_FALSE(priced(record).is_priced);
    record = answered("small");
    snapshot_.get().prices = nullptr;
    EXPECT_FALSE(priced(record).is_priced);
}

TEST_F(ExchangeCostTest, WhatNoUpstreamDidCostsNothing) {
    ExchangeRecord refused;
    refused.status = 404;
    EXPECT_TRUE(priced(refused).is_priced);
    ExchangeRecord turned_away = answered("small");
    turned_away.usage = {};
    turned_away.upstream_status = 429;
    EXPECT_TRUE(priced(turned_away).is_priced);
    ExchangeRecord unsent = turned_away;
    unsent.upstream_status = 0;
    unsent.sent = {};
    EXPECT_TRUE(priced(unsent).is_priced);
    ExchangeRecord silent = unsent;
    silent.sent = Instant::from_ns(1);
    EXPECT_FALSE(priced(silent).is_priced) << "it had the request";
    silent.operation = "models";
    EXPECT_TRUE(priced(silent).is_priced);
    EXPECT_EQ(silent.cost_pico_usd, 0);
}

// What it once cost is known, and was paid then.
TEST_F(ExchangeCostTest, AnAnswerGivenAgainCostsNothing) {
    ExchangeRecord record = answered("small");
    record.is_cached = true;
    EXPECT_TRUE(priced(record).is_priced);
    EXPECT_EQ(record.cost_pico_usd, 0);
    record = answered("without any price");
    record.is_cached = true;
    EXPECT_TRUE(priced(record).is_priced);
}

TEST_F(ExchangeCostTest, WhatIsOnlyFetchedCostsNothing) {
    ExchangeRecord record = answered("small");
    record.usage = {};
    record.method = "GET";
    EXPECT_TRUE(priced(record).is_priced);
}

TEST_F(ExchangeCostTest, AnEstimateIsMarkedAsOne) {
    ExchangeRecord record = answered("small");
    record.usage.is_estimated = true;
    EXPECT_TRUE(priced(record).is_cost_estimated);
    EXPECT_TRUE(record.is_priced);
}

TEST_F(ExchangeCostTest, WhatTheUpstreamReportsCountsOnlyWhereItIsTrusted) {
    ExchangeRecord record = answered("small");
    record.usage.reported_cost_pico = 5;
    EXPECT_EQ(priced(record).cost_pico_usd, 84'000'000);
    snapshot_.get().trusts_reported_costs = true;
    EXPECT_EQ(priced(record).cost_pico_usd, 5);
    record.model = "other";
    EXPECT_TRUE(priced(record).is_priced);
    record.usage.is_estimated = true;
    EXPECT_FALSE(priced(record).is_priced) << "it was told of less than there was";
}

TEST_F(ExchangeCostTest, OtherModelsThatWereAskedAreInTheSum) {
    ExtraUsage first{.service = snapshot_.service(),
                     .upstream_name = "up",
                     .model = "small",
                     .usage = {.prompt_tokens = 1, .completion_tokens = 1, .is_known = true}};
    ExtraUsage second{.service = snapshot_.service(),
                      .upstream_name = "up",
                      .model = "small",
                      .usage = {.prompt_tokens = 5, .is_known = true},
                      .next = &first};
    ExchangeRecord record = answered("small");
    record.extra_usages = &second;
    priced(record);
    EXPECT_TRUE(record.is_priced);
    EXPECT_EQ(first.cost_pico_usd, 3'000'000);
    EXPECT_EQ(second.cost_pico_usd, 5'000'000);
    EXPECT_EQ(record.cost_pico_usd, 84'000'000 + 8'000'000);
    first.model = "other";
    priced(record);
    EXPECT_FALSE(record.is_priced);
    EXPECT_EQ(record.cost_pico_usd, 84'000'000 + 5'000'000) << "what is known";
}

}  // namespace
}  // namespace sluice::pipeline
