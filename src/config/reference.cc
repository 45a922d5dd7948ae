// Renders the table of settings.
#include "config/reference.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "config/default_config.h"
#include "config/flag_names.h"
#include "config/named_overrides.h"
#include "config/schema.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

constexpr std::string_view kIntroduction = R"md(# Configuration

<!-- Made by `sluice config-reference` from the tables in src/config/schema_*.cc: edit those. -->

Sluice reads one TOML file, named by `--config FILE` or `SLUICE_CONFIG`. Without one it serves a
built-in configuration: OpenAI when `OPENAI_API_KEY` is set, else the simulator inside the gateway.

```toml
[server]
host = "127.0.0.1"
port = 3000
cors_allowed_origins = ["*"]

[llm.openai_chat]
provider = "openai"
type = "chat"
base_url = "https://api.openai.com/v1"
token_env = "OPENAI_API_KEY"
supports_streaming = true

[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "openai_chat"
processors = []
allow_streaming = true
allow_non_streaming = true
```

- `sluice check FILE` reports every mistake in a file with its line and column, and what was
  expected; its exit code is 0 when the file can be served and 1 when it cannot.
- `sluice print-config` prints the effective value of every setting, defaults included.
- `SIGHUP`, `sluice reload`, and with `server.watch_config` a change of the file, read the file and
  the keys again. A file with a mistake changes nothing. Settings marked *restart* below keep their
  value until the next start.

## Rules

**Precedence.** Command line over environment over file over default. Every setting of `[server]`,
`[admin]` and `[traces]` has a flag and an environment variable, named after its key:
`server.http.head_timeout_ms` is `--http-head-timeout-ms` and `SLUICE_HTTP_HEAD_TIMEOUT_MS`,
`admin.listen` is `--admin-listen` and `SLUICE_ADMIN_LISTEN`. There, lists are separated by commas,
and pairs are `name=value`.

**Units.** A key ends in its unit: `_ms`, `_s`, `_us`, `_bytes_max` and so on. Values are plain
integers; `"30s"` is not a spelling of anything.

**Keys of upstreams** never stand in the file. `token_env` names an environment variable,
`token_file` a file; `token_envs` and `token_files` name several, whose keys are used in turn.
They are read again on reload and appear in no log, error, metric or output of
`print-config`, which says `env:OPENAI_API_KEY (set)`.

**TOML 1.1.** Line ends, comments and a trailing comma are accepted inside `{ }`.

**The second form.** Two ways of writing the same thing are in circulation. `[llm.NAME]` is the
canonical one, which `print-config` prints. `[provider.NAME]` is accepted and mapped at load; both
may stand in one file, under different names.

| accepted | canonical |
|---|---|
| `[provider.NAME]` | `[llm.NAME]` |
| its `type` (the vendor) | `provider` |
| its `api_key_env`, `api_key_envs` | `token_env`, `token_envs` |
| its `timeout_secs` (300), or `timeout` | `timeouts.first_byte_ms`, `timeouts.silence_ms` |
| `[[route]]` with `path` | `path_prefix` |
| `[[route]]` with `provider` | `target_llm` |
| `[processor.NAME]` with `type = "openai_chat"` | `"enhancer"` |
| its `config_value` | the main value of some [types](processors/enhancer.md#the-published-form) |
| its `additional_config` | the members, as settings of the table |

`timeout_secs` bounds the wait for the upstream, before its answer and inside it. It is no limit on
the whole exchange, which would cut streams that are well; that is `timeouts.total_ms`.
)md";

struct Heading {
    Section section;
    std::string_view group;
    std::string_view title;
    std::string_view about;
};

