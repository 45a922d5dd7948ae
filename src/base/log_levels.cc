// A level a room, and the least of them.
#include "base/log_levels.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct RoomLevel {
    std::atomic<LogLevel> level = LogLevel::info;
};

constinit std::array<RoomLevel, kLogRooms.size()> room_levels = {};

}  // namespace

std::string_view log_level_name(LogLevel level) {
    return kLogLevelNames[static_cast<size_t>(level)];
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
    const auto* const found = std::ranges::find(kLogLevelNames, name);
    return found == kLogLevelNames.end()
               ? std::nullopt
               : std::optional(static_cast<LogLevel>(found - kLogLevelNames.begin()));
}

std::optional<LogRoom> LogRoom::find(std::string_view name) {
    const size_t index = index_of(name);
    return index == kLogRooms.size() ? std::nullopt : std::optional(LogRoom(index));
}

void set_log_levels(const LogLevels& levels) {
    for (size_t i = 0; i < levels.size(); ++i) {
        room_levels[i].level.store(levels[i], kRelaxed);
    }
    detail::log_level_min.store(std::ranges::min(levels), kRelaxed);
}

void set_log_level(LogLevel level) {
    LogLevels levels;
    levels.fill(level);
    set_log_levels(levels);
}

LogLevel log_level_of(LogRoom room) {
    return room_levels[room.index()].level.load(kRelaxed);
}

}  // namespace sluice
