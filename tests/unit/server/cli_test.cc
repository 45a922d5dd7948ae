// The command line: precedence, commands, exact messages and exit codes.
#include "server/cli.h"

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/helpers.h"

namespace sluice::server {
namespace {

using config::environment_of_map;
using config::TemporaryFolder;
using config::Variables;
using testing::HasSubstr;

std::expected<CommandLine, std::string> parse(const std::vector<const char*>& arguments,
                                              const Variables& variables = {}) {
    return parse_command_line(arguments, environment_of_map(variables));
}

std::string error_of(const std::vector<const char*>& arguments) {
    const auto line = parse(arguments);
    return line ? "no error" : line.error();
}

CommandOutput run(const std::vector<const char*>& arguments, const Variables& variables = {}) {
    const auto line = parse(arguments, variables);
    EXPECT_TRUE(line) << line.error();
    return line ? run_command(*line, environment_of_map(variables)) : CommandOutput{};
}

constexpr std::string_view kGood = R"(
[server]
port = 1000
shards = 1
[llm.sim]
provider = "simulated"
[[route]]
path_prefix = "/v1"
target_llm = "sim"
)";

TEST(CommandLine, ServesByDefault) {
    const auto line = parse({});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->command, Command::serve);
    EXPECT_EQ(line->config_file, "");
    EXPECT_TRUE(line->overrides.empty());
}

TEST(CommandLine, TakesValuesInBothForms) {
    const auto line = parse(
        {"--config", "a.toml", "--port=8080", "--log-level", "debug", "--http-head-timeout-ms=5"});
    ASSERT_TRUE(line) << line.error();
    EXPECT_EQ(line->config_file, "a.toml");
    ASSERT_EQ(line->overrides.size(), 3U);
    EXPECT_EQ(line->overrides[0].setting->key, "port");
    EXPECT_EQ(line->overrides[0].text, "8080");
    EXPECT_EQ(line->overrides[0].origin, "--port");
    EXPECT_EQ(line->overrides[2].setting->key, "http.head_timeout_ms");
    EXPECT_EQ(parse({"-c", "b.toml"})->config_file, "b.toml");
}

TEST(CommandLine, TakesTheSizeOfTheCache) {
    const Variables variables = {{"LLM_PROXY_CACHE_SIZE", "10"}, {"LLM_PROXY_CACHE_TTL", "20"}};
    const auto line = parse({"--cache-size", "2GiB", "--cache-ttl=30"}, variables);
    ASSERT_TRUE(line) << line.error();
    const config::LoadResult loaded = load_config(*line, environment_of_map(variables));
    ASSERT_TRUE(loaded.config) << loaded.report();
    EXPECT_TRUE(loaded.config->cache.enabled);
    EXPECT_EQ(loaded.config->cache.bytes_max, 2UL << 30U);
    EXPECT_EQ(loaded.config->cache.entries_max, 10U);
    EXPECT_EQ(loaded.config->cache.ttl_s, 30U);
    EXPECT_EQ(error_of({"--cache-siz=1"}),
              "unknown option \"--cache-siz\"; did you mean \"--cache-size\"?");
    EXPECT_EQ(error_of({"--cache-size"}),
              "--cache-size: the value is missing; expected a number of entries, or of bytes with "
              "a unit such as 256MB");
    EXPECT_TRUE(help_text().contains("--cache-size SIZE"));
    EXPECT_TRUE(help_text().contains("LLM_PROXY_CACHE_TTL"));
}

