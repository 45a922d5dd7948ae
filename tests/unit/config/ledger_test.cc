// [ledger] and [prices]: what is taken, what is refused, and that no password is told.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "config/print.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::HasSubstr;

TEST(LedgerSection, IsOffByDefault) {
    EXPECT_FALSE(config_of(load(with_rest(""))).ledger.enabled());
}

TEST(LedgerSection, TakesAFileOrADatabase) {
    const auto file = load(with_rest("[ledger]\npath = \"u.db\"\nretention_days = 90\n"));
    EXPECT_EQ(config_of(file).ledger.path, "u.db");
    EXPECT_EQ(config_of(file).ledger.retention_days, 90U);
    const auto server = load(with_rest("[ledger]\nurl = \"postgresql://me@db/usage\"\n"
                                       "password_env = \"PG\"\n"),
                             {{"PG", "a b\n"}});
    EXPECT_EQ(config_of(server).ledger.password.reveal(), "a b");
    const std::string printed = print_config(config_of(server), "x");
    EXPECT_THAT(printed, HasSubstr("password_env = \"PG\""));
    EXPECT_THAT(printed, testing::Not(HasSubstr("a b")));
}

TEST(LedgerSection, RefusesWhatMakesNoSense) {
    const auto report = [](std::string_view section) { return load(with_rest(section)).report(); };
    EXPECT_THAT(report("[ledger]\npath = \"a\"\nurl = \"postgresql://b/c\"\n"),
                HasSubstr("ledger.url: ledger.path is set as well; expected one of the two"));
    EXPECT_THAT(report("[ledger]\nurl = \"mysql://b/c\"\n"),
                HasSubstr("is not a database's URL; expected one such as"));
    for (const char* url : {"postgresql://me:hunter2@b/c", "postgresql://b/c?password=hunter2"}) {
        const std::string said = report("[ledger]\nurl = \"" + std::string(url) + "\"\n");
        EXPECT_THAT(said, HasSubstr("expected password_env or password_file"));
        EXPECT_THAT(said, testing::Not(HasSubstr("hunter2")));
    }
    EXPECT_THAT(report("[ledger]\npassword_env = \"A\"\n"), HasSubstr("no effect without"));
    EXPECT_THAT(report("[ledger]\nurl = \"postgresql://b/c\"\npassword_env = \"A\"\n"
                       "password_file = \"x\"\n"),
                HasSubstr("password_env is set as well; expected one of the two"));
    EXPECT_THAT(report("[ledger]\nurl = \"postgresql://b/c\"\npassword_env = \"A\"\n"),
                HasSubstr("the environment variable A is not set"));
    EXPECT_THAT(report("[ledgr]\n"), HasSubstr("did you mean \"ledger\"?"));
}

TEST(LedgerSection, AChangeNeedsARestart) {
    const Config running = config_of(load(with_rest("[ledger]\npath = \"a.db\"\n")));
    Config next = running;
    next.ledger.path = "b.db";
    next.prices.builtin = false;
    EXPECT_THAT(restart_needed(running, next), testing::ElementsAre("ledger.path"));
}

TEST(PricesSection, OverridesKeepTheirDigits) {
    const auto loaded =
        load(with_rest("[prices]\nbuiltin = false\n[prices.models.\"my/model.v1\"]\n"
                       "input_cost_per_token = 2.5e-6\noutput_cost_per_token = 0.0000000000031\n"
                       "input_cost_per_token_above_128k_tokens = 0\n"));
    const providers::PriceOptions& prices = config_of(loaded).prices;
    EXPECT_FALSE(prices.builtin);
    ASSERT_EQ(prices.overrides.size(), 1U);
    EXPECT_EQ(prices.overrides[0].model, "my/model.v1");
    EXPECT_THAT(prices.overrides[0].fields,
                testing::ElementsAre(testing::Pair("input_cost_per_token", "2.5e-06"),
                                     testing::Pair("output_cost_per_token", "3.1e-12"),
                                     testing::Pair("input_cost_per_token_above_128k_tokens", "0")));
    // What is printed is read again as the same.
    const auto again = load(print_config(config_of(loaded), "x"));
    EXPECT_EQ(config_of(again).prices, prices) << again.report();
}

TEST(PricesSection, RefusesWhatIsNoPrice) {
    const auto report = [](std::string_view fields) {
        return load(with_rest("[prices.models.m]\n" + std::string(fields))).report();
    };
    EXPECT_THAT(report("input_cost = 1e-6\n"),
                HasSubstr("prices.models.m.input_cost: is no price of tokens; expected"));
    EXPECT_THAT(report("input_cost_per_token = \"1e-6\"\n"),
                HasSubstr("is a string; expected dollars per token"));
    EXPECT_THAT(report("input_cost_per_token = -1e-6\n"), HasSubstr("is out of range"));
    EXPECT_THAT(report("input_cost_per_token = 2.5\n"), HasSubstr("is out of range"));
    EXPECT_THAT(report("input_cost_per_token = nan\n"), HasSubstr("is out of range"));
    EXPECT_THAT(report(""), HasSubstr("prices.models.m: is empty; expected prices"));
    EXPECT_THAT(load(with_rest("[prices]\nmodels = 3\n")).report(),
                HasSubstr("prices.models: is an integer; expected [prices.models.\"NAME\"]"));
    EXPECT_THAT(load(with_rest("[prices]\nfile = \"/nowhere/p.json\"\n")).report(),
                HasSubstr("prices.file: \"/nowhere/p.json\" cannot be read"));
}

}  // namespace
}  // namespace sluice::config
