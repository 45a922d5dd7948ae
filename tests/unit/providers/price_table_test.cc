// Price files: what is read, what is complained about, which entry a request gets.
#include "providers/price_table.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "providers/vendor.h"

namespace sluice::providers {
namespace {

class PriceTableTest : public testing::Test {
protected:
    void add(std::string_view json) { ASSERT_TRUE(table_.add_file(json, complaints_)); }
    // Of a prompt, in millionths of a dollar per million tokens.
    int64_t input(std::string_view key,
                  int64_t prompt_tokens,
                  ServiceTier tier = ServiceTier::standard,
                  int64_t at_s = 0) {
        const Price* const price = table_.find(key);
        return price == nullptr ? -2
                                : price->rates(price->period_at(at_s), prompt_tokens, tier).input;
    }

    PriceTable table_;
    std::vector<PriceComplaint> complaints_;
};

TEST_F(PriceTableTest, UnknownFieldsAndTheSampleAreIgnored) {
    add(R"({"sample_spec":{"input_cost_per_token":"a number"},
            "a":{"input_cost_per_token":1e-6,"supports_vision":true,"source":"https://x",
                 "input_cost_per_token_above_moon":5,"input_cost_per_character":1e-6}})");
    EXPECT_EQ(table_.size(), 1U);
    EXPECT_TRUE(complaints_.empty());
    EXPECT_EQ(input("a", 10), 1'000'000);
}

TEST_F(PriceTableTest, ABrokenEntryIsNamedAndTheOthersStay) {
    add(R"({"good":{"input_cost_per_token":1e-6},
            "text":{"input_cost_per_token":"1e-6"},
            "negative":{"output_cost_per_token":-1},
            "unit":{"input_cost_per_token":2.5},
            "array":[1],
            "tiers":{"tiered_pricing":[{"input_cost_per_token":1}]},
            "dated":{"input_cost_per_token":0,"dated_prices":[{"from":"soon"}]},
            "dated2":{"input_cost_per_token":0,"dated_prices":[{"from":"2027-01-01"}]}})");
    EXPECT_EQ(table_.size(), 1U);
    ASSERT_EQ(complaints_.size(), 7U);
    EXPECT_EQ(complaints_[0].model, "text");
    EXPECT_EQ(complaints_[0].reason, "input_cost_per_token: is not a number");
    EXPECT_EQ(complaints_[1].reason, "output_cost_per_token: is out of range");
    EXPECT_EQ(complaints_[2].model, "unit");
    EXPECT_EQ(complaints_[3].reason, "is not an object");
    EXPECT_EQ(complaints_[4].reason, "tiered_pricing: has an item without a range");
    EXPECT_EQ(complaints_[5].reason, "dated_prices: has an item without a date in \"from\"");
    EXPECT_EQ(complaints_[6].reason, "dated_prices: has an item without a price");
}

TEST_F(PriceTableTest, ABrokenFileIsAnError) {
    for (const char* text : {"", "[]", "{", "{\"a\":{}", "1"}) {
        EXPECT_FALSE(table_.add_file(text, complaints_)) << text;
    }
    EXPECT_EQ(table_.size(), 0U);
}

TEST_F(PriceTableTest, EntriesWithoutAPriceOfTokensPriceNothing) {
    add(R"({"image":{"input_cost_per_image":0.04,"mode":"image_generation"},"null":
            {"input_cost_per_token":null}})");
    EXPECT_TRUE(complaints_.empty());
    EXPECT_EQ(table_.find("image"), nullptr);
    EXPECT_EQ(table_.find("null"), nullptr);
}

