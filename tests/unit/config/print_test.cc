// print-config and the reference page: what is printed loads again, and the page in docs/ is what
// the table says.
#include "config/print.h"

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/flag_names.h"
#include "config/reference.h"
#include "config/schema.h"
#include "unit/config/helpers.h"
#include "unit/config/source_root.h"

namespace sluice::config {
namespace {

using testing::HasSubstr;

const Variables kKeys = {{"KEY", "k"}, {"OPENAI_API_KEY", "k"}};

void expect_round_trip(std::string_view text) {
    const LoadResult first = load(text, kKeys);
    ASSERT_TRUE(first.config) << first.report();
    const std::string printed = print_config(config_of(first), "x");
    const LoadResult second = load(printed, kKeys);
    ASSERT_TRUE(second.config) << second.report() << printed;
    EXPECT_TRUE(config_of(first) == config_of(second)) << printed;
    EXPECT_EQ(print_config(config_of(second), "x"), printed);
    EXPECT_EQ(second.diagnostics.size(), first.diagnostics.size()) << second.report();
}

TEST(PrintConfig, LoadsAgainToTheSame) {
    const TemporaryFolder folder;
    const std::string pem = folder.write("a.pem", "x");
    expect_round_trip(kRest);
    expect_round_trip(R"(
[provider.openai]
type = "openai"
base_url = "https://api.openai.com/v1"
api_key_env = "KEY"
timeout = 30
[[route]]
path = "/v1/chat/completions"
provider = "openai"
allow_streaming = false
)");
    expect_round_trip(R"(
[server]
port = 0
cors_allowed_origins = ["https://a.example", "http://b.example:1"]
access_log = { target = "/var/log/a \"b\" \\ c.log", format = "json" }
http.fields_max = 50
[[server.tls.certificate]]
certificate_file = ")" +
                      pem + R"("
private_key_file = ")" +
                      pem + R"("
server_names = ["a.example", "*.b.example"]
[[server.tls.certificate]]
certificate_file = ")" +
                      pem + R"("
private_key_file = ")" +
                      pem + R"("
[llm."gpt.4"]
base_url = "http://127.0.0.1:8000/v1"
headers = { x-team = "a\"b", X-Other = "1" }
models = { "gpt-4.1" = "x/y", "\u00e4 b" = "z" }
organization = "org-1"
pool.waiters_max = 0
simulator = { tokens = 9, models = ["a", "b"] }
[llm.sim]
provider = "simulated"
pool.waiters_max = 3
[[route]]
path_prefix = "/"
models = ["gpt-4*", "o1"]
model_aliases = { best = "o1-pro" }
target_llm = "gpt.4"
cors_allowed_origins = ["*"]
request_body_bytes_max = 1099511627776
[[route]]
path_prefix = "/"
target_llm = "sim"
)");
}

// With every setting at another value than its default, one that is not printed would be lost.
TEST(PrintConfig, ShowsEverySetting) {
    const LoadResult result = load(kRest);
    ASSERT_TRUE(result.config);
    Config config = config_of(result);
    for (const Setting& setting : settings(Section::server)) {
        if (setting.access.type == ValueType::integer) {
            setting.access.set(&config.server, setting.max);
        }
    }
    const LoadResult again = load(print_config(config, "x"));
    ASSERT_TRUE(again.config) << again.report();
    EXPECT_TRUE(config_of(again) == config);
    const std::string printed = print_config(config, "x");
    for (const Setting& setting : settings(Section::server)) {
        EXPECT_THAT(printed, HasSubstr(std::string(name_in_group(setting.key)) + " = "));
    }
}

TEST(PrintConfig, MarksWhatDiffersFromTheDefault) {
    const LoadResult result = load(with_rest("[server]\nport = 4000\n"));
    ASSERT_TRUE(result.config);
    const std::string printed = print_config(config_of(result), "test.toml");
    EXPECT_TRUE(printed.starts_with("# Effective configuration from test.toml\n"));
    EXPECT_THAT(printed, HasSubstr("\nport = 4000                                     "
                                   "# default: 3000\n"));
    EXPECT_THAT(printed, HasSubstr("\nhost = \"127.0.0.1\"\n"));
}

TEST(Reference, NamesEverySetting) {
    const std::string page = reference_markdown();
    const std::string help = flags_help();
    for (const Section section : kSections) {
        for (const Setting& setting : settings(section)) {
            EXPECT_THAT(page, HasSubstr("| `" + std::string(name_in_group(setting.key)) + "` |"));
        }
    }
    for (const Section section : kFlagSections) {
        for (const Setting& setting : settings(section)) {
            EXPECT_THAT(help, HasSubstr("      " + flag_of(section, setting)));
            EXPECT_THAT(help, HasSubstr(environment_of(section, setting)));
        }
    }
}

TEST(Reference, HelpFitsATerminal) {
    const std::string help = flags_help();
    size_t column = 0;
    for (const char c : help) {
        column = c == '\n' ? 0 : column + 1;
        ASSERT_LE(column, 80U) << help;
    }
}

TEST(Reference, IsThePageInDocs) {
    std::ifstream file(SLUICE_SOURCE_ROOT "/docs/CONFIG.md", std::ios::binary);
    ASSERT_TRUE(file.is_open());
    const std::string page((std::istreambuf_iterator<char>(file)), {});
    EXPECT_TRUE(page == reference_markdown())
        << "docs/CONFIG.md is not what `sluice config-reference` prints: make it anew";
}

// The example of the page is a configuration that loads.
TEST(Reference, ItsExampleLoads) {
    const std::string page = reference_markdown();
    const size_t begin = page.find("```toml\n") + 8;
    const LoadResult result = load(page.substr(begin, page.find("```", begin) - begin), kKeys);
    EXPECT_TRUE(result.config) << result.report();
}

}  // namespace
}  // namespace sluice::config