constexpr Heading kHeadings[] = {
    {Section::server, "", "Listening and the process", ""},
    {Section::server, "access_log", "Access log", "One line for each exchange."},
    {Section::server, "metrics", "Metrics", "What GET /metrics answers."},
    {Section::server, "tls", "TLS towards clients",
     "On as soon as there is a `[[server.tls.certificate]]`."},
    {Section::server, "buffers", "Receive buffers", ""},
    {Section::server, "sockets", "Sockets", ""},
    {Section::server, "http", "HTTP from clients", ""},
    {Section::server, "remote_content", "Images and files by URL",
     "For providers that want the bytes. Fetched by https from public addresses, through at most "
     "three redirects."},
    {Section::server, "content_capture", "Content of requests and replies",
     "**Prompts and answers are personal data, and may hold secrets of their own.** All of this is "
     "off by default: then no byte of a body is kept. Switch it on for those who must see it, for "
     "as long as they must. Headers, queries and keys are never kept. Each shard holds two bodies "
     "for each exchange that is open, recent or waiting to be sent."},
    {Section::certificate, "", "Certificates",
     "One table for each certificate. The first is shown when no name matches."},
    {Section::admin, "", "Admin API", "What it can do is in [ADMIN.md](ADMIN.md)."},
    {Section::llm, "", "Upstreams", "Whom requests go to, one table for each."},
    {Section::llm, "timeouts", "Time limits of an upstream", ""},
    {Section::llm, "pool", "Connections to an upstream", ""},
    {Section::llm, "tls", "TLS towards an upstream", ""},
    {Section::llm, "simulator", "The simulator", "For `provider = \"simulated\"`."},
    {Section::pool, "", "Pools",
     "Several targets behind one name, see [BALANCING.md](BALANCING.md). A route's `target_llm` "
     "names a pool as it names an llm."},
    {Section::pool, "fail_over", "Pool: when another target is asked", ""},
    {Section::pool, "breaker", "Pool: circuit breaker of a target", ""},
    {Section::pool, "outliers", "Pool: targets that are worse than the others", ""},
    {Section::pool, "hedge", "Pool: a second target while the first is silent", ""},
    {Section::pool, "adaptive_limit", "Pool: a limit that is found", ""},
    {Section::pool, "queue", "Pool: waiting for room", ""},
    {Section::pool, "health", "Pool: health checks", ""},
    {Section::pool, "engine_metrics", "Pool: what engines say of their load", ""},
    {Section::pool, "discovery", "Pool: members that are found",
     "See [BALANCING.md](BALANCING.md#who-belongs-to-a-pool)."},
    {Section::pool_target, "", "Targets of a pool", "The long form of `targets`."},
    {Section::route, "", "Routes",
     "Which requests go to which upstream. A request without a route gets a 404."},
    {Section::processor, "", "Processors",
     "Steps that routes name, in [PROCESSORS.md](PROCESSORS.md) one by one."},
    {Section::processor_authenticate, "", "Processor: authenticate", ""},
    {Section::processor_budget, "", "Processor: budget", ""},
    {Section::processor_cache, "", "Processor: cache", ""},
    {Section::processor_coalesce, "", "Processor: coalesce", ""},
    {Section::processor_cost_meter, "", "Processor: cost_meter", ""},
    {Section::processor_enhancer, "", "Processor: enhancer", ""},
    {Section::processor_guard, "", "Processor: guard", ""},
    {Section::processor_headers, "", "Processor: headers", ""},
    {Section::processor_rate_limit, "", "Processor: rate_limit", ""},
    {Section::keys, "", "Keys that are made at run time",
     "[KEYS_AND_LIMITS.md](KEYS_AND_LIMITS.md) says what keys, limits and budgets are."},
    {Section::key, "", "Virtual keys",
     "One table for each. Exactly one of `sha256`, `secret_env` and `secret_file`."},
    {Section::key, "limits", "Limits of a key", ""},
    {Section::key, "budget", "Budget of a key", ""},
    {Section::tenant, "limits", "Limits of a tenant", "Shared by all of its keys."},
    {Section::tenant, "budget", "Budget of a tenant", "Likewise."},
    {Section::cache, "", "Response cache",
     "Answers that are given again, see [CACHE.md](CACHE.md)."},
    {Section::processor_logging, "", "Processor: logging", ""},
    {Section::processor_system_prompt, "", "Processor: system_prompt", ""},
    {Section::processor_transform, "", "Processor: transform", ""},
    {Section::processor_validation, "", "Processor: validation", ""},
    {Section::ledger, "", "Usage ledger",
     "One row for each exchange, in one of two databases; [COST_AND_USAGE.md](COST_AND_USAGE.md)."},
    {Section::prices, "", "Prices",
     "What tokens cost. `[prices.models.\"NAME\"]` holds prices of one's own, as fields of "
     "LiteLLM's price file in dollars per token, such as `input_cost_per_token = 2.5e-6`."},
    {Section::traces, "", "Traces",
     "For OpenTelemetry; [TRACES.md](TRACES.md) says what is in them."},
    {Section::traces, "tls", "TLS towards the receiver of traces", ""},
};

// The table's name with its group: "[server.http]", "[llm.NAME.pool]".
std::string table_title(const Heading& heading) {
    std::string title(section_title(heading.section));
    if (!heading.group.empty()) {
        title.insert(title.size() - 1, fmt::format(".{}", heading.group));
    }
    return title;
}

std::string default_of(const Setting& setting, Section section) {
    return setting.is_required
               ? "required"
               : fmt::format("`{}`", to_toml(setting.access.get(defaults_of(section))));
}

