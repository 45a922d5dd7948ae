// The ring between a shard and the exporter: bounded, in order, and what it drops is counted.
#include "trace/lane.h"

#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "trace/record.h"

namespace sluice::trace {
namespace {

bool push(Lane& lane, int64_t mark) {
    Record* const record = lane.begin();
    if (record == nullptr) {
        lane.drop(3);
        return false;
    }
    record->exchange.began = mark;
    lane.publish();
    return true;
}

TEST(Lane, KeepsOrderAndBound) {
    Lane lane(4);
    EXPECT_EQ(lane.capacity(), 4U);
    EXPECT_EQ(lane.front(), nullptr);
    EXPECT_FALSE(lane.is_half_full());
    for (int64_t i = 1; i <= 6; ++i) {
        EXPECT_EQ(push(lane, i), i <= 4);
    }
    EXPECT_TRUE(lane.is_half_full());
    EXPECT_EQ(lane.dropped(), 6U);
    for (int64_t i = 1; i <= 4; ++i) {
        ASSERT_NE(lane.front(), nullptr);
        EXPECT_EQ(lane.front()->exchange.began, i);
        lane.pop();
    }
    EXPECT_EQ(lane.front(), nullptr);
    EXPECT_TRUE(push(lane, 7));
    EXPECT_EQ(lane.front()->exchange.began, 7);
}

TEST(Lane, ASlotIsEmptyWhenItIsUsedAgain) {
    Lane lane(2);
    for (int i = 0; i < 3; ++i) {
        Record* const record = lane.begin();
        ASSERT_NE(record, nullptr);
        EXPECT_EQ(record->attempt_count, 0);
        EXPECT_EQ(record->exchange.status, 0);
        const Text text = record->texts.add("text");
        EXPECT_EQ(text.at, 0);
        record->attempt_count = 1;
        record->exchange.status = 200;
        lane.publish();
        lane.pop();
    }
}

TEST(Lane, LosesNothingBetweenTwoThreads) {
    constexpr int64_t kRecords = 50'000;
    Lane lane(64);
    std::thread producer([&] {
        for (int64_t i = 1; i <= kRecords; ++i) {
            push(lane, i);
        }
        while (!push(lane, -1)) {
        }
    });
    uint64_t seen = 0;
    int64_t last = 0;
    bool is_over = false;
    while (!is_over) {
        const Record* const record = lane.front();
        if (record == nullptr) {
            continue;
        }
        if (record->exchange.began < 0) {
            is_over = true;
        } else {
            EXPECT_GT(record->exchange.began, last);
            last = record->exchange.began;
            ++seen;
        }
        lane.pop();
    }
    producer.join();
    // What the end mark had to try again is counted as well, so the sum is a lower bound.
    EXPECT_GE(seen + lane.dropped() / 3, static_cast<uint64_t>(kRecords));
    EXPECT_LE(seen, static_cast<uint64_t>(kRecords));
}

TEST(TextArea, CutsAtCharactersAndAtItsEnd) {
    TextArea area;
    EXPECT_EQ(area.view(area.add("a\xC3\xA4z", 2)), "a");
    EXPECT_EQ(area.view(area.add("a\xC3\xA4z", 3)), "a\xC3\xA4");
    EXPECT_EQ(area.view(area.add("")), "");
    const std::string wide(200, 'x');
    uint32_t kept = 0;
    for (int i = 0; i < 20; ++i) {
        kept += area.add(wide).size;
    }
    EXPECT_EQ(kept, 1536U - 4U);
    EXPECT_EQ(area.add("more").size, 0);
}

}  // namespace
}  // namespace sluice::trace
