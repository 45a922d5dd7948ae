// `sluice usage`: its arguments, exact messages, exit codes, and what it prints of a ledger.
#include "server/usage_command.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/entry.h"
#include "ledger/options.h"
#include "ledger/store.h"
#include "server/cli.h"
#include "unit/config/helpers.h"

namespace sluice::server {
namespace {

using config::environment_of_map;
using config::TemporaryFolder;
using config::Variables;
using testing::HasSubstr;
using testing::StartsWith;

using Arguments = std::vector<std::string>;

CommandOutput run(const Arguments& arguments, const Variables& variables = {}) {
    return run_usage(arguments, environment_of_map(variables));
}

std::string error_of(const Arguments& arguments) {
    const auto parsed = parse_usage_arguments(arguments);
    return parsed ? "no error" : parsed.error();
}

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNoonNs = 1'795'867'200 * kNsPerSecond;  // 2026-11-28T12:00:00Z

void fill(const std::string& path) {
    ledger::LedgerOptions options;
    options.path = path;
    auto store = ledger::open_store(options);
    ASSERT_TRUE(store) << store.error();
    for (uint64_t n = 0; n < 3; ++n) {
        ledger::Entry entry;
        entry.started_at_ns = kNoonNs + static_cast<int64_t>(n) * 86'400 * kNsPerSecond;
        entry.id = ledger::EntryId::make(entry.started_at_ns, n);
        entry.key_id = n == 0 ? std::string_view("a") : std::string_view("b");
        entry.input_tokens = 10;
        entry.is_priced = true;
        entry.cost_pico = 1'000'000;
        ASSERT_EQ((*store)->write({&entry, 1}), ledger::Written::done);
    }
}

TEST(UsageArguments, AreReadInEveryForm) {
    const auto parsed = parse_usage_arguments(Arguments{
        "-l", "x.db", "--by=key,day", "--since", "2026-11-28", "--until=2026-11-29T00:00:01+01:00",
        "--key", "k", "--tenant=t", "--model", "m", "--provider", "p", "-f", "csv"});
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_EQ(parsed->ledger, "x.db");
    EXPECT_EQ(parsed->query.by,
              (std::vector<ledger::GroupBy>{ledger::GroupBy::key, ledger::GroupBy::day}));
    EXPECT_EQ(parsed->query.since_ns, kNoonNs - 43'200 * kNsPerSecond);
    EXPECT_EQ(parsed->query.until_ns, kNoonNs + (43'200 - 3'600 + 1) * kNsPerSecond);
    EXPECT_EQ(parsed->query.key, "k");
    EXPECT_EQ(parsed->query.tenant, "t");
    EXPECT_EQ(parsed->query.model, "m");
    EXPECT_EQ(parsed->query.provider, "p");
    EXPECT_EQ(parsed->format, ledger::ReportFormat::csv);
    EXPECT_TRUE(parse_usage_arguments(Arguments{"--by", "none"})->query.by.empty());
    EXPECT_EQ(parse_usage_arguments({})->query.by.size(), 1U);
}

TEST(UsageArguments, MistakesAreSaidExactly) {
    EXPECT_EQ(error_of({"--by", "keys"}),
              "usage: --by: \"keys\" is no group; expected key, tenant, model, provider, day, or "
              "none");
    EXPECT_EQ(error_of({"--by", "key,key"}), "usage: --by: \"key\" is named twice");
    EXPECT_EQ(error_of({"--by", "key,"}),
              "usage: --by: \"\" is no group; expected key, tenant, model, provider, day, or none");
    EXPECT_EQ(error_of({"--since", "yesterday"}),
              "usage: --since: \"yesterday\" is no time; expected one such as 2026-11-28 or "
              "2026-11-28T12:00:00Z");
    EXPECT_EQ(error_of({"--until", "9999-01-01"}),
              "usage: --until: \"9999-01-01\" is no time; expected one such as 2026-11-28 or "
              "2026-11-28T12:00:00Z");
    EXPECT_EQ(error_of({"--format", "xml"}),
              "usage: --format: \"xml\" is no format; expected table, csv or json");
    EXPECT_EQ(error_of({"--ledger"}),
              "usage: --ledger: the value is missing; expected a file or a URL");
    EXPECT_EQ(error_of({"--ledger="}),
              "usage: --ledger: the value is empty; expected a file or a URL");
    EXPECT_EQ(error_of({"--modle", "x"}),
              "usage: unknown option \"--modle\"; did you mean \"--model\"?");
    EXPECT_EQ(error_of({"-x"}), "usage: unknown option \"-x\"; `sluice usage --help` lists all");
    EXPECT_EQ(error_of({"today"}), "usage: unexpected argument \"today\"");
    EXPECT_EQ(error_of({"-l", "a", "-c", "b"}), "usage: --ledger and --config exclude each other");
}

TEST(UsageCommand, PrintsTotals) {
    const TemporaryFolder folder;
    const std::string path = folder.path("usage.db");
    fill(path);
    const CommandOutput output = run({"--ledger", path, "--by", "key", "--format", "csv"});
    EXPECT_EQ(output.exit_code, kExitOk) << output.standard_error;
    EXPECT_EQ(output.standard_output,
              "key,requests,errors,input_tokens,cached_tokens,cache_write_tokens,output_tokens,"
              "reasoning_tokens,cost_usd,unpriced,estimated\n"
              "a,1,0,10,0,0,0,0,0.000001,0,0\n"
              "b,2,0,20,0,0,0,0,0.000002,0,0\n");
    const CommandOutput one = run({"-l", path, "--by", "none", "--since", "2026-11-29", "--until",
                                   "2026-11-30", "-f", "json"});
    EXPECT_THAT(one.standard_output, HasSubstr("\"total\":{\"requests\":1,"));
}

TEST(UsageCommand, FindsTheLedgerOfAConfiguration) {
    const TemporaryFolder folder;
    const std::string path = folder.path("usage.db");
    fill(path);
    const std::string rest =
        "[llm.sim]\nprovider = \"simulated\"\n"
        "[[route]]\npath_prefix = \"/v1\"\ntarget_llm = \"sim\"\n";
    const std::string with =
        folder.write("with.toml", "[ledger]\npath = \"" + path + "\"\n" + rest);
    const std::string without = folder.write("without.toml", rest);
    const CommandOutput named = run({"--config", with, "--by", "none"});
    EXPECT_EQ(named.exit_code, kExitOk) << named.standard_error;
    EXPECT_EQ(run({"--by", "none"}, {{"SLUICE_CONFIG", with}}).standard_output,
              named.standard_output);
    const CommandOutput none = run({"--config", without});
    EXPECT_EQ(none.exit_code, kExitFailure);
    EXPECT_EQ(none.standard_error,
              "sluice: usage: " + without + " has no [ledger] with a path or a url\n");
}

TEST(UsageCommand, EndsWithTheRightCode) {
    const TemporaryFolder folder;
    const CommandOutput nothing = run({});
    EXPECT_EQ(nothing.exit_code, kExitUsage);
    EXPECT_EQ(nothing.standard_error,
              "sluice: usage: no ledger is named; expected --ledger PATH|URL, or --config FILE "
              "with a [ledger]\n");
    const CommandOutput missing = run({"--ledger", folder.path("none.db")});
    EXPECT_EQ(missing.exit_code, kExitFailure);
    EXPECT_EQ(missing.standard_error,
              "sluice: usage: " + folder.path("none.db") + ": unable to open database file\n");
    const CommandOutput wrong = run({"--nonsense"});
    EXPECT_EQ(wrong.exit_code, kExitUsage);
    EXPECT_THAT(wrong.standard_error, StartsWith("sluice: usage: unknown option"));
    const CommandOutput help = run({"--help"});
    EXPECT_EQ(help.exit_code, kExitOk);
    EXPECT_THAT(help.standard_output, StartsWith("sluice usage - "));
    for (size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
        end = help.standard_output.find('\n', at);
        EXPECT_LE(std::min(end, help.standard_output.size()) - at, 80U);
    }
}

TEST(UsageCommand, IsReachedFromTheCommandLine) {
    const std::vector<const char*> arguments = {"usage", "--help"};
    const auto line = parse_command_line(arguments, environment_of_map({}));
    ASSERT_TRUE(line) << line.error();
    EXPECT_EQ(line->command, Command::usage);
    EXPECT_EQ(line->own_arguments, Arguments{"--help"});
    EXPECT_THAT(run_command(*line, environment_of_map({})).standard_output,
                StartsWith("sluice usage - "));
}

}  // namespace
}  // namespace sluice::server
