// Endpoints about the log: the level of each room, and changing it while the gateway runs.
//
// A change is done whole or not at all, and in force when it is answered: the next line of any
// thread goes by it. It ends with the process or with the next configuration.
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/log_levels.h"
#include "config/checks.h"
#include "config/nearest.h"
#include "coro/task.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/log_control.h"

namespace sluice::server {

namespace {

std::string text_of(const json::Value& value, Arena& arena) {
    return std::string(json::unescape(value.text().raw, arena).value_or(""));
}

// Null is a wish as well: for what the configuration says.
std::expected<LogChange::Wish, std::string> read_wish(std::string_view name,
                                                      const json::Value& value,
                                                      Arena& arena) {
    if (value.is_present() && value.is_nothing()) {
        return LogChange::Wish();
    }
    const std::string text = text_of(value, arena);
    const std::optional<LogLevel> level = parse_log_level(text);
    if (!level) {
        return std::unexpected(fmt::format("{}: expected one of {}, or null{}", name,
                                           fmt::join(kLogLevelNames, ", "),
                                           config::did_you_mean(text, kLogLevelNames)));
    }
    return level;
}

std::string read_rooms(const json::Value& rooms, Arena& arena, LogChange& change) {
    if (!rooms.is_object()) {
        return "rooms must be an object of rooms and levels";
    }
    for (const json::Value& member : rooms) {
        const std::string name(json::unescape(member.key().raw, arena).value_or(""));
        const std::optional<LogRoom> room = LogRoom::find(name);
        if (!room) {
            const std::string hint = config::did_you_mean(name, kLogRooms);
            return fmt::format(
                "{} is no room of the log{}", config::in_quotes(name),
                hint.empty() ? fmt::format("; expected some of {}", fmt::join(kLogRooms, ", "))
                             : hint);
        }
        const auto wish = read_wish("rooms." + name, member, arena);
        if (!wish) {
            return wish.error();
        }
        change.rooms.emplace_back(*room, *wish);
    }
    return "";
}

std::expected<LogChange, std::string> read_change(std::string_view body) {
    Arena arena;
    const auto parsed = json::Value::parse(body, arena, ErrorSource::client);
    if (!parsed || !(**parsed).is_object()) {
        return std::unexpected("the body is no JSON object");
    }
    LogChange change;
    for (const json::Value& member : **parsed) {
        const std::string_view key = json::unescape(member.key().raw, arena).value_or("");
        std::string problem;
        if (key == "level") {
            const auto wish = read_wish("level", member, arena);
            problem = wish ? "" : wish.error();
            change.level = wish.value_or(LogChange::Wish());
        } else if (key == "rooms") {
            problem = read_rooms(member, arena, change);
        } else {
            problem = "the body may have level and rooms, and nothing else";
        }
        if (!problem.empty()) {
            return std::unexpected(std::move(problem));
        }
    }
    if (change.is_empty()) {
        return std::unexpected("the body names neither a level nor a room");
    }
    return change;
}

AdminAnswer tell_levels(const LogControl& log) {
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("level")
        .string(log_level_name(log.level()))
        .key("configured_level")
        .string(log_level_name(log.configured_level()))
        .key("rooms")
        .begin_array();
    for (size_t i = 0; i < kLogRooms.size(); ++i) {
        const LogRoom room = LogRoom::at(i);
        writer.begin_object()
            .key("room")
            .string(room.name())
            .key("level")
            .string(log_level_name(log.level_of(room)))
            .key("from")
            .string(name_of(log.origin_of(room)))
            .end_object();
    }
    writer.end_array().end_object();
    text.finish();
    return answer;
}

// As `log_levels` would have it.
std::string list_of(const LogControl& log) {
    std::string text;
    for (size_t i = 0; i < kLogRooms.size(); ++i) {
        const LogRoom room = LogRoom::at(i);
        if (log.origin_of(room) != LogControl::Origin::common) {
            text += fmt::format("{}{}:{}", text.empty() ? "" : ",", room.name(),
                                log_level_name(log.level_of(room)));
        }
    }
    return text;
}

}  // namespace

coro::Task<AdminAnswer> answer_log(AdminCall& call) {
    AdminQuery query(call.query);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    co_return tell_levels(call.backend.log());
}

coro::Task<AdminAnswer> answer_change_log(AdminCall& call) {
    const std::expected<LogChange, std::string> change = read_change(call.body);
    if (!change) {
        co_return admin_error(400, "invalid_log_levels", change.error());
    }
    LogControl& log = call.backend.log();
    log.change(*change);
    SLUICE_LOG(info, "admin", "log levels were changed", {"level", log_level_name(log.level())},
               {"rooms", list_of(log)});
    co_return tell_levels(log);
}

}  // namespace sluice::server
