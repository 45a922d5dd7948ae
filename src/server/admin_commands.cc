// Whom to ask, asking, and tables.
#include "server/admin_commands.h"

#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "config/checks.h"
#include "config/config.h"
#include "config/environment.h"
#include "config/load.h"
#include "json/tree.h"
#include "json/writer.h"
#include "net/endpoint.h"
#include "providers/path_text.h"
#include "server/admin_client.h"
#include "server/cli.h"
#include "server/client_options.h"
#include "server/options.h"
#include "server/text_table.h"

namespace sluice::server {

namespace {

constexpr const char* kTokenVariable = "SLUICE_ADMIN_TOKEN";

struct Target {
    net::Endpoint endpoint;
    Secret token;
};

// The address of the command line, else the one of the configuration. A configuration with errors
// must not keep anybody from asking what runs: then the default, or what the environment says.
std::expected<Target, std::string> find_target(const CommandLine& line,
                                               const config::Environment& environment) {
    const config::LoadResult loaded = load_config(line, environment);
    AdminOptions admin = loaded.config ? loaded.config->admin : AdminOptions();
    for (const config::Override& override : line.overrides) {
        if (!loaded.config && override.section == config::Section::admin &&
            override.setting->key == "listen") {
            admin.listen = override.text;
        }
    }
    const std::string& address = line.admin_address.empty() ? admin.listen : line.admin_address;
    if (address == "off") {
        return std::unexpected("admin.listen is \"off\"; expected --admin ADDRESS");
    }
    const std::optional<net::Endpoint> endpoint = net::Endpoint::parse(address);
    if (!endpoint) {
        return std::unexpected(fmt::format("--admin: {}", config::check_admin_listen(address)));
    }
    const std::optional<std::string> token = environment(kTokenVariable);
    return Target{*endpoint, token ? Secret(*token) : admin.token};
}

double number_of(const json::Value& value) {
    return value.number().value_or(0);
}

int64_t integer_of(const json::Value& value) {
    return value.integer().value_or(0);
}

void append_row(std::string& table, std::string_view name, const json::Value& served) {
    const json::Value& latency = served["latency_ms"];
    const json::Value& first = served["time_to_first_token_ms"];
    const json::Value& tokens = served["tokens"];
    fmt::format_to(
        std::back_inserter(table),
        "{:<26} {:>9} {:>8} {:>6.2f}% {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>10} {:>10}\n", name,
        integer_of(served["requests"]), integer_of(served["failures"]),
        100 * number_of(served["error_rate"]), number_of(latency["average"]),
        number_of(latency["p50"]), number_of(latency["p99"]), number_of(first["p50"]),
        integer_of(tokens["prompt"]), integer_of(tokens["completion"]));
}

void append_rows(std::string& table,
                 std::string_view title,
                 std::string_view name_key,
                 const json::Value& list,
                 Arena& arena) {
    fmt::format_to(std::back_inserter(table),
                   "\n{:<26} {:>9} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}\n", title,
                   "requests", "failures", "errors", "avg ms", "p50 ms", "p99 ms", "ttft ms",
                   "prompt", "completion");
    for (const json::Value& served : list) {
        append_row(table, shown_text(served[name_key], arena), served);
    }
}

void append_diagnostics(std::string& text,
                        std::string_view mark,
                        const json::Value& list,
                        Arena& arena) {
    for (const json::Value& entry : list) {
        fmt::format_to(std::back_inserter(text), "{}", shown_text(entry["file"], arena));
        if (const int64_t at_line = integer_of(entry["line"]); at_line > 0) {
            fmt::format_to(std::back_inserter(text), ":{}:{}", at_line,
                           integer_of(entry["column"]));
        }
        const std::string key = shown_text(entry["key"], arena);
        fmt::format_to(std::back_inserter(text), ": {}{}{}{}\n", mark, key, key.empty() ? "" : ": ",
                       shown_text(entry["message"], arena));
    }
}

}  // namespace

std::expected<AdminReply, std::string> ask_gateway(const CommandLine& line,
                                                   const config::Environment& environment,
                                                   std::string_view method,
                                                   std::string_view path,
                                                   std::string_view body) {
    const std::expected<Target, std::string> target = find_target(line, environment);
    if (!target) {
        return std::unexpected(target.error());
    }
    return ask_admin(target->endpoint, target->token, method, path, body);
}

std::string path_segment(std::string_view text) {
    std::string to;
    json::StringText output(to);
    providers::append_path_segment(output, text);
    output.finish();
    return to;
}

std::string refusal_text(const AdminReply& reply) {
    Arena arena;
    const auto body = json::Value::parse(reply.body, arena, ErrorSource::upstream);
    const std::string message =
        body ? shown_text((**body)["error"]["message"], arena) : std::string();
    return fmt::format("the gateway answered {}{}{}", reply.status, message.empty() ? "" : ": ",
                       message);
}

std::expected<std::string, std::string> stats_table(std::string_view json) {
    Arena arena;
    const auto parsed = json::Value::parse(json, arena, ErrorSource::upstream);
    if (!parsed || !(**parsed)["routes"].is_array()) {
        return std::unexpected("the answer is no list of figures");
    }
    const json::Value& stats = **parsed;
    std::string table =
        fmt::format("up {:.0f} s, {} in flight\n", number_of(stats["uptime_seconds"]),
                    integer_of(stats["in_flight"]));
    append_rows(table, "route", "route", stats["routes"], arena);
    append_rows(table, "upstream", "upstream", stats["upstreams"], arena);
    table += '\n';
    append_row(table, "all", stats);
    return table;
}

CommandOutput show_stats(const CommandLine& line, const config::Environment& environment) {
    const auto reply = ask_gateway(line, environment, "GET", "/v1/stats");
    if (!reply) {
        return failure_of(reply.error());
    }
    if (reply->status != 200) {
        return failure_of(refusal_text(*reply));
    }
    if (line.json) {
        return {kExitOk, reply->body + '\n', ""};
    }
    const auto table = stats_table(reply->body);
    return table ? CommandOutput{kExitOk, *table, ""} : failure_of(table.error());
}

CommandOutput ask_reload(const CommandLine& line, const config::Environment& environment) {
    const auto reply = ask_gateway(line, environment, "POST", "/v1/reload");
    if (!reply) {
        return failure_of(reply.error());
    }
    Arena arena;
    const auto body = json::Value::parse(reply->body, arena, ErrorSource::upstream);
    if (!body || !(**body)["warnings"].is_array()) {
        return failure_of(refusal_text(*reply));
    }
    const json::Value& report = **body;
    const bool is_ok = report["ok"].is_true();
    CommandOutput output;
    output.exit_code = is_ok ? kExitOk : kExitFailure;
    append_diagnostics(output.standard_error, "", report["errors"], arena);
    append_diagnostics(output.standard_error, "warning: ", report["warnings"], arena);
    for (const json::Value& key : report["restart_needed"]) {
        output.standard_error +=
            fmt::format("{}: takes effect after a restart only\n", shown_text(key, arena));
    }
    if (is_ok) {
        output.standard_output = "the configuration was loaded anew\n";
    } else {
        output.standard_error += "the new configuration has errors; the old one stays\n";
    }
    return output;
}

}  // namespace sluice::server
