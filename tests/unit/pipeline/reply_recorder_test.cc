// What a recorded answer says of itself, and where its usage chunk is found.
#include "pipeline/reply_recorder.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cache/live_reply.h"
#include "cache/reply.h"
#include "gtest/gtest.h"
#include "pipeline/reply_note.h"

namespace sluice::pipeline {

namespace {

const std::string kWord = "data: {\"usage\":null,\"choices\":[{\"index\":0}]}\n\n";
const std::string kUsage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

TEST(ReplyNote, IsReadAsItWasWritten) {
    const ReplyNote note = {.usage = {.prompt_tokens = 1,
                                      .completion_tokens = 2,
                                      .cached_tokens = 3,
                                      .reasoning_tokens = uint64_t{1} << 40U,
                                      .is_known = true},
                            .tells_usage = true,
                            .chunk_begin = 4,
                            .chunk_end = 5};
    const ReplyNote read = ReplyNote::read(note.text());
    EXPECT_EQ(read.text(), note.text());
    EXPECT_EQ(read.usage.reasoning_tokens, uint64_t{1} << 40U);
    EXPECT_TRUE(read.usage.is_known);
    for (const std::string_view text : {"", "1 2", "1 2 3 4 5 6 7 8 x ", "-1 0 0 0 0 0 0 0 0 "}) {
        EXPECT_FALSE(ReplyNote::read(text).tells_usage) << text;
        EXPECT_FALSE(ReplyNote::read(text).usage.is_known) << text;
    }
}

// Over every cut of the stream into two pieces.
TEST(ReplyRecorder, FindsEventsAndTheUsageChunkInAnyPieces) {
    const std::string stream = kWord + kUsage + kDone;
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
        cache::RecordingBudget budget{.bytes_max = 1 << 20};
        cache::Recording recording(budget, 1 << 20);
        ReplyRecorder recorder;
        recorder.use(recording);
        recorder.begin({.status = 200, .content_type = "Text/Event-Stream; charset=utf-8"}, true,
                       Instant());
        recorder.body(std::string_view(stream).substr(0, cut), Instant());
        recorder.body(std::string_view(stream).substr(cut), Instant());
        ASSERT_TRUE(recorder.is_at_boundary());
        const ReplyNote note = recorder.note({}, true);
        EXPECT_TRUE(note.tells_usage);
        EXPECT_EQ(note.chunk_begin, kWord.size());
        EXPECT_EQ(note.chunk_end, kWord.size() + kUsage.size());
        const cache::ReplyRef reply = recording.finish(note.text());
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->body(), stream);
        EXPECT_EQ(reply->marks().size(), 3U) << cut;
        EXPECT_EQ(reply->head().note, note.text());
        EXPECT_EQ(reply->head().form, cache::ReplyForm::stream);
    }
}

TEST(ReplyRecorder, KnowsACutEventAndAWholeWithoutItsEnd) {
    cache::RecordingBudget budget{.bytes_max = 1 << 20};
    cache::Recording stream(budget, 1 << 20);
    ReplyRecorder recorder;
    recorder.use(stream);
    recorder.begin({.status = 200, .content_type = "text/event-stream"}, false, Instant());
    recorder.body(kWord + "data: [DO", Instant());
    EXPECT_FALSE(recorder.is_at_boundary());
    EXPECT_FALSE(recorder.note({}, true).tells_usage);
    EXPECT_TRUE(recorder.note({}, false).tells_usage);
    cache::Recording whole(budget, 1 << 20);
    ReplyRecorder other;
    other.use(whole);
    other.begin({.status = 200, .content_type = "application/json"}, false, Instant());
    other.body("{\"a\":", Instant());
    EXPECT_FALSE(other.ends_like_an_object());
    other.body("{}} \n", Instant());
    EXPECT_TRUE(other.ends_like_an_object());
}

}  // namespace

}  // namespace sluice::pipeline
