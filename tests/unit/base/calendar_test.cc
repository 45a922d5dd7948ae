// Dates: known days, leap years, and there and back for every day of four centuries.
#include "base/calendar.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Calendar, KnowsSomeDays) {
    EXPECT_EQ(date_of(0), (Date{1970, 1, 1}));
    EXPECT_EQ(date_of(-1), (Date{1969, 12, 31}));
    EXPECT_EQ(date_of(11'016), (Date{2000, 2, 29}));
    EXPECT_EQ(date_of(20'685), (Date{2026, 8, 20}));
    EXPECT_EQ(days_since_1970({2015, 8, 30}), 16'677);
}

TEST(Calendar, GoesThereAndBack) {
    Date before = date_of(-1);
    for (int64_t day = 0; day < kDaysPerEra; ++day) {
        const Date date = date_of(day);
        ASSERT_EQ(days_since_1970(date), day);
        ASSERT_TRUE(exists(date));
        ASSERT_TRUE(date.day == before.day + 1 || date.day == 1) << day;
        before = date;
    }
}

TEST(Calendar, KnowsWhatDoesNotExist) {
    for (const Date& date :
         {Date{2026, 2, 29}, Date{2100, 2, 29}, Date{2026, 4, 31}, Date{2026, 13, 1},
          Date{2026, 0, 1}, Date{2026, 1, 0}, Date{2026, 1, 32}, Date{0, 1, 1}}) {
        EXPECT_FALSE(exists(date)) << date.year << " " << date.month << " " << date.day;
    }
    EXPECT_TRUE(exists({2024, 2, 29}));
    EXPECT_TRUE(exists({2000, 2, 29}));
}

}  // namespace
}  // namespace sluice
