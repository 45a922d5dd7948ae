// Log: what the process has to say about itself, as lines that cost a shard next to nothing.
//
//     SLUICE_LOG(warning, "net", "a connection was refused", {"peer", peer}, {"errno", code});
//
// When the level is off, nothing of it is evaluated but one comparison (base/log_levels.h).
// Otherwise the line is formatted into the shard's lane (base/log_writer.h) and a writer thread
// does the rest. The Log is found through one pointer per thread, like the frame pool, because
// lines come from everywhere. Secrets cannot be logged: there is no field of that type.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log_levels.h"  // IWYU pragma: export
#include "base/time.h"

namespace sluice {

class LogLane;
class Secret;

enum class LogFormat : uint8_t { human, json };

// A name and a value; lives as long as the full expression that logs it.
class LogField {
public:
    // Longer texts are cut: a log is no place for bodies, unless somebody has asked for them.
    static constexpr size_t kTextBytesMax = 1024;

    // A text of any length, which the caller bounds.
    static LogField whole(std::string_view name, std::string_view text) {
        LogField field(name, text);
        field.text_ = text;
        return field;
    }

    template <std::same_as<bool> T>
    LogField(std::string_view name, T value) : name_(name), kind_(Kind::boolean) {
        value_.boolean = value;
    }
    template <std::signed_integral T>
    LogField(std::string_view name, T value) : name_(name), kind_(Kind::integer) {
        value_.integer = value;
    }
    template <std::unsigned_integral T>
        requires(!std::same_as<T, bool>)
    LogField(std::string_view name, T value) : name_(name), kind_(Kind::natural) {
        value_.natural = value;
    }
    template <std::convertible_to<std::string_view> T>
    LogField(std::string_view name, const T& value)
        : name_(name), text_(std::string_view(value).substr(0, kTextBytesMax)) {}
    // Seconds, with six digits after the point.
    LogField(std::string_view name, Duration value) : name_(name), kind_(Kind::seconds) {
        value_.integer = value.ns();
    }
    // Its kind, and where it happened.
    LogField(std::string_view name, const Error& value) : name_(name), kind_(Kind::error) {
        value_.error = &value;
    }
    LogField(std::string_view name, const Secret& value) = delete;

    void append_human(std::string& line) const;
    void append_json(std::string& line) const;

private:
    enum class Kind : uint8_t { text, boolean, integer, natural, seconds, error };
    union Value {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        const Error* error;
    };

    void append_plain(std::string& line) const;

    std::string_view name_;
    std::string_view text_;
    Value value_ = {};
    Kind kind_ = Kind::text;
};

// One place in the source that logs. Repeats beyond its lines a second are counted; the count goes
// out as a field of the place's first line in a later second, or by the writer when none comes.
// Shared by all threads; static, so it lives for ever.
class LogSite {
public:
    static constexpr uint32_t kLinesPerSecond = 10;

    constexpr LogSite(LogLevel level,
                      LogRoom room,
                      std::string_view text,
                      uint32_t lines_per_second = kLinesPerSecond)
        : level_(level), room_(room), text_(text), lines_per_second_(lines_per_second) {}
    LogSite(const LogSite&) = delete;
    LogSite& operator=(const LogSite&) = delete;

    LogLevel level() const { return level_; }
    LogRoom room() const { return room_; }
    std::string_view text() const { return text_; }

    // Whether a line may be written in this second; if so, `suppressed` is how many of an earlier
    // second were not, and are now accounted for.
    bool admit(int64_t second, uint64_t& suppressed);

    // --- For the writer's thread alone.

    using Take = void (*)(void* context, const LogSite& site, int64_t second, uint64_t suppressed);
    // Takes the counts of the places that were silent since the last call, or of all places.
    static void collect_suppressed(bool of_all, Take take, void* context);
    // Whether any place has suppressed lines that are not accounted for.
    static bool has_suppressed();

private:
    void suppress();

    const LogLevel level_;
    const LogRoom room_;
    const std::string_view text_;
    const uint32_t lines_per_second_;
    std::atomic<int64_t> second_ = -1;
    std::atomic<uint32_t> lines_ = 0;
    std::atomic<uint64_t> suppressed_ = 0;
    std::atomic<bool> is_listed_ = false;
    LogSite* next_ = nullptr;   // In the list of places that suppressed a line.
    int64_t second_seen_ = -1;  // The writer's.
};

// The beginning of a line, RFC 3339 in UTC with milliseconds, formatted once per millisecond.
class LogClock {
public:
    void set(int64_t wall_clock_ns);
    int64_t second() const { return second_; }
    std::string_view text() const { return {text_, sizeof(text_)}; }
    // As web servers write it: 31/Jan/2026:23:59:59 +0000.
    std::string common_text() const;

private:
    int64_t second_ = -1;
    int64_t millisecond_ = -1;
    char text_[24] = {};  // 2026-01-31T23:59:59.123Z
};

// Appends a line with its end. `suppressed` is named when it is not 0.
void append_log_line(std::string& line,
                     LogFormat format,
                     std::string_view time,
                     const LogSite& site,
                     std::initializer_list<LogField> fields,
                     uint64_t suppressed);

// The log of one thread. Made on it and, until it dies, the one that SLUICE_LOG writes to there;
// lines of a thread without one are lost.
class Log {
public:
    Log(LogLane& lane, LogFormat format);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // Time of the lines that follow; once per turn. Nothing here reads a clock.
    void set_time(int64_t wall_clock_ns) { clock_.set(wall_clock_ns); }
    // As the lines have it, for the access log.
    std::string_view time_text() const { return clock_.text(); }

    // Unless the room's level is above the line's.
    static void write(LogSite& site, std::initializer_list<LogField> fields);

private:
    void write_here(LogSite& site, std::initializer_list<LogField> fields);

    LogLane& lane_;
    const LogFormat format_;
    LogClock clock_;
    std::string line_;  // Reused, so that a line does not allocate.
    Log* outer_;        // The log this one replaced on its thread.
};

}  // namespace sluice

// `level` is an enumerator of LogLevel; `room` and `text` are string literals, the room one of
// kLogRooms.
#define SLUICE_LOG(level, room, text, ...)                                                      \
    do {                                                                                        \
        if (::sluice::log_is_on(::sluice::LogLevel::level)) [[unlikely]] {                      \
            static constinit ::sluice::LogSite sluice_log_site(::sluice::LogLevel::level, room, \
                                                               text);                           \
            ::sluice::Log::write(sluice_log_site, {__VA_ARGS__});                               \
        }                                                                                       \
    } while (false)