// Text in a table's cell, where bars and stars would be markup.
std::string cell(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '|' || c == '*') {
            escaped.push_back('\\');
        }
        escaped.push_back(c);
    }
    return escaped;
}

void append_named_overrides(std::string& page, Section section) {
    page +=
        "\nBesides the file, in the same precedence as for `[server]`:\n\n"
        "| flag | variable | meaning |\n|---|---|---|\n";
    for (const NamedOverride& named : named_overrides()) {
        if (named.section == section) {
            page +=
                fmt::format("| `{}` | `{}` | {} |\n", named.flag, named.variable, cell(named.help));
        }
    }
}

void append_table(std::string& page, const Heading& heading) {
    page += fmt::format("\n## {}\n\n`{}`\n\n", heading.title, table_title(heading));
    if (!heading.about.empty()) {
        page += fmt::format("{}\n\n", heading.about);
    }
    page += "| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const Setting& setting : settings(heading.section)) {
        if (group_of(setting.key) == heading.group) {
            page += fmt::format("| `{}` | {} | {} | {}{} |\n", name_in_group(setting.key),
                                cell(expected_value(setting)), default_of(setting, heading.section),
                                cell(setting.help),
                                setting.reload == Reload::restart ? " *(restart)*" : "");
        }
    }
    const bool is_first = heading.group.empty();
    if (heading.section == Section::cache || (heading.section == Section::llm && is_first) ||
        (heading.section == Section::pool && is_first)) {
        append_named_overrides(page, heading.section);
    }
}

// What stands for the value behind a flag.
std::string_view value_word(const Setting& setting) {
    switch (setting.access.type) {
        case ValueType::boolean:
            return "true|false";
        case ValueType::integer:
        case ValueType::fraction:
            return "N";
        case ValueType::choice:
            return "WORD";
        case ValueType::text_list:
            return "A,B,...";
        case ValueType::pairs:
            return "NAME=VALUE,...";
        case ValueType::text:
            break;
    }
    return "TEXT";
}

constexpr size_t kHelpColumns = 80;
constexpr std::string_view kHelpIndent = "          ";

// Words of `text`, indented and broken before the last column.
void append_wrapped(std::string& to, std::string_view text) {
    size_t column = kHelpColumns;  // Makes the first word begin a line.
    bool is_first = true;
    while (!text.empty()) {
        const size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (column + 1 + word.size() > kHelpColumns) {
            to += is_first ? "" : "\n";
            to += kHelpIndent;
            to += word;
            column = kHelpIndent.size() + word.size();
        } else {
            to += fmt::format(" {}", word);
            column += 1 + word.size();
        }
        is_first = false;
    }
    to += '\n';
}

// "Default 3000; an integer from 0 to 65535; SLUICE_PORT"
std::string facts(Section section, const Setting& setting) {
    const ValueType type = setting.access.type;
    const bool has_range =
        type == ValueType::integer || type == ValueType::fraction || type == ValueType::choice;
    return fmt::format("Default {}; {}{}{}", to_toml(setting.access.get(defaults_of(section))),
                       has_range ? expected_value(setting) : "", has_range ? "; " : "",
                       fmt::join(environments_of(section, setting), ", "));
}

}  // namespace

std::string reference_markdown() {
    std::string page(kIntroduction);
    for (const Heading& heading : kHeadings) {
        append_table(page, heading);
    }
    page +=
        fmt::format("\n## Built-in configuration\n\nWithout `OPENAI_API_KEY`:\n\n```toml{}```\n",
                    default_config_text(false));
    page += fmt::format("\nWith it:\n\n```toml{}```\n", default_config_text(true));
    return page;
}

std::string flags_help() {
    std::string help;
    for (const Heading& heading : kHeadings) {
        if (std::ranges::find(kFlagSections, heading.section) == std::end(kFlagSections)) {
            continue;
        }
        help += fmt::format("\n  {}\n", heading.title);
        for (const Setting& setting : settings(heading.section)) {
            if (group_of(setting.key) != heading.group) {
                continue;
            }
            help +=
                fmt::format("      {} {}\n", fmt::join(flags_of(heading.section, setting), ", "),
                            value_word(setting));
            append_wrapped(help, setting.help);
            append_wrapped(help, facts(heading.section, setting));
        }
    }
    help += "\n  Response cache, retries\n";
    for (const NamedOverride& named : named_overrides()) {
        help += fmt::format("      {} {}\n", named.flag, named.value_word);
        append_wrapped(help, named.help);
        append_wrapped(help, named.variable);
    }
    return help;
}

}  // namespace sluice::config
