// At most two words into one request, and its answer into a table.
#include "server/log_command.h"

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log_levels.h"
#include "config/checks.h"
#include "config/environment.h"
#include "config/nearest.h"
#include "json/tree.h"
#include "json/writer.h"
#include "server/admin_commands.h"
#include "server/cli.h"
#include "server/client_options.h"
#include "server/text_table.h"

namespace sluice::server {

namespace {

constexpr std::string_view kHelp =
    R"(sluice log - which lines a running gateway logs

USAGE
  sluice log
      The level of each room, and what it is from: the common level, the
      configuration, or a request such as those below.
  sluice log LEVEL
      Another common level, for rooms that have none of their own.
  sluice log ROOM LEVEL
      Another level of one room.

  LEVEL is debug, info, warning or error; "default" is that of the configuration
  again. A change is in force when the command returns, and until a reload or the
  end of the process.

OPTIONS
)";
constexpr std::string_view kDefault = "default";

// Of a word of the command line; empty: it is none.
std::string level_json(std::string_view word) {
    return word == kDefault ? "null" : parse_log_level(word) ? fmt::format("\"{}\"", word) : "";
}

std::string room_body(std::string_view room, std::string_view level) {
    std::string body;
    json::StringText text(body);
    json::Writer(text)
        .begin_object()
        .key("rooms")
        .begin_object()
        .key(room)
        .raw(level)
        .end_object()
        .end_object();
    text.finish();
    return body;
}

}  // namespace

std::expected<LogRequest, std::string> parse_log(std::span<const std::string> arguments) {
    LogRequest request;
    const auto words = parse_client_options("log", arguments, {}, request.client);
    if (!words) {
        return std::unexpected(words.error());
    }
    if (request.client.wants_help || words->empty()) {
        return request;
    }
    if (words->size() > 2) {
        return std::unexpected(
            fmt::format("log: unexpected argument {}", config::in_quotes((*words)[2])));
    }
    const std::string_view word = words->back();
    const std::string level = level_json(word);
    if (level.empty()) {
        std::vector<std::string_view> known(kLogLevelNames.begin(), kLogLevelNames.end());
        known.push_back(kDefault);
        return std::unexpected(fmt::format("log: {} is no level; expected one of {}{}",
                                           config::in_quotes(word), fmt::join(known, ", "),
                                           config::did_you_mean(word, known)));
    }
    request.method = "PATCH";
    request.body = words->size() == 1 ? fmt::format(R"({{"level":{}}})", level)
                                      : room_body(words->front(), level);
    return request;
}

std::expected<std::string, std::string> log_table(std::string_view json) {
    Arena arena;
    const auto parsed = json::Value::parse(json, arena, ErrorSource::upstream);
    if (!parsed || !(**parsed)["rooms"].is_array()) {
        return std::unexpected("the answer is no list of levels");
    }
    const json::Value& answer = **parsed;
    const std::string level = shown_text(answer["level"], arena);
    const std::string configured = shown_text(answer["configured_level"], arena);
    std::vector<Row> rows = {{"room", "level", "from"}};
    for (const json::Value& room : answer["rooms"]) {
        rows.push_back({shown_text(room["room"], arena), shown_text(room["level"], arena),
                        shown_text(room["from"], arena)});
    }
    return fmt::format("common level {}{}\n\n{}", level,
                       level == configured ? "" : fmt::format(", configured {}", configured),
                       table_of(rows));
}

CommandOutput run_log(const CommandLine& line, const config::Environment& environment) {
    const auto request = parse_log(line.own_arguments);
    if (!request) {
        return misuse_of(request.error());
    }
    if (request->client.wants_help) {
        return {kExitOk, std::string(kHelp) + std::string(kAdminOptionsHelp), ""};
    }
    const auto reply =
        ask_gateway(asking(line, request->client.admin_address, request->client.config_file),
                    environment, request->method, "/v1/log", request->body);
    if (!reply) {
        return failure_of(reply.error());
    }
    if (reply->status != 200) {
        return failure_of(refusal_text(*reply));
    }
    if (request->client.json) {
        return {kExitOk, reply->body + '\n', ""};
    }
    const auto table = log_table(reply->body);
    return table ? CommandOutput{kExitOk, *table, ""} : failure_of(table.error());
}

}  // namespace sluice::server
