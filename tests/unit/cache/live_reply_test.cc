// Recordings and who follows them: any piece sizes, late joiners, both limits, every end.
#include "cache/live_reply.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/prng.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/reply.h"
#include "gtest/gtest.h"

namespace sluice::cache {

namespace {

const Instant kNow = Instant::from_ns(1'000'000'000);
constexpr uint64_t kMuch = 1 << 24;
constexpr ReplyHead kStream = {
    .form = ReplyForm::stream, .content_type = "text/event-stream", .note = ""};

std::string drawn_piece(Prng& prng) {
    std::string piece(prng.chance(0.1) ? prng.below(10'000) : prng.below(300), '\0');
    for (char& c : piece) {
        c = static_cast<char>('a' + prng.below(26));
    }
    return piece;
}

TEST(LiveReplyTest, BecomesTheReplyWithItsPieces) {
    RecordingBudget budget{.bytes_max = kMuch};
    Prng prng(3);
    std::string all;
    std::vector<uint32_t> ends;
    Recording recording(budget, kMuch);
    recording.begin(kStream, kNow);
    for (int i = 0; i < 200; ++i) {
        const std::string piece = drawn_piece(prng);
        recording.append(piece, kNow + Duration::milliseconds(i));
        all += piece;
        if (!piece.empty()) {
            ends.push_back(static_cast<uint32_t>(all.size()));
        }
    }
    EXPECT_GE(budget.bytes, all.size());
    const ReplyRef reply = recording.finish();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body(), all);
    ASSERT_EQ(reply->marks().size(), ends.size());
    for (size_t i = 0; i < ends.size(); ++i) {
        EXPECT_EQ(reply->marks()[i].end_bytes, ends[i]);
    }
    EXPECT_EQ(reply->head().content_type, "text/event-stream");
    recording.release();
    EXPECT_EQ(budget.bytes, 0U);
}

TEST(LiveReplyTest, AWholeAnswerKeepsNoPieces) {
    RecordingBudget budget{.bytes_max = kMuch};
    Recording recording(budget, kMuch);
    recording.begin({}, kNow);
    recording.append("ab", kNow);
    recording.append("cd", kNow);
    EXPECT_EQ(recording.finish()->body(), "abcd");
    EXPECT_TRUE(recording.finish()->marks().empty());
}

// Readers that begin at any time and read in any portions get the same bytes.
TEST(LiveReplyTest, JoinersReadAllOfItWhateverTheirPace) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        Prng prng(seed);
        RecordingBudget budget{.bytes_max = kMuch};
        Recording recording(budget, kMuch);
        recording.begin(kStream, kNow);
        std::string all;
        struct Follower {
            LiveReader reader{kMuch};
            SliceQueue got;
        };
        std::vector<Follower> followers;
        for (int i = 0; i < 100; ++i) {
            if (prng.chance(0.1)) {
                followers.emplace_back();
                followers.back().reader.update(recording.progress());
            }
            const std::string piece = drawn_piece(prng);
            recording.append(piece, kNow);
            all += piece;
            for (Follower& follower : followers) {
                if (prng.chance(0.5)) {
                    follower.reader.update(recording.progress());
                }
                follower.reader.take(prng.below(5000), follower.got);
            }
        }
        const bool is_kept = prng.chance(0.5);
        const ReplyRef reply = recording.finish();
        for (Follower& follower : followers) {
            if (is_kept) {
                follower.reader.complete(reply);
            } else {
                follower.reader.update(recording.progress());
                follower.reader.end(recording.bytes());
            }
        }
        recording.release();
        for (Follower& follower : followers) {
            EXPECT_TRUE(follower.reader.has_ended());
            while (!follower.reader.is_over()) {
                follower.reader.take(1 + prng.below(5000), follower.got);
            }
            EXPECT_EQ(follower.got.to_string(), all) << seed;
        }
    }
}

TEST(LiveReplyTest, BeyondItsLimitTheBeginningGoesAndReadersGoOn) {
    RecordingBudget budget{.bytes_max = kMuch};
    constexpr uint64_t kLimit = 20'000;
    Recording recording(budget, kLimit);
    recording.begin(kStream, kNow);
    LiveReader reader(kLimit);
    SliceQueue got;
    std::string all;
    for (int i = 0; i < 1000; ++i) {
        const std::string piece(100, static_cast<char>('a' + i % 26));
        recording.append(piece, kNow);
        all += piece;
        reader.update(recording.progress());
        reader.take(kMuch, got);
    }
    EXPECT_FALSE(recording.is_whole());
    EXPECT_FALSE(recording.finish());
    EXPECT_FALSE(recording.progress().first);
    EXPECT_EQ(budget.bytes, 0U);
    reader.end(recording.bytes());
    EXPECT_TRUE(reader.is_over());
    EXPECT_EQ(got.to_string(), all);
    // Who comes now has no beginning.
    LiveReader late(kMuch);
    late.update(recording.progress());
    EXPECT_FALSE(late.can_read());
}

TEST(LiveReplyTest, AReaderWhoFallsTooFarBehindIsCutOff) {
    RecordingBudget budget{.bytes_max = kMuch};
    Recording recording(budget, 10'000);
    recording.begin(kStream, kNow);
    LiveReader reader(10'000);
    recording.append("x", kNow);
    reader.update(recording.progress());
    for (int i = 0; i < 300; ++i) {
        recording.append(std::string(100, 'y'), kNow);
        reader.update(recording.progress());
    }
    ASSERT_TRUE(reader.error());
    EXPECT_EQ(reader.error()->kind, ErrorKind::overloaded);
    EXPECT_FALSE(reader.is_over());
    EXPECT_EQ(reader.available_bytes(), 0U);
}

TEST(LiveReplyTest, AllRecordingsShareABudget) {
    RecordingBudget budget{.bytes_max = uint64_t{3} * 4096};
    Recording first(budget, kMuch);
    Recording second(budget, kMuch);
    first.begin(kStream, kNow);
    second.begin(kStream, kNow);
    const std::string chunk(Chunk::kBytes, 'x');
    first.append(chunk, kNow);
    first.append(chunk, kNow);
    second.append(chunk, kNow);
    EXPECT_TRUE(first.is_whole());
    EXPECT_TRUE(second.is_whole());
    second.append("y", kNow);
    EXPECT_FALSE(second.is_whole());
    first.append("y", kNow);
    EXPECT_TRUE(first.is_whole());
    EXPECT_EQ(first.finish()->body().size(), 2 * Chunk::kBytes + 1);
}

TEST(LiveReplyTest, ALongChainGoesWithoutRecursion) {
    RecordingBudget budget{.bytes_max = UINT64_MAX};
    Recording recording(budget, UINT32_MAX);
    recording.begin(kStream, kNow);
    const std::string much(1 << 20, 'x');
    for (int i = 0; i < 400; ++i) {
        recording.append(much, kNow);
    }
    LiveReader reader(kMuch);
    reader.update(recording.progress());
    recording.release();
    EXPECT_TRUE(reader.can_read());
}

TEST(LiveReplyTest, AFailureIsTheEnd) {
    RecordingBudget budget{.bytes_max = kMuch};
    Recording recording(budget, kMuch);
    recording.begin(kStream, kNow);
    recording.append("abc", kNow);
    LiveReader reader(kMuch);
    reader.update(recording.progress());
    reader.fail({.kind = ErrorKind::closed_early, .where = "test"});
    reader.complete(recording.finish());
    EXPECT_EQ(reader.error()->kind, ErrorKind::closed_early);
    EXPECT_FALSE(reader.is_over());
}

}  // namespace

}  // namespace sluice::cache
