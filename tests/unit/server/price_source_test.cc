// The table of prices: which source wins, and what is said of broken ones.
#include "server/price_source.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/price_options.h"
#include "providers/price_table.h"
#include "unit/config/helpers.h"

namespace sluice::server {
namespace {

using config::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

int64_t input(const providers::PriceTable& table, std::string_view key) {
    const providers::Price* const price = table.find(key);
    return price == nullptr ? -2 : price->rates(price->period_at(0), 1, {}).input;
}

TEST(PriceSource, TheStrongerSourceWins) {
    const TemporaryFolder folder;
    const std::string file = folder.write(
        "p.json",
        R"({"gpt-4o":{"input_cost_per_token":1e-12},"o3":{"input_cost_per_token":2e-12}})");
    std::vector<std::string> warnings;
    providers::PriceOptions options;
    EXPECT_EQ(input(*make_price_table(options, warnings), "gpt-4o"), 2'500'000);
    options.file = file;
    options.overrides = {{"o3", {{"input_cost_per_token", "3e-12"}}}};
    const auto table = make_price_table(options, warnings);
    ASSERT_TRUE(table) << table.error();
    EXPECT_EQ(input(*table, "gpt-4o"), 1);
    EXPECT_EQ(input(*table, "o3"), 3);
    EXPECT_EQ(input(*table, "gpt-4.1"), 2'000'000);
    options.builtin = false;
    EXPECT_EQ(input(*make_price_table(options, warnings), "gpt-4.1"), -2);
    EXPECT_TRUE(warnings.empty());
}

TEST(PriceSource, ABrokenFileIsAnErrorAndABrokenEntryAWarning) {
    const TemporaryFolder folder;
    std::vector<std::string> warnings;
    providers::PriceOptions options;
    options.file = folder.path("none.json");
    EXPECT_THAT(make_price_table(options, warnings).error(),
                HasSubstr("prices.file: \"" + options.file + "\" cannot be read"));
    options.file = folder.write("broken.json", "{\"a\":");
    EXPECT_THAT(make_price_table(options, warnings).error(), HasSubstr("is no price file"));
    options.file = folder.write("entry.json", R"({"a":{"input_cost_per_token":true}})");
    ASSERT_TRUE(make_price_table(options, warnings));
    EXPECT_THAT(warnings,
                ElementsAre(options.file +
                            ": the price of \"a\" is left out: input_cost_per_token: is not a "
                            "number"));
}

}  // namespace
}  // namespace sluice::server
