// Reading the arguments, finding the ledger, asking it.
#include "server/usage_command.h"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/environment.h"
#include "config/load.h"
#include "config/nearest.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "ledger/report_text.h"
#include "server/cli.h"
#include "server/usage_words.h"

namespace sluice::server {

namespace {

// Whoever waits for it can end it.
constexpr uint32_t kReportTimeoutMs = 86'400'000;

constexpr std::string_view kHelp = R"(sluice usage - what the usage ledger adds up to

USAGE
  sluice usage [--ledger PATH|URL | --config FILE] [OPTION...]
      Prints one row for each group with requests, tokens and costs, and their
      sum. The gateway may be writing the ledger meanwhile.

OPTIONS
  -l, --ledger PATH|URL
          A file of SQLite, or postgresql://user@host/database. Passwords come
          from PGPASSWORD or the password file of libpq.
  -c, --config FILE
          Takes the ledger of [ledger] in this configuration. SLUICE_CONFIG
  -b, --by LIST
          Groups, of key, tenant, model, provider, day; separated by commas.
          Default day. "none" gives one row.
  --since TIME, --until TIME
          Exchanges that began at or after the one and before the other. A date
          (2026-11-28, in UTC) or a time (2026-11-28T12:00:00Z).
  --key TEXT, --tenant TEXT, --model TEXT, --provider TEXT
          Only rows with exactly this.
  -f, --format table|csv|json
          Default table.
  -h, --help
          This text.

EXIT CODES
  0  done
  1  the ledger could not be read
  2  the command line has a mistake
)";

constexpr std::string_view kFormats[] = {"table", "csv", "json"};

class Parser {
public:
    explicit Parser(std::span<const std::string> arguments) : arguments_(arguments) {
        parsed_.query.by = {ledger::GroupBy::day};
    }

    std::expected<UsageArguments, std::string> run();

private:
    struct Option {
        std::string_view name;
        std::string_view short_name;
        std::string_view expected;
        void (Parser::*take)(std::string_view name, std::string_view value);
    };
    static std::span<const Option> options();

    void argument(std::string_view text);
    void fail(std::string text) { error_ = error_.empty() ? std::move(text) : error_; }

    void take_ledger(std::string_view, std::string_view value) { parsed_.ledger = value; }
    void take_config(std::string_view, std::string_view value) { parsed_.config_file = value; }
    void take_by(std::string_view name, std::string_view value);
    void take_since(std::string_view name, std::string_view value) {
        take_time(name, value, parsed_.query.since_ns);
    }
    void take_until(std::string_view name, std::string_view value) {
        take_time(name, value, parsed_.query.until_ns);
    }
    void take_time(std::string_view name, std::string_view value, std::optional<int64_t>& to);
    void take_key(std::string_view, std::string_view value) { parsed_.query.key = value; }
    void take_tenant(std::string_view, std::string_view value) { parsed_.query.tenant = value; }
    void take_model(std::string_view, std::string_view value) { parsed_.query.model = value; }
    void take_provider(std::string_view, std::string_view value) { parsed_.query.provider = value; }
    void take_format(std::string_view name, std::string_view value);

