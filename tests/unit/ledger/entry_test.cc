// Entries: texts that are cut, ids that sort by time, what databases get of odd bytes.
#include "ledger/entry.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "ledger/bounded_text.h"
#include "ledger/columns.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

TEST(BoundedTextTest, CutsBetweenCharacters) {
    using Short = BoundedText<5>;
    EXPECT_EQ(Short().view(), "");
    EXPECT_EQ(Short("abc").view(), "abc");
    EXPECT_EQ(Short("abcde").view(), "abcde");
    EXPECT_EQ(Short("abcdefg").view(), "abcde");
    EXPECT_EQ(Short("abcdé").view(), "abcd");
    EXPECT_EQ(Short("ab\u20acd").view(), "ab\u20ac");
    EXPECT_EQ(Short("abc\u20ac").view(), "abc");
    EXPECT_EQ(Short("\x80\x80\x80\x80\x80\x80").view(), "");
}

TEST(EntryIdTest, SortsByTimeAndDiffersByTheRest) {
    const EntryId early = EntryId::make(1, UINT64_MAX);
    const EntryId late = EntryId::make(256, 0);
    EXPECT_LT(early.bytes, late.bytes);
    EXPECT_NE(EntryId::make(1, 1), EntryId::make(1, 2));
    EXPECT_EQ(late.bytes[6], 1);
    EXPECT_EQ(early.bytes[15], 255);
}

TEST(ColumnsTest, EachMemberOfAnEntryHasOne) {
    Entry entry = test::sample_entry(7);
    entry.ending = Ending::coalesced;
    size_t ids = 0;
    for (const Column& column : columns()) {
        ids += column.is_id() ? 1 : 0;
        EXPECT_FALSE(column.number != nullptr && column.text != nullptr) << column.name;
        if (column.name == "ending") {
            EXPECT_EQ(column.text(entry), "coalesced");
        } else if (column.name == "latency_ms") {
            EXPECT_EQ(column.number(entry), 1'234);
        }
    }
    EXPECT_EQ(ids, 1U);
    EXPECT_EQ(columns().size(), 25U);
    const std::string names = column_names();
    EXPECT_TRUE(names.starts_with("id, started_at_ns, "));
    EXPECT_EQ(std::ranges::count(names, ','), 24);
}

TEST(CleanTest, LeavesGoodTextsAndReplacesTheRest) {
    std::string scratch;
    const std::string_view plain = "gpt-4o 'x' \"y\"";
    EXPECT_EQ(clean(plain, scratch).data(), plain.data());
    EXPECT_EQ(clean("", scratch), "");
    EXPECT_EQ(clean("é\u20ac", scratch), "é\u20ac");
    EXPECT_EQ(clean(std::string_view("a\0b\n\x7f", 5), scratch), "a?b??");
    EXPECT_EQ(clean("a\xff\xc3", scratch), "a??");
}

}  // namespace
}  // namespace sluice::ledger
