// Days since 1970 and dates of the Gregorian calendar, for log lines, signatures and expiry times.
//
// Years are counted from March, so that the leap day is the last one. Nothing here reads a clock.
#pragma once

#include <cstdint>

namespace sluice {

constexpr int64_t kSecondsPerDay = 86'400;

struct Date {
    int64_t year = 1970;
    int64_t month = 1;  // From 1.
    int64_t day = 1;    // From 1.

    bool operator==(const Date&) const = default;
};

constexpr int64_t kDaysPerEra = 146'097;  // 400 years.
constexpr int64_t kDaysTo1970 = 719'468;  // From 1 March of the year 0.

// `days` is not before the year 0.
constexpr Date date_of(int64_t days) {
    const int64_t shifted = days + kDaysTo1970;
    const int64_t era = shifted / kDaysPerEra;
    const int64_t day_of_era = shifted % kDaysPerEra;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return {.year = era * 400 + year_of_era + (month <= 2 ? 1 : 0),
            .month = month,
            .day = day_of_year - (153 * march_month + 2) / 5 + 1};
}

// The inverse. `date` exists and is not before March of the year 0.
constexpr int64_t days_since_1970(const Date& date) {
    const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
    const int64_t march_month = date.month > 2 ? date.month - 3 : date.month + 9;
    const int64_t year_of_era = year % 400;
    const int64_t day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
    const int64_t day_of_era =
        365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return year / 400 * kDaysPerEra + day_of_era - kDaysTo1970;
}

// Whether there is such a day, from the year 1 on.
constexpr bool exists(const Date& date) {
    return date.year >= 1 && date.month >= 1 && date.month <= 12 && date.day >= 1 &&
           date.day <= 31 && date_of(days_since_1970(date)) == date;
}

}  // namespace sluice
