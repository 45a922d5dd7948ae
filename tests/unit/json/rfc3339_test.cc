// Points in time, in both directions.
#include "json/rfc3339.h"

#include <cstdint>
#include <optional>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/writer.h"

namespace sluice::json {
namespace {

TEST(Rfc3339, ReadsAndWrites) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_rfc3339("2026-05-04T17:37:44.706015396-07:00"), 1777941464);
    EXPECT_EQ(parse_rfc3339("2024-02-29T23:59:60+01:00"), 1709247600);
    for (const std::string_view bad : {"", "2025", "2025-02-30T00:00:00Z", "2025-01-01T00:00:00",
                                       "2025-01-01T00:00:00+1", "2025-0a-01T00:00:00Z"}) {
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
    }
    Arena arena;
    ArenaText text(arena);
    append_rfc3339(text, 1777941464);
    append_rfc3339(text, INT64_MAX);
    EXPECT_EQ(text.view(), "2026-05-05T00:37:44Z1970-01-01T00:00:00Z");
}

TEST(Rfc3339, EveryDayOfACalendarReadsBack) {
    constexpr int64_t kDaySeconds = 86'400;
    constexpr int64_t kDays = int64_t{2} * 146'097;
    for (int64_t day = -kDays; day < kDays; ++day) {
        Arena arena;
        ArenaText text(arena, 32);
        append_rfc3339(text, day * kDaySeconds);
        ASSERT_EQ(parse_rfc3339(text.view()), day * kDaySeconds) << text.view();
    }
}

}  // namespace
}  // namespace sluice::json