TEST_F(PriceTableTest, TheLargestThresholdWinsAndIsStrongerThanATier) {
    add(R"({"m":{"input_cost_per_token":1e-12,"input_cost_per_token_flex":2e-12,
                 "input_cost_per_token_above_128k_tokens":3e-12,
                 "input_cost_per_token_above_200k_tokens":4e-12,
                 "input_cost_per_token_above_200k_tokens_flex":5e-12}})");
    using enum ServiceTier;
    EXPECT_EQ(input("m", 0), 1);
    EXPECT_EQ(input("m", 128'000), 1);
    EXPECT_EQ(input("m", 128'001), 3);
    EXPECT_EQ(input("m", 200'000), 3);
    EXPECT_EQ(input("m", 200'001), 4);
    EXPECT_EQ(input("m", 128'000, flex), 2);
    EXPECT_EQ(input("m", 128'001, flex), 3);
    EXPECT_EQ(input("m", 200'001, flex), 5);
    EXPECT_EQ(input("m", 200'001, priority), 4);
}

TEST_F(PriceTableTest, XaiCountsFromTheThresholdOn) {
    add(R"({"x":{"litellm_provider":"xai","input_cost_per_token":1e-12,
                 "input_cost_per_token_above_200k_tokens":2e-12}})");
    EXPECT_EQ(input("x", 199'999), 1);
    EXPECT_EQ(input("x", 200'000), 2);
}

TEST_F(PriceTableTest, ATierOfPricesSetsAllRates) {
    add(R"({"m":{"output_cost_per_token":9e-12,"tiered_pricing":[
          {"range":[32e3,128000],"input_cost_per_token":3e-12,"output_cost_per_token":4e-12},
          {"range":[0,32000],"input_cost_per_token":1e-12,"output_cost_per_token":2e-12,
           "output_cost_per_reasoning_token":7e-12}]}})");
    EXPECT_EQ(input("m", 32'000), 1);
    EXPECT_EQ(input("m", 32'001), 3);
    EXPECT_EQ(input("m", 900'000), 3);
    const Price& price = *table_.find("m");
    EXPECT_EQ(price.rates(price.period_at(0), 40'000, ServiceTier::standard).reasoning, 4);
    EXPECT_EQ(price.rates(price.period_at(0), 1, ServiceTier::standard).reasoning, 7);
}

TEST_F(PriceTableTest, DatedPricesHoldFromTheirDay) {
    add(R"({"m":{"input_cost_per_token":1e-12,"dated_prices":[
          {"from":"2027-01-02T12:00:00Z","input_cost_per_token":3e-12},
          {"from":"2027-01-01","input_cost_per_token":2e-12}]}})");
    constexpr int64_t kNewYear = 1'798'761'600;  // 2027-01-01T00:00:00Z
    constexpr auto kTier = ServiceTier::standard;
    EXPECT_EQ(input("m", 1, kTier, kNewYear - 1), 1);
    EXPECT_EQ(input("m", 1, kTier, kNewYear), 2);
    EXPECT_EQ(input("m", 1, kTier, kNewYear + 86'400 + 43'200), 3);
}

TEST_F(PriceTableTest, DeepSeeksOlderNameOfCacheReads) {
    add(R"({"a":{"input_cost_per_token":5e-12,"input_cost_per_token_cache_hit":1e-12},
            "b":{"input_cost_per_token":5e-12,"input_cost_per_token_cache_hit":1e-12,
                 "cache_read_input_token_cost":2e-12}})");
    const auto cache_read = [&](const char* key) {
        const Price& price = *table_.find(key);
        return price.rates(price.period_at(0), 1, ServiceTier::standard).cache_read;
    };
    EXPECT_EQ(cache_read("a"), 1);
    EXPECT_EQ(cache_read("b"), 2);
}

TEST_F(PriceTableTest, TheUpstreamsModelComesFirstThenTheReplysThenTheBase) {
    add(R"({"azure/a":{"input_cost_per_token":1e-12},"a":{"input_cost_per_token":2e-12},
            "azure/b":{"input_cost_per_token":3e-12},"c":{"input_cost_per_token":4e-12}})");
    const auto azure = price_prefixes("azure");
    const auto rate = [&](const PriceQuery& query) {
        const Price* const price = table_.find(query);
        return price == nullptr ? -2 : price->rates(price->period_at(0), 1, {}).input;
    };
    EXPECT_EQ(rate({.prefixes = azure, .upstream_model = "a", .reply_model = "b"}), 1);
    EXPECT_EQ(rate({.prefixes = azure, .upstream_model = "mine", .reply_model = "b"}), 3);
    EXPECT_EQ(rate({.prefixes = azure, .upstream_model = "mine", .base_model = "c"}), 4);
    // Another provider's price is not this one's.
    EXPECT_EQ(rate({.prefixes = azure, .upstream_model = "c"}), -2);
    EXPECT_EQ(rate({.prefixes = price_prefixes("openai"), .upstream_model = "a"}), 2);
    EXPECT_EQ(rate({.prefixes = azure, .upstream_model = std::string(5'000, 'a')}), -2);
    EXPECT_EQ(rate({.prefixes = azure}), -2);
}

TEST_F(PriceTableTest, AnOverrideNamesAModelWhoeverServesIt) {
    add(R"({"azure/a":{"input_cost_per_token":1e-12}})");
    ASSERT_TRUE(table_.add_override("mine", R"({"input_cost_per_token":5e-12})", complaints_));
    ASSERT_TRUE(table_.add_override("a", R"({"input_cost_per_token":6e-12})", complaints_));
    const auto rate = [&](std::string_view vendor, std::string_view model) {
        const Price* const price =
            table_.find({.prefixes = price_prefixes(vendor), .upstream_model = model});
        return price == nullptr ? -2 : price->rates(price->period_at(0), 1, {}).input;
    };
    EXPECT_EQ(rate("vllm", "mine"), 5);
    EXPECT_EQ(rate("openai", "mine"), 5);
    EXPECT_EQ(rate("azure", "a"), 1);  // The more exact name.
    EXPECT_EQ(rate("vllm", "a"), 6);
    EXPECT_TRUE(complaints_.empty());
    ASSERT_TRUE(table_.add_override("b", R"({"input_cost_per_tokn":5e-12})", complaints_));
    ASSERT_EQ(complaints_.size(), 1U);
    EXPECT_EQ(complaints_[0].reason, "has no price of tokens");
    EXPECT_FALSE(table_.add_override("b", "{", complaints_));
}

TEST_F(PriceTableTest, TheVersionTellsEveryChange) {
    std::vector<std::string> versions = {std::string(table_.version())};
    add(R"({"a":{"input_cost_per_token":1e-12}})");
    versions.emplace_back(table_.version());
    add(R"({"a":{"input_cost_per_token":2e-12}})");
    versions.emplace_back(table_.version());
    ASSERT_TRUE(table_.add_override("a", R"({"input_cost_per_token":3e-12})", complaints_));
    versions.emplace_back(table_.version());
    for (size_t i = 0; i < versions.size(); ++i) {
        EXPECT_EQ(versions[i].size(), 12U);
        for (size_t j = 0; j < i; ++j) {
            EXPECT_NE(versions[i], versions[j]);
        }
    }
    PriceTable again;
    ASSERT_TRUE(again.add_file(R"({"a":{"input_cost_per_token":1e-12}})", complaints_));
    EXPECT_EQ(again.version(), versions[1]);
}

TEST(BuiltinPricesTest, AreReadWithoutAComplaintAndHoldTheFactsOfTheirDay) {
    PriceTable table;
    std::vector<PriceComplaint> complaints;
    ASSERT_TRUE(table.add_file(builtin_prices(), complaints));
    EXPECT_TRUE(complaints.empty());
    EXPECT_GE(table.size(), 60U);
    constexpr int64_t kNovember = 1'795'824'000;  // 2026-11-28
    const auto row = [&](std::string_view key, int64_t prompt, ServiceTier tier, int64_t at_s) {
        const Price* const price = table.find(key);
        return price == nullptr ? Rates{} : price->rates(price->period_at(at_s), prompt, tier);
    };
    using enum ServiceTier;
    EXPECT_EQ(row("gpt-4o", 1, standard, kNovember).input, 2'500'000);
    EXPECT_EQ(row("gpt-5.6-terra", 300'000, standard, kNovember).output, 18'000'000);
    EXPECT_EQ(row("claude-sonnet-5", 1, standard, kNovember).cache_write_1h, 6'000'000);
    EXPECT_EQ(row("claude-haiku-4-5-20251001", 1, batch, kNovember).input, 500'000);
    EXPECT_EQ(row("gemini/gemini-3.6-flash", 1, standard, kNovember).input, 750'000);
    EXPECT_EQ(row("gemini/gemini-3.6-flash", 1, standard, kNovember + 3'456'000).input, 1'500'000);
    EXPECT_EQ(row("xai/grok-4.3", 200'000, standard, kNovember).input, 2'500'000);
    EXPECT_EQ(row("deepseek/deepseek-v4-pro", 1, standard, kNovember).cache_read, 3'625);
}

TEST(PricePrefixesTest, EveryVendorHasSome) {
    for (const Vendor* vendor : vendors()) {
        EXPECT_FALSE(price_prefixes(vendor->name).empty()) << vendor->name;
    }
    EXPECT_TRUE(price_prefixes("nobody").empty());
}

TEST(ServiceTierTest, WordsOfReplies) {
    using enum ServiceTier;
    EXPECT_EQ(service_tier_of("flex"), flex);
    EXPECT_EQ(service_tier_of("priority"), priority);
    EXPECT_EQ(service_tier_of("fast"), priority);
    EXPECT_EQ(service_tier_of("batch"), batch);
    EXPECT_EQ(service_tier_of("PRIORITY"), priority);
    for (const char* word : {"", "default", "standard", "scale", "ON_DEMAND", "auto"}) {
        EXPECT_EQ(service_tier_of(word), standard) << word;
    }
}

}  // namespace
}  // namespace sluice::providers
