// How long a provider asks to be left alone, whichever way it says so.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "http/header_map.h"
#include "json/tree.h"
#include "providers/provider_error.h"

namespace sluice::providers {

namespace {

constexpr Duration kUnknown = Duration::milliseconds(-1);
// Whoever asks for more means "not today", which is all that one can do with it.
constexpr double kSecondsMax = 30.0 * 24 * 3600;
constexpr double kNanosecondsPerSecond = 1e9;

Duration from_seconds(double seconds) {
    return Duration::nanoseconds(
        static_cast<int64_t>(std::clamp(seconds, 0.0, kSecondsMax) * kNanosecondsPerSecond));
}

// A number at the front of `text`, which is advanced behind it.
std::optional<double> take_number(std::string_view& text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (error != std::errc() || !(value >= 0)) {
        return std::nullopt;
    }
    text = {rest, end};
    return value;
}

std::optional<double> whole_number(std::string_view text) {
    const std::optional<double> value = take_number(text);
    return text.empty() ? value : std::nullopt;
}

struct Unit {
    std::string_view name;
    double seconds;
};

// Longer names first.
constexpr std::array<Unit, 4> kUnits = {{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}}};

// "48s", "120ms", "1h0m0s", "1m2.5s".
std::optional<double> parse_duration(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    double seconds = 0;
    while (!text.empty()) {
        const std::optional<double> value = take_number(text);
        const auto* const unit = std::ranges::find_if(
            kUnits, [text](const Unit& candidate) { return text.starts_with(candidate.name); });
        if (!value || unit == kUnits.end()) {
            return std::nullopt;
        }
        seconds += *value * unit->seconds;
        text.remove_prefix(unit->name.size());
    }
    return seconds;
}

// Days since 1970 of a date in the Gregorian calendar; years are counted from March.
int64_t days_of(int64_t year, int64_t month, int64_t day) {
    constexpr int64_t kDaysTo1970 = 719468;
    year -= month <= 2 ? 1 : 0;
    const int64_t month_from_march = (month + 9) % 12;
    const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - kDaysTo1970;
}

// The form that servers send (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<int64_t> parse_http_date(std::string_view text) {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    constexpr size_t kBytes = 29;
    if (text.size() != kBytes || !text.ends_with(" GMT")) {
        return std::nullopt;
    }
    const auto day = parse_decimal(text.substr(5, 2));
    const size_t month = kMonths.find(text.substr(8, 3));
    const auto year = parse_decimal(text.substr(12, 4));
    const auto hour = parse_decimal(text.substr(17, 2));
    const auto minute = parse_decimal(text.substr(20, 2));
    const auto second = parse_decimal(text.substr(23, 2));
    if (!day || !year || !hour || !minute || !second || month == kMonths.npos || month % 3 != 0) {
        return std::nullopt;
    }
    const int64_t days = days_of(static_cast<int64_t>(*year), static_cast<int64_t>(month / 3 + 1),
                                 static_cast<int64_t>(*day));
    return ((days * 24 + static_cast<int64_t>(*hour)) * 60 + static_cast<int64_t>(*minute)) * 60 +
           static_cast<int64_t>(*second);
}

std::string_view value_of(const http::HeaderMap& headers, std::string_view name) {
    const http::HeaderField* const field = headers.find(name);
    return field == nullptr ? std::string_view() : field->value;
}

std::optional<double> from_retry_headers(const http::HeaderMap& headers, int64_t now_s) {
    if (const auto ms = whole_number(value_of(headers, "retry-after-ms"))) {
        return *ms / 1000;
    }
    const std::string_view value = value_of(headers, "retry-after");
    if (const auto seconds = whole_number(value)) {
        return seconds;
    }
    const std::optional<int64_t> date = parse_http_date(value);
    return date ? std::optional(static_cast<double>(*date - now_s)) : std::nullopt;
}

// Google says it in error.details: {"@type": "…RetryInfo", "retryDelay": "48s"}.
std::optional<double> from_google_details(std::string_view body) {
    if (body.find("retryDelay") == body.npos) {
        return std::nullopt;
    }
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::upstream);
    if (!tree) {
        return std::nullopt;
    }
    const json::Value& root = **tree;
    const json::Value& object = root.is_array() && root.size() > 0 ? *root.begin() : root;
    for (const json::Value& detail : object["error"]["details"]) {
        if (const auto seconds = parse_duration(detail["retryDelay"].text().raw)) {
            return seconds;
        }
    }
    return std::nullopt;
}

// When nothing is left of an allowance, the time at which it is filled again.
std::optional<double> from_allowance(const http::HeaderMap& headers) {
    struct Allowance {
        std::string_view remaining;
        std::string_view reset;
    };
    static constexpr std::array<Allowance, 2> kAllowances = {
        {{"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
         {"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"}}};
    for (const Allowance& allowance : kAllowances) {
        if (value_of(headers, allowance.remaining) == "0") {
            if (const auto seconds = parse_duration(value_of(headers, allowance.reset))) {
                return seconds;
            }
        }
    }
    return std::nullopt;
}

}  // namespace

Duration read_retry_after(const http::HeaderMap& headers, std::string_view body, int64_t now_s) {
    std::optional<double> seconds = from_retry_headers(headers, now_s);
    if (!seconds) {
        seconds = from_google_details(body);
    }
    if (!seconds) {
        seconds = from_allowance(headers);
    }
    return seconds ? from_seconds(*seconds) : kUnknown;
}

}  // namespace sluice::providers
