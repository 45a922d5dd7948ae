// Replies: what goes in comes out, slices keep it alive, and it is played at either pace.
#include "cache/reply.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "gtest/gtest.h"

namespace sluice::cache {

namespace {

constexpr auto kParts = std::to_array<std::string_view>({"one ", "", "two ", "three"});
constexpr auto kMarks = std::to_array<PieceMark>({{4, 0}, {8, 10}, {13, 500}});
const Instant kBegan = Instant::from_ns(5'000'000'000);

ReplyRef stream() {
    return Reply::make({.status = 201,
                        .form = ReplyForm::stream,
                        .content_type = "text/event-stream",
                        .note = "n"},
                       kParts, kMarks);
}

TEST(ReplyTest, KeepsEverything) {
    const ReplyRef reply = stream();
    EXPECT_EQ(reply->head().status, 201);
    EXPECT_EQ(reply->head().form, ReplyForm::stream);
    EXPECT_EQ(reply->head().content_type, "text/event-stream");
    EXPECT_EQ(reply->head().note, "n");
    EXPECT_EQ(reply->body(), "one two three");
    ASSERT_EQ(reply->marks().size(), 3U);
    EXPECT_EQ(reply->marks()[2].end_bytes, 13U);
    EXPECT_EQ(reply->marks()[2].at_ms, 500U);
    EXPECT_GE(reply->memory_bytes(), sizeof(Reply) + 3 * sizeof(PieceMark) + 17 + 1 + 13);
    const ReplyRef nothing = Reply::make({}, {}, {});
    EXPECT_EQ(nothing->body(), "");
    EXPECT_EQ(nothing->head().content_type, "");
}

TEST(ReplyTest, ASliceKeepsItAlive) {
    Slice slice = slice_of(stream(), 4, 3);
    EXPECT_EQ(slice.view(), "two");
    const Slice shared = slice.share(1, 2);
    slice.reset();
    EXPECT_EQ(shared.view(), "wo");
}

TEST(ReplyTest, PlaysAtOnce) {
    Replay replay(stream(), ReplayPace::at_once, kBegan);
    SliceQueue to;
    EXPECT_EQ(replay.next_due(), kBegan);
    replay.take_due(kBegan, 6, to);
    EXPECT_EQ(to.to_string(), "one tw");
    EXPECT_FALSE(replay.is_over());
    replay.take_due(kBegan, 100, to);
    EXPECT_EQ(to.to_string(), "one two three");
    EXPECT_TRUE(replay.is_over());
    EXPECT_EQ(replay.next_due(), Instant::never());
}

TEST(ReplyTest, PlaysAtItsPace) {
    Replay replay(stream(), ReplayPace::original, kBegan);
    std::vector<std::string> pieces;
    while (!replay.is_over()) {
        const Instant due = replay.next_due();
        SliceQueue to;
        replay.take_due(due - Duration::milliseconds(1), 100, to);
        EXPECT_TRUE(to.empty());
        replay.take_due(due, 100, to);
        pieces.push_back(std::to_string((due - kBegan).ms()) + " " + to.to_string());
    }
    EXPECT_EQ(pieces, (std::vector<std::string>{"0 one ", "10 two ", "500 three"}));
}

TEST(ReplyTest, ALatePlayerTakesWholePiecesUpToItsLimit) {
    Replay replay(stream(), ReplayPace::original, kBegan);
    SliceQueue to;
    replay.take_due(kBegan + Duration::seconds(2), 8, to);
    EXPECT_EQ(to.to_string(), "one two ");
    replay.take_due(kBegan + Duration::seconds(2), 1, to);
    EXPECT_EQ(to.to_string(), "one two three");
    EXPECT_TRUE(replay.is_over());
}

TEST(ReplyTest, AWholeAnswerHasNoPace) {
    const std::string_view body = "{}";
    Replay replay(Reply::make({}, {&body, 1}, {}), ReplayPace::original, kBegan);
    SliceQueue to;
    replay.take_due(kBegan, 100, to);
    EXPECT_EQ(to.to_string(), "{}");
}

}  // namespace

}  // namespace sluice::cache
