// Everything has its fixed place but the fraction.
#include "json/rfc3339.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/calendar.h"
#include "base/text.h"
#include "json/writer.h"

namespace sluice::json {

namespace {

constexpr int64_t kHourSeconds = 3'600;
constexpr int64_t kMinuteSeconds = 60;

// The digits at [at, at + size), or -1.
int64_t digits_at(std::string_view text, size_t at, size_t size) {
    if (text.size() < at + size) {
        return -1;
    }
    const std::optional<uint64_t> value = parse_decimal(text.substr(at, size));
    return value ? static_cast<int64_t>(*value) : -1;
}

// "Z" or "+hh:mm", in seconds east of Greenwich.
std::optional<int64_t> read_zone(std::string_view zone) {
    if (zone == "Z" || zone == "z") {
        return 0;
    }
    constexpr size_t kZoneBytes = 6;
    const int64_t hours = digits_at(zone, 1, 2);
    const int64_t minutes = digits_at(zone, 4, 2);
    if (zone.size() != kZoneBytes || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' ||
        hours < 0 || minutes < 0) {
        return std::nullopt;
    }
    const int64_t east = hours * kHourSeconds + minutes * kMinuteSeconds;
    return zone[0] == '-' ? -east : east;
}

void append_padded(TextOutput& to, uint64_t value, size_t width) {
    constexpr size_t kDigitsMax = 20;
    char digits[kDigitsMax];
    const size_t size = write_decimal(value, digits);
    for (size_t i = size; i < width; ++i) {
        to.append('0');
    }
    to.append(std::string_view(digits, size));
}

}  // namespace

std::optional<int64_t> parse_rfc3339(std::string_view text) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00";
    if (text.size() < kForm.size()) {
        return std::nullopt;
    }
    for (size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] != '0' && text[i] != kForm[i]) {
            return std::nullopt;
        }
    }
    const Date date = {digits_at(text, 0, 4), digits_at(text, 5, 2), digits_at(text, 8, 2)};
    const int64_t hour = digits_at(text, 11, 2);
    const int64_t minute = digits_at(text, 14, 2);
    const int64_t second = digits_at(text, 17, 2);
    const bool is_time =
        hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
    if (!is_time || !exists(date)) {
        return std::nullopt;
    }
    size_t zone = kForm.size();
    if (zone < text.size() && text[zone] == '.') {
        zone = text.find_first_not_of("0123456789", zone + 1);
    }
    const std::optional<int64_t> east =
        zone < text.size() ? read_zone(text.substr(zone)) : std::nullopt;
    if (!east) {
        return std::nullopt;
    }
    return days_since_1970(date) * kSecondsPerDay + hour * kHourSeconds + minute * kMinuteSeconds +
           second - *east;
}

void append_rfc3339(TextOutput& to, int64_t seconds) {
    constexpr int64_t kYear10000Seconds = 253'402'300'800;
    constexpr int64_t kYear0Seconds = -62'167'219'200;
    if (seconds < kYear0Seconds || seconds >= kYear10000Seconds) {
        seconds = 0;
    }
    const int64_t of_day = (seconds % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
    const Date date = date_of((seconds - of_day) / kSecondsPerDay);
    const auto rest = static_cast<uint64_t>(of_day);
    append_padded(to, static_cast<uint64_t>(date.year), 4);
    to.append('-');
    append_padded(to, static_cast<uint64_t>(date.month), 2);
    to.append('-');
    append_padded(to, static_cast<uint64_t>(date.day), 2);
    to.append('T');
    append_padded(to, rest / kHourSeconds, 2);
    to.append(':');
    append_padded(to, rest % kHourSeconds / kMinuteSeconds, 2);
    to.append(':');
    append_padded(to, rest % kMinuteSeconds, 2);
    to.append('Z');
}

}  // namespace sluice::json
