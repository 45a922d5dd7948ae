// ByteRing: order, wrapping, fullness, and two threads at once.
#include "base/byte_ring.h"

#include <string>
#include <thread>

#include "base/prng.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(ByteRing, GivesRecordsBackInOrder) {
    ByteRing ring(256);
    EXPECT_TRUE(ring.empty());
    EXPECT_TRUE(ring.push("one\n"));
    EXPECT_TRUE(ring.push(""));
    EXPECT_TRUE(ring.push("two\n"));
    EXPECT_FALSE(ring.empty());
    std::string out = "zero\n";
    EXPECT_EQ(ring.pop_into(out, 1'000), 3U);
    EXPECT_EQ(out, "zero\none\ntwo\n");
    EXPECT_TRUE(ring.empty());
    EXPECT_EQ(ring.pop_into(out, 1'000), 0U);
}

TEST(ByteRing, DropsAndCountsWhatDoesNotFit) {
    ByteRing ring(64);
    ASSERT_EQ(ring.capacity_bytes(), 64U);
    EXPECT_FALSE(ring.push(std::string(61, 'x'))) << "61 and a length of 4 are more than 64";
    EXPECT_TRUE(ring.push(std::string(60, 'a')));
    EXPECT_FALSE(ring.push(""));
    EXPECT_EQ(ring.dropped(), 2U);
    std::string out;
    EXPECT_EQ(ring.pop_into(out, 1), 1U);
    EXPECT_EQ(out, std::string(60, 'a'));
    EXPECT_TRUE(ring.push("again"));
    EXPECT_EQ(ring.dropped(), 2U);
}

TEST(ByteRing, StopsAtTheSizeThatIsAskedFor) {
    ByteRing ring(256);
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(ring.push("12345"));
    }
    std::string out;
    EXPECT_EQ(ring.pop_into(out, 12), 2U);
    EXPECT_EQ(ring.pop_into(out, 12), 1U) << "one record always fits";
    EXPECT_EQ(ring.pop_into(out, 1'000), 1U);
    EXPECT_EQ(out.size(), 20U);
}

// Lengths and bytes fall on every place of the end.
TEST(ByteRing, WrapsAtEveryOffset) {
    for (size_t size = 0; size <= 40; ++size) {
        ByteRing ring(64);
        for (int round = 0; round < 100; ++round) {
            const std::string record(size, static_cast<char>('a' + round % 26));
            ASSERT_TRUE(ring.push(record));
            std::string out;
            ASSERT_EQ(ring.pop_into(out, 1'000), 1U);
            ASSERT_EQ(out, record) << "size " << size << ", round " << round;
        }
    }
}

TEST(ByteRing, LosesNothingBetweenTwoThreadsButWhatItCounts) {
    constexpr uint64_t kRecords = 100'000;
    ByteRing ring(1'024);
    std::thread producer([&ring] {
        Prng prng(7);
        for (uint64_t i = 0; i < kRecords; ++i) {
            static_cast<void>(
                ring.push(std::to_string(i) + std::string(prng.below(40), '.') + "\n"));
        }
        while (!ring.push("end\n")) {
            std::this_thread::yield();
        }
    });
    std::string out;
    uint64_t records = 0;
    while (!out.ends_with("end\n")) {
        records += ring.pop_into(out, SIZE_MAX);
    }
    producer.join();
    // What arrived is whole and in order.
    uint64_t lines = 0;
    int64_t last = -1;
    for (size_t at = 0; at + 4 < out.size(); ++lines) {
        const size_t end = out.find('\n', at);
        const int64_t number = std::stoll(out.substr(at, end - at));
        ASSERT_GT(number, last);
        const size_t dots = out.find_first_not_of("0123456789", at);
        ASSERT_EQ(out.find_first_not_of('.', dots), end);
        last = number;
        at = end + 1;
    }
    EXPECT_EQ(records, lines + 1);
    EXPECT_GE(lines + ring.dropped(), kRecords);
}

}  // namespace
}  // namespace sluice