TEST(CommandLine, WinsOverEnvironmentWinsOverFile) {
    const TemporaryFolder folder;
    const std::string path = folder.write("a.toml", kGood);
    const Variables variables = {
        {"SLUICE_CONFIG", path}, {"SLUICE_PORT", "2000"}, {"SLUICE_LOG_LEVEL", "debug"}};
    const auto line = parse({"--port", "3000"}, variables);
    ASSERT_TRUE(line);
    const config::LoadResult loaded = load_config(*line, environment_of_map(variables));
    ASSERT_TRUE(loaded.config) << loaded.report();
    EXPECT_EQ(config::config_of(loaded).server.port, 3000);
    EXPECT_EQ(config::config_of(loaded).server.log_level, LogLevel::debug);
    EXPECT_EQ(config::config_of(loaded).server.shards, 1U);
    EXPECT_EQ(loaded.source, path);
    const auto without = parse({}, variables);
    EXPECT_EQ(config::config_of(load_config(*without, environment_of_map(variables))).server.port,
              2000);
    EXPECT_EQ(parse({"--config", "other.toml"}, variables)->config_file, "other.toml");
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(error_of({"--prot", "80"}), "unknown option \"--prot\"; did you mean \"--port\"?");
    EXPECT_EQ(error_of({"--loglevel=info"}),
              "unknown option \"--loglevel\"; did you mean \"--log-level\"?");
    EXPECT_EQ(error_of({"--conf", "x"}), "unknown option \"--conf\"; did you mean \"--config\"?");
    EXPECT_EQ(error_of({"--frobnicate"}),
              "unknown option \"--frobnicate\"; `sluice --help` lists all");
    EXPECT_EQ(error_of({"-x"}), "unknown option \"-x\"; `sluice --help` lists all");
    EXPECT_EQ(error_of({"chek", "a.toml"}), "unknown command \"chek\"; did you mean \"check\"?");
    EXPECT_EQ(error_of({"frobnicate"}),
              "unknown command \"frobnicate\"; expected check, print-config, config-reference, "
              "provider-reference, stats, reload, usage, keys, limits, cache, targets, log, top");
    EXPECT_EQ(error_of({"print-config", "a.toml"}), "unexpected argument \"a.toml\"");
    EXPECT_EQ(error_of({"check", "a.toml", "b.toml"}), "unexpected argument \"b.toml\"");
    EXPECT_EQ(error_of({"check"}), "check: no file is named; expected `sluice check FILE`");
    EXPECT_EQ(error_of({"--port"}),
              "--port: the value is missing; expected an integer from 0 to 65535");
    EXPECT_EQ(error_of({"--config"}), "--config: the value is missing; expected a file");
    EXPECT_EQ(error_of({"--config="}), "--config: the value is empty; expected a file");
}

TEST(CommandLine, AsksARunningGateway) {
    const auto stats = parse({"stats", "--admin", "unix:/run/a.sock", "--json"});
    ASSERT_TRUE(stats) << stats.error();
    EXPECT_EQ(stats->command, Command::stats);
    EXPECT_EQ(stats->admin_address, "unix:/run/a.sock");
    EXPECT_TRUE(stats->json);
    EXPECT_EQ(parse({"--admin=[::1]:1", "reload"})->admin_address, "[::1]:1");
    EXPECT_THAT(error_of({"--admin", "127.0.0.1:1"}), HasSubstr("--admin-listen"));
    EXPECT_EQ(error_of({"reload", "--json"}), "--json: belongs to `sluice stats`");
    EXPECT_EQ(error_of({"stats", "--admin"}), "--admin: the value is missing; expected an address");
}

TEST(CommandLine, HasFlagsForTheAdminApi) {
    const Variables variables = {{"SLUICE_ADMIN_LISTEN", "off"}};
    const auto line = parse({}, variables);
    ASSERT_TRUE(line);
    const config::LoadResult off = load_config(*line, environment_of_map(variables));
    EXPECT_TRUE(config::config_of(off).admin.is_off());
    EXPECT_TRUE(off.sets_admin_listen);
    const auto flag = parse({"--admin-listen", "unix:/run/a.sock"}, variables);
    ASSERT_TRUE(flag);
    const config::LoadResult loaded = load_config(*flag, environment_of_map(variables));
    EXPECT_EQ(config::config_of(loaded).admin.listen, "unix:/run/a.sock");
    EXPECT_FALSE(load_config(*parse({}), environment_of_map({})).sets_admin_listen);
}

TEST(CommandLine, AnswersHelpWhateverElseIsAsked) {
    EXPECT_EQ(parse({"--help"})->command, Command::help);
    EXPECT_EQ(parse({"check", "-h"})->command, Command::help);
    EXPECT_EQ(parse({"--port", "1", "-V"})->command, Command::version);
}

