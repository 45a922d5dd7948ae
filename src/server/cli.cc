// Reading the command line, and the commands that only print.
#include "server/cli.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/assert.h"
#include "config/checks.h"
#include "config/environment.h"
#include "config/flag_names.h"
#include "config/load.h"
#include "config/named_overrides.h"
#include "config/nearest.h"
#include "config/print.h"
#include "config/provider_reference.h"
#include "config/reference.h"
#include "config/schema.h"
#include "config/setting.h"
#include "server/admin_commands.h"
#include "server/admin_verbs.h"
#include "server/log_command.h"
#include "server/price_source.h"
#include "server/runtime_config.h"
#include "server/targets_command.h"
#include "server/top_command.h"
#include "server/usage_command.h"

namespace sluice::server {

namespace {

struct CommandName {
    std::string_view name;
    Command command;
};

constexpr CommandName kCommands[] = {
    {"check", Command::check},
    {"print-config", Command::print_config},
    {"config-reference", Command::config_reference},
    {"provider-reference", Command::provider_reference},
    {"stats", Command::stats},
    {"reload", Command::reload},
    {"usage", Command::usage},
    {"keys", Command::keys},
    {"limits", Command::limits},
    {"cache", Command::cache},
    {"targets", Command::targets},
    {"log", Command::log},
    {"top", Command::top},
};

// Options without a value that stand for a command.
constexpr CommandName kCommandOptions[] = {
    {"--help", Command::help},
    {"-h", Command::help},
    {"--version", Command::version},
    {"-V", Command::version},
};

constexpr std::string_view kUsage = R"(sluice - a gateway for LLM APIs

USAGE
  sluice [--config FILE] [SETTING...]
      Serves until SIGTERM or SIGINT, then lets open streams finish. SIGHUP reads
      the configuration and the keys again, as `sluice reload` does.
  sluice check FILE
      Reports every mistake in FILE with its line and column.
  sluice print-config [--config FILE] [SETTING...]
      Prints the effective value of every setting as a configuration file.
  sluice config-reference
      Prints the reference of all settings as Markdown.
  sluice provider-reference
      Prints what is known of every provider as Markdown.
  sluice stats [--admin ADDRESS] [--json]
      Shows what a running gateway has served, by route and by upstream. The
      same and more in a browser: the dashboard, at /ui of the admin API.
  sluice reload [--admin ADDRESS]
      Makes a running gateway read its configuration and keys again, and prints
      what is wrong with them.
  sluice usage [--ledger PATH|URL | --config FILE] [OPTION...]
      Prints what the usage ledger adds up to; `sluice usage --help` has more.
  sluice keys list|show|create|update|revoke [...]
  sluice limits [...]
  sluice cache stats|purge [...]
      Virtual keys, what is left of limits, and the response cache of a running
      gateway; `sluice keys --help` has more.
  sluice targets [--watch] [--json]
  sluice targets POOL/TARGET drain|activate|force-open|force-close|weight N
  sluice targets add POOL HOST:PORT | remove POOL/TARGET
      The targets of pools of a running gateway, and what you want of one;
      `sluice targets --help` has more.
  sluice log [[ROOM] LEVEL]
      Which lines a running gateway logs, by room; `sluice log --help` has more.
  sluice top [--interval SECONDS] [--sort KEY] [--once] [--json]
      What a running gateway does, drawn again every second; `sluice top --help`
      has more.
  sluice --help | --version

OPTIONS
  -c, --config FILE
          The configuration, in TOML. Without one a built-in configuration is
          served: OpenAI when OPENAI_API_KEY is set, else a simulated provider.
          SLUICE_CONFIG
  --admin ADDRESS
          Of stats and reload: where the admin API listens, as admin.listen has
          it. By default it is looked up in the configuration.
  --json
          Of stats: the answer of the gateway as it is.
  -h, --help
          This text.
  -V, --version
          The version.

SETTINGS
  Each is a key of [server] or [admin] in the file, a flag and an environment
  variable; the last four are of [cache], [llm.NAME] and [pool.NAME]. The command
  line wins over the environment, the environment over the file. A value follows
  its flag as the next argument or behind "=".
)";

constexpr std::string_view kEnding = R"(
EXIT CODES
  0  done; for check: the file can be served
  1  the configuration has a mistake, or the gateway could not run
  2  the command line has a mistake
)";

