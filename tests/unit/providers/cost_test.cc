// The cost of a request: every case of tests/data/pricing, and the rules that no case has.
#include "providers/cost.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/decimal.h"
#include "gtest/gtest.h"
#include "json/tree.h"
#include "providers/decode_chat_reply.h"
#include "providers/price_table.h"
#include "vector_case.h"

namespace sluice::providers {
namespace {

int64_t pico(std::string_view dollars) {
    return parse_scaled(dollars, kPicoPlaces).value();
}

const json::Value& parse(std::string_view text, Arena& arena) {
    return **json::Value::parse(text, arena, ErrorSource::gateway);
}

class PriceCases : public testing::Test {
protected:
    PriceCases()
        : sample_(test::read_text_file(test::data_folder() + "/pricing/pricing-sample.json")),
          cases_(test::read_text_file(test::data_folder() + "/pricing/cost.json")) {
        table_.add_entries(parse(sample_, arena_)["models"], complaints_);
    }

    std::string text(const json::Value& value) { return std::string(value.text().raw); }

    Arena arena_;
    std::string sample_;
    std::string cases_;
    PriceTable table_;
    std::vector<PriceComplaint> complaints_;
};

TEST_F(PriceCases, TheSampleIsReadWhole) {
    EXPECT_TRUE(complaints_.empty());
    EXPECT_GT(table_.size(), 50U);
}

TEST_F(PriceCases, EveryCaseCostsWhatItSays) {
    const json::Value& cases = parse(cases_, arena_)["cases"];
    ASSERT_GT(cases.size(), 10U);
    for (const json::Value& one : cases) {
        SCOPED_TRACE(text(one["name"]));
        const Price* const price = table_.find(text(one["model"]));
        ASSERT_NE(price, nullptr);
        const Usage usage = read_chat_usage(one["usage"]);
        const Cost cost = compute_cost(price, usage, {.tier = service_tier_of(text(one["tier"]))});
        EXPECT_EQ(cost.source, CostSource::computed);
        EXPECT_EQ(cost.pico, pico(text(one["expected_usd"])));
        EXPECT_EQ(cost.is_inconsistent, text(one["note"]).contains("inconsistent"));
        ASSERT_EQ(cost.lines().size(), one["lines"].size());
        size_t i = 0;
        for (const json::Value& line : one["lines"]) {
            const CostLine& ours = cost.lines()[i++];
            EXPECT_EQ(cost_item_name(ours.item), text(line["what"]));
            EXPECT_EQ(ours.count, line["tokens"].integer());
            EXPECT_EQ(ours.rate, pico(text(line["rate"])));
            EXPECT_EQ(ours.count * ours.rate, pico(text(line["usd"])));
        }
    }
}

class CostTest : public testing::Test {
protected:
    const Price* price(std::string_view fields) {
        std::vector<PriceComplaint> complaints;
        const std::string file = "{\"m\":{" + std::string(fields) + "}}";
        EXPECT_TRUE(table_.add_file(file, complaints).has_value());
        for (const PriceComplaint& complaint : complaints) {
            ADD_FAILURE() << complaint.reason;
        }
        return table_.find("m");
    }
    PriceTable table_;
};

constexpr std::string_view kPlain = R"("input_cost_per_token":1e-6,"output_cost_per_token":2e-6)";
constexpr int64_t kMicro = 1'000'000;  // A millionth of a dollar.

TEST_F(CostTest, WithoutAPriceItIsUnpricedAndNotZero) {
    const Cost cost = compute_cost(nullptr, {.prompt_tokens = 5, .completion_tokens = 5}, {});
    EXPECT_FALSE(cost.is_priced());
    EXPECT_EQ(cost.source, CostSource::unpriced);
}

TEST_F(CostTest, WithoutCountsItIsUnpriced) {
    EXPECT_FALSE(compute_cost(price(kPlain), {}, {}).is_priced());
}

TEST_F(CostTest, TokensWithoutARateAreUnpriced) {
    const Price* const input_only = price(R"("input_cost_per_token":1e-6)");
    EXPECT_TRUE(compute_cost(input_only, {.prompt_tokens = 3}, {}).is_priced());
    EXPECT_FALSE(
        compute_cost(input_only, {.prompt_tokens = 3, .completion_tokens = 1}, {}).is_priced());
}

TEST_F(CostTest, AFreeModelCostsZeroAndIsPriced) {
    const Cost cost = compute_cost(price(R"("input_cost_per_token":0,"output_cost_per_token":0.0)"),
                                   {.prompt_tokens = 3, .completion_tokens = 4}, {});
    EXPECT_TRUE(cost.is_priced());
    EXPECT_EQ(cost.pico, 0);
}

TEST_F(CostTest, ReasoningHasALineWhereItHasARate) {
    const Price* const own = price(R"("input_cost_per_token":1e-6,"output_cost_per_token":2e-6,)"
                                   R"("output_cost_per_reasoning_token":5e-6)");
    const Cost cost = compute_cost(
        own, {.prompt_tokens = 10, .completion_tokens = 30, .reasoning_tokens = 20}, {});
    EXPECT_EQ(cost.pico, (10 * 1 + 10 * 2 + 20 * 5) * kMicro);
}

TEST_F(CostTest, MediaCountAsTextUnlessTheyHaveARate) {
    const Usage usage = {.prompt_tokens = 100,
                         .completion_tokens = 50,
                         .audio_prompt_tokens = 40,
                         .audio_completion_tokens = 20,
                         .image_prompt_tokens = 10};
    EXPECT_EQ(compute_cost(price(kPlain), usage, {}).pico, (100 * 1 + 50 * 2) * kMicro);
    const Price* const own =
        price(R"("input_cost_per_token":1e-6,"output_cost_per_token":2e-6,)"
              R"("input_cost_per_audio_token":3e-6,"input_cost_per_image_token":4e-6,)"
              R"("output_cost_per_audio_token":7e-6)");
    EXPECT_EQ(compute_cost(own, usage, {}).pico,
              (50 * 1 + 40 * 3 + 10 * 4 + 30 * 2 + 20 * 7) * kMicro);
}

TEST_F(CostTest, CacheWritesFallBackToFiveMinutesThenToInput) {
    const Usage usage = {.prompt_tokens = 100,
                         .completion_tokens = 0,
                         .cache_write_tokens = 100,
                         .cache_write_1h_tokens = 60};
    EXPECT_EQ(compute_cost(price(kPlain), usage, {}).pico, 100 * kMicro);
    const Price* const five =
        price(R"("input_cost_per_token":1e-6,"cache_creation_input_token_cost":2e-6)");
    EXPECT_EQ(compute_cost(five, usage, {}).pico, 200 * kMicro);
}

TEST_F(CostTest, MoreForAnHourThanWrittenIsAllForAnHour) {
    const Price* const both =
        price(R"("input_cost_per_token":1e-6,"cache_creation_input_token_cost":2e-6,)"
              R"("cache_creation_input_token_cost_above_1hr":3e-6)");
    const Usage usage = {
        .prompt_tokens = 10, .cache_write_tokens = 10, .cache_write_1h_tokens = 99};
    EXPECT_EQ(compute_cost(both, usage, {}).pico, 30 * kMicro);
}

TEST_F(CostTest, AReportedCostCountsOnlyWhenItIsTrusted) {
    const Price* const plain = price(kPlain);
    const Usage usage = {.prompt_tokens = 1, .completion_tokens = 0};
    EXPECT_EQ(compute_cost(plain, usage, {.reported_pico = 77}).pico, 1 * kMicro);
    const Cost trusted = compute_cost(plain, usage, {.reported_pico = 77, .trusts_reported = true});
    EXPECT_EQ(trusted.source, CostSource::reported);
    EXPECT_EQ(trusted.pico, 77);
    // Also where there is neither a price nor a usage.
    EXPECT_EQ(compute_cost(nullptr, {}, {.reported_pico = 77, .trusts_reported = true}).pico, 77);
    EXPECT_EQ(compute_cost(plain, usage, {.trusts_reported = true}).source, CostSource::computed);
}

TEST_F(CostTest, SearchesRequestsAndRegionsAreAdded) {
    const Price* const own =
        price(R"("input_cost_per_token":1e-6,"output_cost_per_token":2e-6,)"
              R"("input_cost_per_request":0.005,)"
              R"("search_context_cost_per_query":{"search_context_size_medium":0.01})");
    const Usage usage = {.prompt_tokens = 10, .completion_tokens = 0};
    EXPECT_EQ(compute_cost(own, usage, {.web_searches = 2}).pico, pico("0.02501"));
    EXPECT_EQ(compute_cost(own, usage, {.multiplier_ppm = 1'100'000}).pico, pico("0.005511"));
    EXPECT_FALSE(compute_cost(price(kPlain), usage, {.web_searches = 1}).is_priced());
}

TEST_F(CostTest, HugeCountsDoNotOverflow) {
    const Usage usage = {.prompt_tokens = INT64_MAX / 4, .completion_tokens = INT64_MAX / 4};
    EXPECT_EQ(compute_cost(price(kPlain), usage, {}).pico, INT64_MAX);
}

TEST(ReportedCostTest, ReadsTheThreeForms) {
    Arena arena;
    EXPECT_EQ(reported_cost(parse(R"({"cost":0.00014})", arena)), 140'000'000);
    EXPECT_EQ(reported_cost(parse(R"({"cost":{"total_cost":0.006}})", arena)), 6'000'000'000);
    EXPECT_EQ(reported_cost(parse(R"({"cost_in_usd_ticks":37756000})", arena)), 3'775'600'000);
    EXPECT_EQ(reported_cost(parse(R"({"cost":0})", arena)), 0);
    for (const char* none : {"{}", R"({"cost":null})", R"({"cost":"1"})", R"({"cost":-1})",
                             R"({"cost":{}})", R"({"cost_in_usd_ticks":-5})"}) {
        EXPECT_EQ(reported_cost(parse(none, arena)), -1) << none;
    }
}

}  // namespace
}  // namespace sluice::providers
