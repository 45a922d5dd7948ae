// The levels that result, and where each is from.
#include "server/log_control.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/log_levels.h"
#include "server/options.h"

namespace sluice::server {

void LogControl::configure(const ServerOptions& options) {
    configured_ = options.log_level;
    asked_.reset();
    rooms_ = {};
    for (const std::string& entry : options.log_levels) {
        const std::string_view text = entry;
        const size_t colon = text.find(':');
        const std::optional<LogRoom> room = LogRoom::find(text.substr(0, colon));
        SLUICE_ASSERT(room.has_value() && colon != std::string_view::npos);
        rooms_[room->index()].configured = parse_log_level(text.substr(colon + 1));
    }
    put_in_force();
}

void LogControl::change(const LogChange& change) {
    if (change.level) {
        asked_ = *change.level;
    }
    for (const auto& [room, wish] : change.rooms) {
        rooms_[room.index()].asked = wish;
    }
    put_in_force();
}

LogLevel LogControl::level_of(LogRoom room) const {
    const Room& own = rooms_[room.index()];
    return own.asked ? *own.asked : own.configured.value_or(level());
}

LogControl::Origin LogControl::origin_of(LogRoom room) const {
    const Room& own = rooms_[room.index()];
    return own.asked ? Origin::request : own.configured ? Origin::configuration : Origin::common;
}

void LogControl::put_in_force() const {
    LogLevels levels;
    for (size_t i = 0; i < levels.size(); ++i) {
        levels[i] = level_of(LogRoom::at(i));
    }
    set_log_levels(levels);
}

std::string_view name_of(LogControl::Origin origin) {
    switch (origin) {
        case LogControl::Origin::common:
            return "common";
        case LogControl::Origin::configuration:
            return "configuration";
        case LogControl::Origin::request:
            return "request";
    }
    SLUICE_UNREACHABLE();
}

}  // namespace sluice::server
