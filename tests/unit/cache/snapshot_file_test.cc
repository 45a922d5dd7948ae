// The file: what was saved comes back, time passes between two processes, and a damaged file gives
// nothing but its exact reason.
#include "cache/snapshot_file.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <ios>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "gtest/gtest.h"
#include "unit/cache/made.h"

namespace sluice::cache {

namespace {

const SnapshotTime kSaved = {.now = Instant::from_ns(50'000'000'000), .wall_clock_ns = 1LL << 60};

Duration seconds(int64_t count) {
    return Duration::seconds(count);
}

class SnapshotFileTest : public testing::Test {
protected:
    SnapshotFileTest() {
        const std::string_view body = "data: a\n\ndata: b\n\n";
        constexpr auto kMarks = std::to_array<PieceMark>({{9, 5}, {18, 70}});
        const ReplyRef stream = Reply::make(
            {.form = ReplyForm::stream, .content_type = "text/event-stream", .note = "chat"},
            {&body, 1}, kMarks);
        add(1, made_reply("one"), 3, 100);
        add(2, stream, 1, 10);
        add(3, made_reply(""), 2, 1000);
    }
    void add(size_t number, const ReplyRef& reply, int64_t unused_s, int64_t left_s) {
        entries_.push_back({.key = made_key(maker_, number),
                            .reply = reply,
                            .stored_at = kSaved.now - seconds(20),
                            .expires_at = kSaved.now + seconds(left_s),
                            .used_at = kSaved.now - seconds(unused_s)});
    }
    // Another process, so many seconds later.
    static SnapshotTime later(int64_t passed_s) {
        return {.now = Instant::from_ns(7'000'000'000),
                .wall_clock_ns = kSaved.wall_clock_ns + seconds(passed_s).ns()};
    }
    std::string reason(std::string_view text) const {
        const auto entries = parse_snapshot(text, other_, later(0));
        return entries ? "" : entries.error();
    }

    KeyMaker maker_{"s"};
    KeyMaker other_{"the secret of the next process"};
    std::vector<StoredEntry> entries_;
};

TEST_F(SnapshotFileTest, WhatWasSavedComesBack) {
    const std::string path = testing::TempDir() + "/sluice_snapshot_test";
    const auto saved = save_snapshot(path, entries_, kSaved);
    ASSERT_TRUE(saved) << saved.error();
    EXPECT_EQ(*saved, std::filesystem::file_size(path));
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto loaded = load_snapshot(path, other_, later(0));
    std::filesystem::remove(path);
    ASSERT_TRUE(loaded) << loaded.error();
    ASSERT_EQ(loaded->size(), 3U);
    const StoredEntry& first = loaded->front();
    EXPECT_TRUE(*first.key == *made_key(other_, 2));
    EXPECT_EQ(first.reply->body(), "data: a\n\ndata: b\n\n");
    EXPECT_EQ(first.reply->head().form, ReplyForm::stream);
    EXPECT_EQ(first.reply->head().note, "chat");
    ASSERT_EQ(first.reply->marks().size(), 2U);
    EXPECT_EQ(first.reply->marks()[1].at_ms, 70U);
    EXPECT_EQ(first.expires_at, later(0).now + seconds(10));
    EXPECT_EQ(first.stored_at, later(0).now - seconds(20));
    EXPECT_EQ((*loaded)[1].reply->body(), "");
    EXPECT_EQ((*loaded)[2].reply->body(), "one");
}

TEST_F(SnapshotFileTest, TimePassesBetweenTwoProcesses) {
    const std::string text = snapshot_text(entries_, kSaved);
    const auto loaded = parse_snapshot(text, other_, later(50));
    ASSERT_TRUE(loaded);
    ASSERT_EQ(loaded->size(), 2U);
    EXPECT_EQ(loaded->front().expires_at, later(50).now + seconds(50));
    EXPECT_EQ(parse_snapshot(text, other_, later(5000))->size(), 0U);
    // The clock was set back.
    EXPECT_EQ(parse_snapshot(text, other_, later(-100))->front().expires_at,
              later(0).now + seconds(100));
}

TEST_F(SnapshotFileTest, EveryCutAndEveryFlippedBitIsFound) {
    const std::string text = snapshot_text(entries_, kSaved);
    EXPECT_EQ(reason(text), "");
    for (size_t length = 0; length < text.size(); ++length) {
        EXPECT_NE(reason(std::string_view(text).substr(0, length)), "") << length;
    }
    for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
        std::string flipped = text;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        EXPECT_NE(reason(flipped), "") << bit;
    }
}

TEST_F(SnapshotFileTest, TheReasonIsExact) {
    std::string text = snapshot_text(entries_, kSaved);
    EXPECT_EQ(reason(""), "is damaged: it is too short for a head");
    EXPECT_EQ(reason(std::string(100, 'x')), "is not a snapshot of this version");
    EXPECT_EQ(reason(text + "x"), "is damaged: there is more after the last record, at byte " +
                                      std::to_string(text.size()));
    EXPECT_EQ(reason(text.substr(0, text.size() - 1)).substr(0, 28),
              "is damaged: record 3 at byte");
    text[40] ^= 1;
    EXPECT_EQ(reason(text), "is damaged: record 1 at byte 36: its checksum is wrong");
    text[20] ^= 1;
    EXPECT_EQ(reason(text), "is damaged: the checksum of its head is wrong");
}

TEST_F(SnapshotFileTest, NoFileIsNoEntriesAndNoPlaceIsAnError) {
    const std::string path = testing::TempDir() + "/sluice_no_such_folder/file";
    const auto loaded = load_snapshot(path, maker_, kSaved);
    ASSERT_TRUE(loaded);
    EXPECT_TRUE(loaded->empty());
    const auto saved = save_snapshot(path, entries_, kSaved);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error(), "cannot be created: No such file or directory");
}

TEST_F(SnapshotFileTest, AFailedSaveLeavesTheOldFile) {
    // A folder cannot be replaced by a file.
    const std::string path = testing::TempDir() + "/sluice_snapshot_folder";
    std::filesystem::create_directories(path + "/inside");
    const auto saved = save_snapshot(path, entries_, kSaved);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().substr(0, 20), "cannot be replaced: ");
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    EXPECT_TRUE(std::filesystem::exists(path + "/inside"));
    std::filesystem::remove_all(path);
}

}  // namespace

}  // namespace sluice::cache
