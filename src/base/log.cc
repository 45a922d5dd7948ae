// Formatting of log lines, and the count of those that are held back.
#include "base/log.h"

#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/calendar.h"
#include "base/error.h"
#include "base/log_writer.h"
#include "base/text.h"

namespace sluice {

namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kMsPerSecond = 1'000;

// tidy:allow(thread-local) log lines come from everywhere, the shard's log is found without help
thread_local constinit Log* current_log = nullptr;

constinit std::atomic<LogSite*> suppressing_sites = nullptr;

// Digits of a field of fixed width.
void put_digits(char* to, int64_t value, int width) {
    for (int i = width - 1; i >= 0; --i) {
        to[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
}

void put_date(char* to, int64_t days) {
    const Date date = date_of(days);
    put_digits(to, date.year, 4);
    to[4] = '-';
    put_digits(to + 5, date.month, 2);
    to[7] = '-';
    put_digits(to + 8, date.day, 2);
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) {
        return true;
    }
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return true;
        }
    }
    return false;
}

void append_quoted(std::string& line, std::string_view text) {
    line += '"';
    append_json_escaped(line, text);
    line += '"';
}

template <class T>
void append_number(std::string& line, T value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    line.append(digits, end);
}

}  // namespace

// --- LogField ----------------------------------------------------------------------------------

void LogField::append_plain(std::string& line) const {
    switch (kind_) {
        case Kind::boolean:
            line += value_.boolean ? "true" : "false";
            break;
        case Kind::integer:
            append_number(line, value_.integer);
            break;
        case Kind::natural:
            append_number(line, value_.natural);
            break;
        case Kind::seconds:
            append_seconds(line, value_.integer);
            break;
        case Kind::text:
        case Kind::error:
            break;
    }
}

void LogField::append_human(std::string& line) const {
    line += ' ';
    line += name_;
    line += '=';
    if (kind_ == Kind::error) {
        const Error& error = *value_.error;
        line += error_kind_name(error.kind);
        line += " where=";
        append_quoted(line, error.where);
        if (error.os_errno != 0) {
            line += " errno=";
            append_number(line, error.os_errno);
        }
    } else if (kind_ != Kind::text) {
        append_plain(line);
    } else if (needs_quotes(text_)) {
        append_quoted(line, text_);
    } else {
        line += text_;
    }
}

void LogField::append_json(std::string& line) const {
    line += ",\"";
    line += name_;
    line += "\":";
    if (kind_ == Kind::error) {
        const Error& error = *value_.error;
        append_quoted(line, error_kind_name(error.kind));
        line += ",\"where\":";
        append_quoted(line, error.where);
        if (error.os_errno != 0) {
            line += ",\"errno\":";
            append_number(line, error.os_errno);
        }
    } else if (kind_ == Kind::text) {
        append_quoted(line, text_);
    } else {
        append_plain(line);
    }
}

void append_log_line(std::string& line,
                     LogFormat format,
                     std::string_view time,
                     const LogSite& site,
                     std::initializer_list<LogField> fields,
                     uint64_t suppressed) {
    if (format == LogFormat::json) {
        line += "{\"time\":\"";
        line += time;
        line += "\",\"level\":\"";
        line += log_level_name(site.level());
        line += "\",\"room\":\"";
        line += site.room().name();
        line += "\",\"text\":";
        append_quoted(line, site.text());
    } else {
        line += time;
        line += ' ';
        line += log_level_name(site.level());
        line += ' ';
        line += site.room().name();
        line += ": ";
        line += site.text();
    }
    const auto append = [&line, format](const LogField& field) {
        format == LogFormat::json ? field.append_json(line) : field.append_human(line);
    };
    for (const LogField& field : fields) {
        append(field);
    }
    if (suppressed > 0) {
        append({"suppressed", suppressed});
    }
    line += format == LogFormat::json ? "}\n" : "\n";
}

// --- LogSite -----------------------------------------------------------------------------------