std::optional<Command> find_command(std::span<const CommandName> names, std::string_view text) {
    const auto found = std::ranges::find(names, text, &CommandName::name);
    return found == names.end() ? std::nullopt : std::optional(found->command);
}

bool has_own_options(Command command) {
    return command == Command::usage || command == Command::keys || command == Command::limits ||
           command == Command::cache || command == Command::targets || command == Command::log ||
           command == Command::top;
}

class Parser {
public:
    Parser(std::span<const char* const> arguments, const config::Environment& environment)
        : arguments_(arguments) {
        line_.config_file = environment(kConfigVariable).value_or("");
        line_.overrides = config::environment_overrides(environment);
    }

    std::expected<CommandLine, std::string> run();

private:
    void argument(std::string_view text);
    void option(std::string_view text);
    void word(std::string_view text);
    void unknown_option(std::string_view name);
    void fail(std::string text) { error_ = error_.empty() ? std::move(text) : error_; }

    std::span<const char* const> arguments_;
    size_t next_ = 0;
    bool has_command_ = false;
    bool has_file_ = false;
    CommandLine line_;
    std::string error_;
};

std::expected<CommandLine, std::string> Parser::run() {
    while (next_ < arguments_.size() && error_.empty()) {
        argument(arguments_[next_++]);
        if (line_.command == Command::help || line_.command == Command::version) {
            return std::move(line_);  // Whatever else was asked for.
        }
    }
    if (line_.command == Command::check && !has_file_) {
        fail("check: no file is named; expected `sluice check FILE`");
    }
    const bool asks = line_.command == Command::stats || line_.command == Command::reload;
    if (!line_.admin_address.empty() && !asks) {
        fail(
            "--admin: belongs to `sluice stats` and `sluice reload`; the gateway's own address is "
            "--admin-listen");
    } else if (line_.json && line_.command != Command::stats) {
        fail("--json: belongs to `sluice stats`");
    }
    if (!error_.empty()) {
        return std::unexpected(std::move(error_));
    }
    return std::move(line_);
}

void Parser::argument(std::string_view text) {
    if (const auto command = find_command(kCommandOptions, text)) {
        line_.command = *command;
    } else if (text.starts_with('-')) {
        option(text);
    } else {
        word(text);
    }
}

// --name VALUE, --name=VALUE or -c VALUE
void Parser::option(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const std::optional<config::NamedSetting> found = config::find_flag(name);
    const config::NamedOverride* const named = config::find_named_override(name);
    const bool is_config = name == "--config" || name == "-c";
    const bool is_admin = name == "--admin";
    if (text == "--json") {
        line_.json = true;
        return;
    }
    if (!found && named == nullptr && !is_config && !is_admin) {
        unknown_option(name);
        return;
    }
    const bool is_inline = equals != std::string_view::npos;
    if (!is_inline && next_ == arguments_.size()) {
        fail(fmt::format("{}: the value is missing; expected {}", name,
                         is_config  ? "a file"
                         : is_admin ? "an address"
                         : found    ? config::expected_value(*found->setting)
                                    : std::string(named->expected)));
        return;
    }
    const std::string_view value = is_inline ? text.substr(equals + 1) : arguments_[next_++];
    if (is_admin) {
        line_.admin_address = value;
    } else if (named != nullptr) {
        config::add_overrides(*named, value, std::string(name), line_.overrides);
    } else if (found && !is_config) {
        line_.overrides.push_back(
            {found->section, found->setting, std::string(value), std::string(name)});
    } else if (value.empty()) {
        fail(fmt::format("{}: the value is empty; expected a file", name));
    } else {
        line_.config_file = value;
        has_file_ = true;
    }
}

void Parser::unknown_option(std::string_view name) {
    std::vector<std::string> flags = {"--admin", "--config", "--help", "--json", "--version"};
    for (const config::Section section : config::kFlagSections) {
        for (const config::Setting& setting : config::settings(section)) {
            for (std::string& flag : config::flags_of(section, setting)) {
                flags.push_back(std::move(flag));
            }
        }
    }
    for (const config::NamedOverride& named : config::named_overrides()) {
        flags.emplace_back(named.flag);
    }
    const std::vector<std::string_view> views(flags.begin(), flags.end());
    const std::string hint = config::did_you_mean(name, views);
    fail(fmt::format("unknown option {}{}", config::in_quotes(name),
                     hint.empty() ? "; `sluice --help` lists all" : hint));
}