TEST(CommandLine, NamesTheFlagOfABadValue) {
    const CommandOutput output = run({"print-config", "--port", "70000"});
    EXPECT_EQ(output.exit_code, kExitFailure);
    EXPECT_EQ(output.standard_error,
              "--port: server.port: 70000 is out of range; expected an integer from 0 to 65535\n");
    EXPECT_EQ(output.standard_output, "");
}

TEST(Check, PassesAGoodFile) {
    const TemporaryFolder folder;
    const std::string path = folder.write("good.toml", kGood);
    const CommandOutput output = run({"check", path.c_str()});
    EXPECT_EQ(output.exit_code, kExitOk);
    EXPECT_EQ(output.standard_output, path + ": ok\n");
    EXPECT_EQ(output.standard_error, "");
}

TEST(Check, PrintsEveryError) {
    const TemporaryFolder folder;
    const std::string path = folder.write("bad.toml", R"([server]
prot = 3000
port = -1
[llm.a]
provider = "opneai"
base_url = "nowhere"
[[route]]
path_prefix = "/v1"
target_llm = "b"
)");
    const CommandOutput output = run({"check", path.c_str()});
    EXPECT_EQ(output.exit_code, kExitFailure);
    EXPECT_EQ(output.standard_output, "");
    for (const std::string_view place :
         {":2:1: server.prot: ", ":3:8: server.port: ", ":5:12: llm.a.provider: ",
          ":6:12: llm.a.base_url: ", ":9:1: route[0].target_llm: "}) {
        EXPECT_THAT(output.standard_error, HasSubstr(path + std::string(place)));
    }
    EXPECT_THAT(output.standard_error, HasSubstr(path + ": 5 errors\n"));
}

TEST(Check, SaysWhichPricesAreLeftOut) {
    const config::TemporaryFolder folder;
    const std::string prices = folder.path("prices.json");
    std::ofstream(prices)
        << R"({"good":{"input_cost_per_token":1},"bad":{"input_cost_per_token":-1}})";
    const std::string path = folder.path("sluice.toml");
    std::ofstream(path) << config::with_rest("[prices]\nfile = \"" + prices + "\"\n");
    const CommandOutput output = run({"check", path.c_str()});
    EXPECT_EQ(output.exit_code, kExitOk) << output.standard_error;
    EXPECT_THAT(output.standard_error,
                HasSubstr(path + ": warning: " + prices + ": the price of \"bad\" is left out"));
}

TEST(Check, ReportsAMissingFile) {
    const TemporaryFolder folder;
    const CommandOutput output = run({"check", folder.path("none.toml").c_str()});
    EXPECT_EQ(output.exit_code, kExitFailure);
    EXPECT_THAT(output.standard_error, HasSubstr("No such file or directory"));
}

TEST(PrintConfig, PrintsTheEffectiveValues) {
    const TemporaryFolder folder;
    const std::string path = folder.write("good.toml", kGood);
    const CommandOutput output =
        run({"print-config", "-c", path.c_str(), "--shards=3"}, {{"SLUICE_PORT", "7"}});
    EXPECT_EQ(output.exit_code, kExitOk);
    EXPECT_THAT(output.standard_output, HasSubstr("\nport = 7 "));
    EXPECT_THAT(output.standard_output, HasSubstr("\nshards = 3 "));
    EXPECT_THAT(output.standard_output, HasSubstr("\n[llm.sim]\n"));
}

TEST(Texts, AreThere) {
    EXPECT_EQ(run({"--version"}).standard_output, version_text());
    EXPECT_TRUE(version_text().starts_with("sluice "));
    const std::string help = run({"--help"}).standard_output;
    for (const std::string_view part : {"USAGE", "sluice check FILE", "--config FILE",
                                        "--log-level", "SLUICE_PORT", "EXIT CODES"}) {
        EXPECT_THAT(help, HasSubstr(std::string(part)));
    }
    EXPECT_TRUE(run({"config-reference"}).standard_output.starts_with("# Configuration\n"));
    EXPECT_TRUE(run({"provider-reference"}).standard_output.starts_with("# Providers\n"));
}

}  // namespace
}  // namespace sluice::server