    std::span<const std::string> arguments_;
    size_t next_ = 0;
    UsageArguments parsed_;
    std::string error_;
};

std::span<const Parser::Option> Parser::options() {
    static constexpr Option kOptions[] = {
        {"--ledger", "-l", "a file or a URL", &Parser::take_ledger},
        {"--config", "-c", "a file", &Parser::take_config},
        {"--by", "-b", "groups", &Parser::take_by},
        {"--since", "", "a date or a time", &Parser::take_since},
        {"--until", "", "a date or a time", &Parser::take_until},
        {"--key", "", "the id of a key", &Parser::take_key},
        {"--tenant", "", "a tenant", &Parser::take_tenant},
        {"--model", "", "a model", &Parser::take_model},
        {"--provider", "", "a provider", &Parser::take_provider},
        {"--format", "-f", "table, csv or json", &Parser::take_format},
    };
    return kOptions;
}

std::expected<UsageArguments, std::string> Parser::run() {
    while (next_ < arguments_.size() && error_.empty()) {
        const std::string& text = arguments_[next_++];
        if (text == "--help" || text == "-h") {
            parsed_.wants_help = true;
            return std::move(parsed_);
        }
        argument(text);
    }
    if (error_.empty() && !parsed_.ledger.empty() && !parsed_.config_file.empty()) {
        fail("usage: --ledger and --config exclude each other");
    }
    if (!error_.empty()) {
        return std::unexpected(std::move(error_));
    }
    return std::move(parsed_);
}

// --name VALUE, --name=VALUE or -n VALUE
void Parser::argument(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto found = std::ranges::find_if(options(), [name](const Option& option) {
        return option.name == name || (!option.short_name.empty() && option.short_name == name);
    });
    if (!text.starts_with('-')) {
        fail(fmt::format("usage: unexpected argument {}", config::in_quotes(text)));
        return;
    }
    if (found == options().end()) {
        std::vector<std::string_view> names = {"--help"};
        std::ranges::transform(options(), std::back_inserter(names), &Option::name);
        const std::string hint = config::did_you_mean(name, names);
        fail(fmt::format("usage: unknown option {}{}", config::in_quotes(name),
                         hint.empty() ? "; `sluice usage --help` lists all" : hint));
        return;
    }
    const bool is_inline = equals != std::string_view::npos;
    const bool is_there = is_inline || next_ < arguments_.size();
    const std::string_view value = is_inline  ? text.substr(equals + 1)
                                   : is_there ? std::string_view(arguments_[next_++])
                                              : std::string_view();
    if (value.empty()) {
        fail(fmt::format("usage: {}: the value is {}; expected {}", name,
                         is_there ? "empty" : "missing", found->expected));
        return;
    }
    (this->*found->take)(name, value);
}

void Parser::take_by(std::string_view name, std::string_view value) {
    auto groups = parse_groups(value);
    if (!groups) {
        fail(fmt::format("usage: {}: {}", name, groups.error()));
        return;
    }
    parsed_.query.by = std::move(*groups);
}

void Parser::take_time(std::string_view name, std::string_view value, std::optional<int64_t>& to) {
    to = parse_time_ns(value);
    if (!to) {
        fail(
            fmt::format("usage: {}: {} is no time; expected one such as 2026-11-28 or "
                        "2026-11-28T12:00:00Z",
                        name, config::in_quotes(value)));
    }
}

void Parser::take_format(std::string_view name, std::string_view value) {
    const auto* const found = std::ranges::find(kFormats, value);
    if (found == std::end(kFormats)) {
        fail(fmt::format("usage: {}: {} is no format; expected table, csv or json", name,
                         config::in_quotes(value)));
        return;
    }
    parsed_.format = static_cast<ledger::ReportFormat>(found - std::begin(kFormats));
}

bool is_url(std::string_view text) {
    return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

// The error is one line or, of a configuration, its report.
std::expected<ledger::LedgerOptions, std::string> find_ledger(
    const UsageArguments& arguments, const config::Environment& environment) {
    ledger::LedgerOptions options;
    if (!arguments.ledger.empty()) {
        (is_url(arguments.ledger) ? options.url : options.path) = arguments.ledger;
        return options;
    }
    const std::string file = arguments.config_file.empty()
                                 ? environment(kConfigVariable).value_or("")
                                 : arguments.config_file;
    if (file.empty()) {
        return std::unexpected(
            "sluice: usage: no ledger is named; expected --ledger PATH|URL, or "
            "--config FILE with a [ledger]\n");
    }
    const config::LoadResult loaded = config::load_file(file, {{}, environment});
    if (!loaded.config) {
        return std::unexpected(loaded.report());
    }
    if (!loaded.config->ledger.enabled()) {
        return std::unexpected(
            fmt::format("sluice: usage: {} has no [ledger] with a path or a url\n", file));
    }
    return loaded.config->ledger;
}

}  // namespace

std::expected<UsageArguments, std::string> parse_usage_arguments(
    std::span<const std::string> arguments) {
    return Parser(arguments).run();
}

CommandOutput run_usage(std::span<const std::string> arguments,
                        const config::Environment& environment) {
    const auto parsed = parse_usage_arguments(arguments);
    if (!parsed) {
        return {kExitUsage, "", fmt::format("sluice: {}\n", parsed.error())};
    }
    if (parsed->wants_help) {
        return {kExitOk, std::string(kHelp), ""};
    }
    const auto options = find_ledger(*parsed, environment);
    if (!options) {
        const bool is_named = !parsed->config_file.empty() || environment(kConfigVariable);
        return {is_named ? kExitFailure : kExitUsage, "", options.error()};
    }
    const auto report =
        ledger::make_report(*options, parsed->query, {.timeout_ms = kReportTimeoutMs});
    if (!report) {
        return {kExitFailure, "", fmt::format("sluice: usage: {}\n", report.error())};
    }
    return {kExitOk, ledger::report_text(*report, parsed->format), ""};
}

}  // namespace sluice::server
