// What is kept of a body: no more than the limit, cut between characters, and let go of in time.
#include "trace/content.h"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "trace/lane.h"
#include "trace/record.h"

namespace sluice::trace {
namespace {

KeptBody kept(std::string_view body, size_t piece_bytes, size_t bytes_max) {
    KeptBody kept;
    for (size_t at = 0; at < body.size(); at += piece_bytes) {
        kept.add(body.substr(at, piece_bytes), bytes_max);
    }
    return kept;
}

TEST(KeptBody, KeepsWhatHasRoomHoweverItComes) {
    const std::string body = "0123456789";
    for (size_t piece = 1; piece <= body.size(); ++piece) {
        const KeptBody whole = kept(body, piece, 10);
        EXPECT_EQ(whole.view(), body) << piece;
        EXPECT_FALSE(whole.is_cut()) << piece;
        const KeptBody cut = kept(body, piece, 9);
        EXPECT_EQ(cut.view(), "012345678") << piece;
        EXPECT_TRUE(cut.is_cut()) << piece;
    }
}

TEST(KeptBody, IsEmptyWithoutABody) {
    const KeptBody none = kept("", 1, 10);
    EXPECT_EQ(none.view(), "");
    EXPECT_FALSE(none.is_cut());
    EXPECT_EQ(none.capacity(), 0U);
}

TEST(KeptBody, IsCutBetweenCharacters) {
    const std::string body = "a\u00e9\u20ac\U0001F600z";  // 1, 2, 3, 4 and 1 bytes.
    const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t bytes_max = 1; bytes_max <= body.size(); ++bytes_max) {
        for (const size_t piece : {size_t{1}, size_t{3}, body.size()}) {
            const KeptBody cut = kept(body, piece, bytes_max);
            EXPECT_EQ(cut.view(), body.substr(0, whole[bytes_max])) << bytes_max << " " << piece;
            EXPECT_EQ(cut.is_cut(), bytes_max < body.size()) << bytes_max << " " << piece;
        }
    }
}

// Bytes that are no characters are no reason to keep less.
TEST(KeptBody, IsCutAtTheLimitWhereItIsNoText) {
    EXPECT_EQ(kept("\x80\x80\x80\x80\x80\x80", 2, 5).view(), "\x80\x80\x80\x80\x80");
}

TEST(KeptBody, TakesNoMoreMemoryThanTheLimit) {
    const std::string body(100'000, 'x');
    for (const size_t bytes_max : {size_t{100}, size_t{5'000}, size_t{16'384}}) {
        for (const size_t piece : {size_t{7}, size_t{1'500}, body.size()}) {
            const KeptBody cut = kept(body, piece, bytes_max);
            EXPECT_EQ(cut.view().size(), bytes_max);
            EXPECT_LE(cut.capacity(), bytes_max) << piece;
        }
    }
}

TEST(Lane, LetsGoOfContentWhenItsRecordWasRead) {
    Lane lane(2);
    std::weak_ptr<const Content> watched;
    {
        const auto content = std::make_shared<const Content>();
        watched = content;
        Record* const record = lane.begin();
        ASSERT_NE(record, nullptr);
        EXPECT_EQ(record->content, nullptr);
        record->content = content;
        lane.publish();
    }
    ASSERT_NE(lane.front(), nullptr);
    EXPECT_NE(lane.front()->content, nullptr);
    lane.pop();
    EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace sluice::trace