bool LogSite::admit(int64_t second, uint64_t& suppressed) {
    int64_t seen = second_.load(std::memory_order_relaxed);
    if (seen != second && second_.compare_exchange_strong(seen, second)) {
        lines_.store(0, std::memory_order_relaxed);
    }
    if (lines_.load(std::memory_order_relaxed) >= lines_per_second_ ||
        lines_.fetch_add(1, std::memory_order_relaxed) >= lines_per_second_) {
        suppress();
        return false;
    }
    suppressed = suppressed_.load(std::memory_order_relaxed) == 0
                     ? 0
                     : suppressed_.exchange(0, std::memory_order_relaxed);
    return true;
}

void LogSite::suppress() {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    if (is_listed_.load(std::memory_order_relaxed) || is_listed_.exchange(true)) {
        return;
    }
    LogSite* first = suppressing_sites.load(std::memory_order_relaxed);
    do {
        next_ = first;
    } while (!suppressing_sites.compare_exchange_weak(first, this, std::memory_order_release,
                                                      std::memory_order_relaxed));
}

bool LogSite::has_suppressed() {
    const LogSite* site = suppressing_sites.load(std::memory_order_acquire);
    while (site != nullptr && site->suppressed_.load(std::memory_order_relaxed) == 0) {
        site = site->next_;
    }
    return site != nullptr;
}

void LogSite::collect_suppressed(bool of_all, Take take, void* context) {
    LogSite* site = suppressing_sites.load(std::memory_order_acquire);
    for (; site != nullptr; site = site->next_) {
        const int64_t second = site->second_.load(std::memory_order_relaxed);
        if (site->suppressed_.load(std::memory_order_relaxed) == 0) {
            continue;
        }
        if (std::exchange(site->second_seen_, second) != second && !of_all) {
            continue;  // It may still be at it: its next line tells.
        }
        const uint64_t count = site->suppressed_.exchange(0, std::memory_order_relaxed);
        if (count > 0) {
            take(context, *site, second, count);
        }
    }
}

// --- LogClock ----------------------------------------------------------------------------------

void LogClock::set(int64_t wall_clock_ns) {
    const int64_t millisecond = wall_clock_ns > 0 ? wall_clock_ns / kNsPerMs : 0;
    if (millisecond == millisecond_) {
        return;
    }
    millisecond_ = millisecond;
    const int64_t second = millisecond / kMsPerSecond;
    if (second != second_) {
        second_ = second;
        const int64_t second_of_day = second % kSecondsPerDay;
        put_date(text_, second / kSecondsPerDay);
        text_[10] = 'T';
        put_digits(text_ + 11, second_of_day / 3'600, 2);
        text_[13] = ':';
        put_digits(text_ + 14, second_of_day / 60 % 60, 2);
        text_[16] = ':';
        put_digits(text_ + 17, second_of_day % 60, 2);
        text_[19] = '.';
        text_[23] = 'Z';
    }
    put_digits(text_ + 20, millisecond % kMsPerSecond, 3);
}

std::string LogClock::common_text() const {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::string_view iso = text();
    const auto month = static_cast<size_t>((iso[5] - '0') * 10 + (iso[6] - '0') - 1);
    std::string common(iso.substr(8, 2));
    common += '/';
    common += kMonths.substr(month * 3, 3);
    common += '/';
    common += iso.substr(0, 4);
    common += ':';
    common += iso.substr(11, 8);
    common += " +0000";
    return common;
}

// --- Log ---------------------------------------------------------------------------------------

Log::Log(LogLane& lane, LogFormat format)
    : lane_(lane), format_(format), outer_(std::exchange(current_log, this)) {
    clock_.set(0);
}

Log::~Log() {
    current_log = outer_;
}

void Log::write(LogSite& site, std::initializer_list<LogField> fields) {
    if (current_log != nullptr && log_is_on(site.room(), site.level())) {
        current_log->write_here(site, fields);
    }
}

void Log::write_here(LogSite& site, std::initializer_list<LogField> fields) {
    uint64_t suppressed = 0;
    if (site.admit(clock_.second(), suppressed)) {
        line_.clear();
        append_log_line(line_, format_, clock_.text(), site, fields, suppressed);
        static_cast<void>(lane_.push(line_));  // The lane counts what it drops.
    }
}

}  // namespace sluice
