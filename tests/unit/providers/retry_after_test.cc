// How long providers ask to be left alone.
#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/time.h"
#include "http/header_map.h"
#include "providers/provider_error.h"

namespace sluice::providers {

namespace {

using Line = std::pair<std::string_view, std::string_view>;

// 6 November 1994, 08:49:37 GMT.
constexpr int64_t kNow = 784111777;

int64_t wait_ms(std::initializer_list<Line> lines, std::string_view body = "") {
    std::array<http::HeaderField, 8> fields;
    http::HeaderMap headers(fields);
    for (const auto& [name, value] : lines) {
        EXPECT_TRUE(headers.add(name, value));
    }
    return read_retry_after(headers, body, kNow).ms();
}

TEST(RetryAfter, NothingIsNotZero) {
    EXPECT_LT(wait_ms({}), 0);
    EXPECT_LT(wait_ms({{"retry-after", "soon"}}), 0);
    EXPECT_LT(wait_ms({{"retry-after", "-5"}}), 0);
    EXPECT_LT(wait_ms({}, "not JSON, but with a retryDelay"), 0);
    EXPECT_EQ(wait_ms({{"retry-after", "0"}}), 0);
}

TEST(RetryAfter, MillisecondsGoBeforeSeconds) {
    EXPECT_EQ(wait_ms({{"retry-after", "7"}}), 7000);
    EXPECT_EQ(wait_ms({{"Retry-After", "0.5"}}), 500);
    EXPECT_EQ(wait_ms({{"retry-after", "7"}, {"retry-after-ms", "6450"}}), 6450);
    EXPECT_EQ(wait_ms({{"retry-after", "1"}, {"retry-after-ms", "0"}}), 0);
}

TEST(RetryAfter, Dates) {
    EXPECT_EQ(wait_ms({{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}}), 10'000);
    EXPECT_EQ(wait_ms({{"retry-after", "Mon, 07 Nov 1994 08:49:37 GMT"}}), 86'400'000);
    EXPECT_EQ(wait_ms({{"retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"}}), 0);
    EXPECT_LT(wait_ms({{"retry-after", "Sun, 06 Xyz 1994 08:49:37 GMT"}}), 0);
}

TEST(RetryAfter, FarTimesAreKeptInBounds) {
    EXPECT_EQ(wait_ms({{"retry-after", "99999999999999999999"}}), int64_t{30} * 86'400'000);
}

TEST(RetryAfter, GoogleSaysItInTheBody) {
    constexpr std::string_view kBody =
        R"({"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.Help"},)"
        R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"48.5s"}]}})";
    EXPECT_EQ(wait_ms({}, kBody), 48'500);
    EXPECT_EQ(wait_ms({{"retry-after", "2"}}, kBody), 2000);
    EXPECT_EQ(wait_ms({}, R"([{"error":{"details":[{"retryDelay":"3s"}]}}])"), 3000);
}

TEST(RetryAfter, AnAllowanceThatIsUsedUp) {
    EXPECT_EQ(wait_ms({{"x-ratelimit-remaining-requests", "0"},
                       {"x-ratelimit-reset-requests", "1m2.5s"}}),
              62'500);
    EXPECT_EQ(wait_ms({{"x-ratelimit-remaining-requests", "5"},
                       {"x-ratelimit-reset-requests", "1m"},
                       {"x-ratelimit-remaining-tokens", "0"},
                       {"x-ratelimit-reset-tokens", "120ms"}}),
              120);
    EXPECT_LT(
        wait_ms({{"x-ratelimit-remaining-requests", "5"}, {"x-ratelimit-reset-requests", "1m"}}),
        0);
}

}  // namespace

}  // namespace sluice::providers
