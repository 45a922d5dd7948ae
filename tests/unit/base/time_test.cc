// Units of durations and instants.
#include "base/time.h"

#include "gtest/gtest.h"

namespace sluice {

namespace {

TEST(Time, UnitsConvert) {
    EXPECT_EQ(Duration::seconds(2), Duration::milliseconds(2000));
    EXPECT_EQ(Duration::milliseconds(3), Duration::microseconds(3000));
    EXPECT_EQ(Duration::microseconds(4), Duration::nanoseconds(4000));
    EXPECT_EQ(Duration::nanoseconds(1'999'999).ms(), 1);
    EXPECT_EQ(Duration::nanoseconds(1'999).us(), 1);
    EXPECT_DOUBLE_EQ(Duration::milliseconds(1500).as_seconds(), 1.5);
    EXPECT_EQ(Duration::seconds(1) * 3 - Duration::seconds(1), Duration::seconds(2));
    EXPECT_EQ(Duration::seconds(1) / 4, Duration::milliseconds(250));
}

TEST(Time, InstantsCompareAndMove) {
    const Instant start = Instant::from_ns(5);
    EXPECT_FALSE(Instant().is_set());
    EXPECT_TRUE(start.is_set());
    EXPECT_LT(start, start + Duration::nanoseconds(1));
    EXPECT_EQ((start + Duration::seconds(1)) - start, Duration::seconds(1));
    EXPECT_EQ(start + Duration::seconds(1) - Duration::seconds(1), start);
    EXPECT_LT(start + Duration::seconds(1'000'000'000), Instant::never());
}

}  // namespace

}  // namespace sluice
