// [keys], [key.NAME] and [tenant.NAME]: what is loaded, what is refused, and that no secret is
// said.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/configured_keys.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "base/priority.h"
#include "config/config.h"
#include "config/load.h"
#include "config/print.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSecret = "sk-sluice-0123456789ABCDEFGHIJ0123456789abcdefghij";

std::vector<std::string> lines(std::string_view text, const Variables& variables = {}) {
    return lines_of(load(with_rest(text), variables));
}

TEST(Access, WithoutSectionsThereIsNothing) {
    const LoadResult loaded = load(with_rest(""));
    const Config& config = config_of(loaded);
    EXPECT_TRUE(config.virtual_keys.empty());
    EXPECT_TRUE(config.tenants.empty());
    EXPECT_TRUE(config.keys.file.empty());
}

TEST(Access, LoadsEverything) {
    const LoadResult loaded = load(with_rest(R"(
[keys]
file = "keys.json"
[tenant.research]
limits.requests_per_day = 1000
budget = { usd = "100", period = "week" }
[key.ci]
secret_env = "CI_KEY"
tenant = "research"
models = ["gpt-4o", "claude-*"]
routes = ["/v1/chat/completions"]
expires_at = "2027-01-31T00:00:00Z"
priority = "low"
metadata = { owner = "Ada" }
[key.ci.limits]
requests_per_minute = 60
requests_burst = 10
tokens_per_hour = 100000
concurrency_max = 4
[key.ci.budget]
usd = "25.50"
soft_usd = "20"
)"),
                                   {{"CI_KEY", std::string(kSecret) + "\n"}});
    const Config& config = config_of(loaded);
    EXPECT_THAT(lines_of(loaded), IsEmpty());
    EXPECT_EQ(config.keys.file, "keys.json");
    ASSERT_EQ(config.virtual_keys.size(), 1U);
    const std::optional<access::KeyRecord> record = access::record_of(config.virtual_keys[0]);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->id, "ci");
    EXPECT_EQ(record->tenant, "research");
    EXPECT_EQ(record->hash, access::hash_secret(kSecret));
    EXPECT_EQ(record->display, "sk-sluice-0123");
    EXPECT_THAT(record->models, ElementsAre("gpt-4o", "claude-*"));
    EXPECT_EQ(record->limits, (access::LimitOptions{.requests_per_minute = 60,
                                                    .tokens_per_hour = 100'000,
                                                    .requests_burst = 10,
                                                    .concurrency_max = 4}));
    EXPECT_EQ(record->budget.hard_picodollars, 25'500'000'000'000);
    EXPECT_EQ(record->budget.soft_picodollars, 20'000'000'000'000);
    EXPECT_EQ(record->budget.period, access::BudgetPeriod::month);
    EXPECT_EQ(record->expires_at_s, 1'801'353'600);
    EXPECT_EQ(record->priority, Priority::low);
    EXPECT_EQ(record->origin, access::KeyOrigin::configuration);
    const access::TenantRecord tenant = access::records_of(config.tenants).at(0);
    EXPECT_EQ(tenant.limits.requests_per_day, 1'000);
    EXPECT_EQ(tenant.budget.period, access::BudgetPeriod::week);
}

TEST(Access, ASecretNeedsExactlyOnePlace) {
    EXPECT_THAT(lines("[key.a]\n"),
                ElementsAre(HasSubstr("test.toml:1:6: key.a: has none of sha256, secret_env and "
                                      "secret_file; expected exactly one")));
    EXPECT_THAT(lines("[key.a]\nsecret_env = \"A\"\nsecret_file = \"b\"\n"),
                ElementsAre(HasSubstr("key.a: has more than one of sha256")));
    EXPECT_THAT(lines("[key.a]\nsecret_env = \"A\"\n"),
                ElementsAre(HasSubstr("key.a.secret_env: the environment variable A is not set; "
                                      "nobody can use this key")));
    EXPECT_THAT(lines("[key.a]\nsecret_file = \"nowhere\"\n"),
                ElementsAre(HasSubstr("key.a.secret_file: \"nowhere\" cannot be read")));
}

TEST(Access, SecretsAreReadFromFilesAndSaidNowhere) {
    const TemporaryFolder folder;
    const std::string file = folder.write("secret", std::string(kSecret) + "\n");
    const std::string text = "[key.a]\nsecret_file = \"" + file + "\"\n";
    const LoadResult loaded = load(with_rest(text));
    EXPECT_EQ(config_of(loaded).virtual_keys[0].display, "sk-sluice-0123");
    EXPECT_THAT(print_config(config_of(loaded), "x"), Not(HasSubstr(std::string(kSecret))));
    EXPECT_THAT(lines("[key.a]\nsecret_env = \"A\"\n", {{"A", "short and secret"}}),
                ElementsAre(HasSubstr("key.a.secret_env: the environment variable A is not a key; "
                                      "expected 20 to 512 characters")));
    for (const std::string_view wrong : {"sha256", "secret_env"}) {
        const auto said =
            lines("[key.a]\n" + std::string(wrong) + " = \"" + std::string(kSecret) + "\"\n");
        EXPECT_THAT(said, Contains(HasSubstr(wrong)));
        EXPECT_THAT(said, Not(Contains(HasSubstr(std::string(kSecret)))));
    }
}

TEST(Access, TheSameSecretTwiceIsAnError) {
    EXPECT_THAT(lines("[key.a]\nsecret_env = \"A\"\n[key.b]\nsecret_env = \"A\"\n",
                      {{"A", std::string(kSecret)}}),
                ElementsAre(HasSubstr("key.b: has the same secret as key.a; expected another")));
}

TEST(Access, ALedgerThatForgetsBeforeABudgetEndsIsSaid) {
    const Variables variables = {{"A", "sk-0123456789-0123456789"}};
    const auto said = [&](std::string_view period, std::string_view days) {
        return lines("[key.a]\nsecret_env = \"A\"\nbudget = { usd = \"1\", period = \"" +
                         std::string(period) +
                         "\" }\n[ledger]\npath = \"u.db\"\nretention_days = " + std::string(days) +
                         "\n",
                     variables);
    };
    EXPECT_THAT(said("week", "6"),
                ElementsAre(HasSubstr("warning: key.a.budget.period: is longer than the 6 days")));
    EXPECT_THAT(said("week", "7"), ElementsAre());
    EXPECT_THAT(said("month", "31"), ElementsAre());
    EXPECT_THAT(said("month", "30"), ElementsAre(HasSubstr("key.a.budget.period")));
    EXPECT_THAT(said("total", "9000"), ElementsAre(HasSubstr("key.a.budget.period")));
    EXPECT_THAT(said("total", "0"), ElementsAre());
    EXPECT_THAT(said("hour", "1"), ElementsAre());
}

TEST(Access, WhatDoesNotFitTogetherIsNamed) {
    const Variables variables = {{"A", std::string(kSecret)}};
    const std::string begin = "[key.a]\nsecret_env = \"A\"\n";
    EXPECT_THAT(lines("[tenant.shop]\n" + begin + "tenant = \"shpo\"\n", variables),
                ElementsAre(HasSubstr("test.toml:4:1: key.a.tenant: there is no [tenant.NAME] "
                                      "called \"shpo\"; did you mean \"shop\"?")));
    EXPECT_THAT(lines(begin + "limits.tokens_burst = 5\n", variables),
                ElementsAre(HasSubstr("test.toml:3:8: key.a.limits.tokens_burst: needs "
                                      "limits.tokens_per_minute")));
    EXPECT_THAT(lines(begin + "budget = { usd = \"1\", soft_usd = \"2\" }\n", variables),
                ElementsAre(HasSubstr("key.a.budget.soft_usd: must not be more than budget.usd")));
    EXPECT_THAT(lines("[tenant.t]\nlimits.requests_per_day = -1\n"),
                ElementsAre(HasSubstr("tenant.t.limits.requests_per_day: -1 is out of range; "
                                      "expected an integer from 0 to 10000000000")));
    EXPECT_THAT(
        lines(begin + "budget.usd = 25.5\n", variables),
        ElementsAre(HasSubstr("key.a.budget.usd: is a number with a fraction; expected a string")));
    EXPECT_THAT(
        lines(begin + "budget.usd = \"25,5\"\n", variables),
        ElementsAre(HasSubstr("key.a.budget.usd: \"25,5\" is not a sum; expected dollars")));
    EXPECT_THAT(lines(begin + "priority = \"urgent\"\n", variables),
                ElementsAre(HasSubstr("key.a.priority: \"urgent\" is no priority; expected")));
    EXPECT_THAT(lines(begin + "expires_at = \"soon\"\n", variables),
                ElementsAre(HasSubstr("key.a.expires_at: \"soon\" is not a time; expected")));
    EXPECT_THAT(lines(begin + "routes = [\"/v*1\"]\n", variables),
                ElementsAre(HasSubstr("key.a.routes[0]: \"/v*1\" is wrong; expected a name")));
    std::string many = "\"m\"";
    for (size_t i = 0; i < access::kPatternsMax; ++i) {
        many += ", \"m\"";
    }
    EXPECT_THAT(lines(begin + "models = [" + many + "]\n", variables),
                ElementsAre(HasSubstr("key.a.models: has 257 entries; expected at most 256")));
    EXPECT_THAT(lines(begin + "limits.rpm = 1\n", variables),
                ElementsAre(HasSubstr("key.a.limits.rpm: unknown setting")));
}

TEST(Access, StepsThatEnforceNothingAreNamed) {
    const std::string limits = "[processor.limits]\ntype = \"rate_limit\"\n";
    const std::string auth = "[processor.auth]\ntype = \"authenticate\"\n";
    const auto with_steps = [](const std::string& processors, const std::string& steps) {
        return lines_of(load(processors +
                             "[llm.sim]\nprovider = \"simulated\"\n[[route]]\n"
                             "path_prefix = \"/v1\"\ntarget_llm = \"sim\"\nprocessors = [" +
                             steps + "]\n"));
    };
    const auto says_so =
        ElementsAre(HasSubstr("\"limits\" has no effect, because nothing before it "
                              "authenticates"));
    EXPECT_THAT(with_steps(limits, "\"limits\""), says_so);
    EXPECT_THAT(with_steps(limits + auth, "\"limits\", \"auth\""), says_so);
    EXPECT_THAT(with_steps(limits + auth, "\"auth\", \"limits\""), ElementsAre());
    EXPECT_THAT(with_steps(limits + "requests_per_day = 1\n", "\"limits\""), ElementsAre());
    EXPECT_THAT(with_steps(limits + "requests_burst = 1\n", "\"limits\""),
                ElementsAre(HasSubstr("test.toml:3:1: processor.limits.requests_burst: needs "
                                      "requests_per_minute")));
}

TEST(Access, WhatIsPrintedLoadsAgain) {
    const Variables variables = {{"A", std::string(kSecret)}};
    const LoadResult loaded =
        load(with_rest("[keys]\nfile = \"k\"\n[tenant.t]\nlimits.requests_per_hour = 3\n"
                       "[key.\"a.b\"]\nsecret_env = \"A\"\ntenant = \"t\"\nbudget.usd = \"1.5\"\n"),
             variables);
    const LoadResult again = load(print_config(config_of(loaded), "x"), variables);
    EXPECT_EQ(config_of(again).virtual_keys, config_of(loaded).virtual_keys);
    EXPECT_EQ(config_of(again).tenants, config_of(loaded).tenants);
    EXPECT_EQ(config_of(again).keys, config_of(loaded).keys);
}

}  // namespace
}  // namespace sluice::config