void Parser::word(std::string_view text) {
    if (line_.command == Command::check && !has_file_) {
        line_.config_file = text;
        has_file_ = true;
        return;
    }
    if (has_command_) {
        fail(fmt::format("unexpected argument {}", config::in_quotes(text)));
        return;
    }
    if (const auto command = find_command(kCommands, text)) {
        line_.command = *command;
        has_command_ = true;
        if (has_own_options(*command)) {
            line_.own_arguments.assign(arguments_.begin() + static_cast<ptrdiff_t>(next_),
                                       arguments_.end());
            next_ = arguments_.size();
        }
        return;
    }
    std::vector<std::string_view> names;
    for (const CommandName& command : kCommands) {
        names.push_back(command.name);
    }
    const std::string hint = config::did_you_mean(text, names);
    fail(fmt::format("unknown command {}{}", config::in_quotes(text),
                     hint.empty() ? fmt::format("; expected {}", fmt::join(names, ", ")) : hint));
}

CommandOutput check(const config::LoadResult& loaded) {
    CommandOutput output;
    output.standard_error = loaded.report();
    uint32_t count = loaded.error_count();
    if (loaded.config) {
        if (const std::string reason = why_unusable(*loaded.config); !reason.empty()) {
            output.standard_error += fmt::format("{}: {}\n", loaded.source, reason);
            count = 1;
        }
        std::vector<std::string> warnings;
        if (make_price_table(loaded.config->prices, warnings)) {
            for (const std::string& warning : warnings) {
                output.standard_error += fmt::format("{}: warning: {}\n", loaded.source, warning);
            }
        }
    }
    if (loaded.config && count == 0) {
        output.standard_output = fmt::format("{}: ok\n", loaded.source);
    } else {
        output.exit_code = kExitFailure;
        output.standard_error +=
            fmt::format("{}: {} {}\n", loaded.source, count, count == 1 ? "error" : "errors");
    }
    return output;
}

CommandOutput print(const config::LoadResult& loaded) {
    CommandOutput output;
    output.standard_error = loaded.report();
    if (loaded.config) {
        output.standard_output = config::print_config(*loaded.config, loaded.source);
    } else {
        output.exit_code = kExitFailure;
    }
    return output;
}

}  // namespace

std::expected<CommandLine, std::string> parse_command_line(std::span<const char* const> arguments,
                                                           const config::Environment& environment) {
    return Parser(arguments, environment).run();
}

config::LoadResult load_config(const CommandLine& line, const config::Environment& environment) {
    const config::LoadOptions options = {line.overrides, environment};
    return line.config_file.empty() ? config::load_default(options)
                                    : config::load_file(line.config_file, options);
}

CommandOutput run_command(const CommandLine& line, const config::Environment& environment) {
    switch (line.command) {
        case Command::check:
            return check(load_config(line, environment));
        case Command::print_config:
            return print(load_config(line, environment));
        case Command::config_reference:
            return {kExitOk, config::reference_markdown(), ""};
        case Command::provider_reference:
            return {kExitOk, config::providers_markdown(), ""};
        case Command::stats:
            return show_stats(line, environment);
        case Command::reload:
            return ask_reload(line, environment);
        case Command::usage:
            return run_usage(line.own_arguments, environment);
        case Command::keys:
            return run_verb("keys", line, environment);
        case Command::limits:
            return run_verb("limits", line, environment);
        case Command::cache:
            return run_verb("cache", line, environment);
        case Command::targets:
            return run_targets(line, environment);
        case Command::log:
            return run_log(line, environment);
        case Command::top:
            return run_top(line, environment);
        case Command::version:
            return {kExitOk, version_text(), ""};
        case Command::help:
            return {kExitOk, help_text(), ""};
        case Command::serve:
            break;
    }
    SLUICE_UNREACHABLE();
}

std::string version_text() {
    return "sluice " SLUICE_VERSION "\n";
}

std::string help_text() {
    std::string text(kUsage);
    text += config::flags_help();
    text += kEnding;
    return text;
}

}  // namespace sluice::server
