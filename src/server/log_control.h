// LogControl: who has said what level each room logs at.
//
// A level that was asked for while the gateway runs comes before the one of the configuration, and
// a room's own before the common one. A configuration that comes into force, by a start or a
// reload, takes back all that was asked for. Control thread; what results is in
// base/log_levels.h, for every thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log_levels.h"
#include "server/options.h"

namespace sluice::server {

// What is asked for. No level goes back to that of the configuration.
struct LogChange {
    using Wish = std::optional<LogLevel>;

    std::optional<Wish> level;  // The common one.
    std::vector<std::pair<LogRoom, Wish>> rooms;

    bool is_empty() const { return !level && rooms.empty(); }
};

class LogControl {
public:
    // Where a room's level is from.
    enum class Origin : uint8_t { common, configuration, request };

    // The options have passed the checks of their table.
    void configure(const ServerOptions& options);
    void change(const LogChange& change);

    LogLevel level() const { return asked_.value_or(configured_); }
    LogLevel configured_level() const { return configured_; }
    LogLevel level_of(LogRoom room) const;
    Origin origin_of(LogRoom room) const;

private:
    struct Room {
        std::optional<LogLevel> configured;
        std::optional<LogLevel> asked;
    };

    void put_in_force() const;

    LogLevel configured_ = LogLevel::info;
    std::optional<LogLevel> asked_;
    std::array<Room, kLogRooms.size()> rooms_;
};

std::string_view name_of(LogControl::Origin origin);

}  // namespace sluice::server
