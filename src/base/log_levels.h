// Which lines are logged: a level for each room that has something to say.
//
// Levels may change at any time, from any thread. A place that logs looks at one number first, the
// least level of all rooms; only when that lets it pass does Log::write look at the room's own. So
// a room that tells everything costs the others a look, and fields that are made in vain; while
// nobody tells more than usual nothing is paid at all.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class LogLevel : uint8_t { debug, info, warning, error };

inline constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warning",
                                                                   "error"};

std::string_view log_level_name(LogLevel level);
std::optional<LogLevel> parse_log_level(std::string_view name);

// Rooms that log, by name. The first line of another one does not compile until it is named here.
inline constexpr auto kLogRooms =
    std::to_array<std::string_view>({"admin", "balance", "cache", "config", "discovery", "health",
                                     "keys", "ledger", "net", "pipeline", "server", "traces"});

// Never defined: a compiler that asks for it has met a room that is not in the list.
void no_such_log_room();

// One of them, by its place in the list.
class LogRoom {
public:
    // Implicit, so that the name of a room is one.
    consteval LogRoom(const char* name)
        : index_(static_cast<uint8_t>(index_of(std::string_view(name)))) {
        if (index_ == kLogRooms.size()) {
            no_such_log_room();
        }
    }
    static std::optional<LogRoom> find(std::string_view name);
    static constexpr LogRoom at(size_t index) { return LogRoom(index); }

    constexpr size_t index() const { return index_; }
    constexpr std::string_view name() const { return kLogRooms[index_]; }

private:
    explicit constexpr LogRoom(size_t index) : index_(static_cast<uint8_t>(index)) {}

    static constexpr size_t index_of(std::string_view name) {
        size_t index = 0;
        while (index < kLogRooms.size() && kLogRooms[index] != name) {
            ++index;
        }
        return index;
    }

    uint8_t index_;
};

// By LogRoom::index().
using LogLevels = std::array<LogLevel, kLogRooms.size()>;

void set_log_levels(const LogLevels& levels);
// All rooms alike.
void set_log_level(LogLevel level);
LogLevel log_level_of(LogRoom room);

namespace detail {
// The least of all rooms.
inline constinit std::atomic<LogLevel> log_level_min = LogLevel::info;
}  // namespace detail

// Whether some room logs at this level.
inline bool log_is_on(LogLevel level) {
    return level >= detail::log_level_min.load(std::memory_order_relaxed);
}

// Whether this one does.
inline bool log_is_on(LogRoom room, LogLevel level) {
    return log_is_on(level) && level >= log_level_of(room);
}

}  // namespace sluice
