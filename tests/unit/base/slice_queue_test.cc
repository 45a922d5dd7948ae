// The queue of slices against a plain string that is told to do the same.
#include "base/slice_queue.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/slice.h"
#include "gtest/gtest.h"

namespace sluice {

namespace {

TEST(SliceQueue, StartsEmptyAndKeepsNoEmptySlices) {
    SliceQueue queue;
    EXPECT_TRUE(queue.empty());
    queue.push_back(Slice());
    queue.push_back(Slice::copy_of(""));
    EXPECT_EQ(queue.slice_count(), 0U);
    EXPECT_EQ(queue.to_string(), "");
}

TEST(SliceQueue, JoinsSlicesThatTouch) {
    const Slice whole = Slice::copy_of("0123456789");
    SliceQueue queue;
    queue.push_back(whole.share(0, 3));
    queue.push_back(whole.share(3, 3));
    queue.push_back(whole.share(7, 2));
    EXPECT_EQ(queue.slice_count(), 2U);
    EXPECT_EQ(queue.to_string(), "01234578");
    queue.clear();
    EXPECT_EQ(whole.block()->references, 1U);
}

TEST(SliceQueue, MovingLeavesTheOtherEmptyAndUsable) {
    SliceQueue queue;
    for (int i = 0; i < 9; ++i) {
        queue.push_back(Slice::copy_of(std::to_string(i)));
    }
    SliceQueue moved = std::move(queue);
    EXPECT_EQ(moved.to_string(), "012345678");
    EXPECT_TRUE(queue.empty());  // NOLINT(bugprone-use-after-move): it is emptied.
    queue.push_back(Slice::copy_of("new"));
    EXPECT_EQ(queue.to_string(), "new");
    queue = std::move(moved);
    EXPECT_EQ(queue.to_string(), "012345678");
}

TEST(SliceQueue, CutsASliceWhenPartOfItMoves) {
    SliceQueue from;
    SliceQueue to;
    from.push_back(Slice::copy_of("abcdef"));
    from.move_front_to(2, to);
    EXPECT_EQ(from.to_string(), "cdef");
    EXPECT_EQ(to.to_string(), "ab");
    from.move_front_to(4, to);
    EXPECT_EQ(to.slice_count(), 1U);  // The parts touch and join again.
    EXPECT_EQ(to.to_string(), "abcdef");
}

TEST(SliceQueue, DroppingMoreThanThereIsEndsTheProcess) {
    SliceQueue queue;
    queue.push_back(Slice::copy_of("ab"));
    EXPECT_DEATH(queue.drop_front(3), "assertion failed");
}

// A queue and the string that it must equal.
struct Pair {
    SliceQueue queue;
    std::string model;

    void expect_equal() const {
        ASSERT_EQ(queue.to_string(), model);
        ASSERT_EQ(queue.size_bytes(), model.size());
        ASSERT_EQ(queue.empty(), model.empty());
        std::string joined;
        for (uint32_t i = 0; i < queue.slice_count(); ++i) {
            ASSERT_FALSE(queue.at(i).empty());
            joined += queue.at(i).view();
        }
        ASSERT_EQ(joined, model);
    }
};

class SliceQueueModel {
public:
    explicit SliceQueueModel(uint64_t seed) : prng_(seed) {}

    void step() {
        Pair& one = pairs_[prng_.below(2)];
        Pair& two = &one == &pairs_[0] ? pairs_[1] : pairs_[0];
        switch (prng_.below(10)) {
            case 0:
            case 1:
            case 2:
                push(one);
                break;
            case 3:
                drop(one);
                break;
            case 4:
                move_front(one, two);
                break;
            case 5:
                two.queue.append(std::move(one.queue));
                two.model += std::exchange(one.model, {});
                break;
            case 6:
                if (two.model.size() < 5000) {
                    one.queue.share_all_to(two.queue);
                    two.model += one.model;
                }
                break;
            case 7:
                pop(one);
                break;
            case 8:
                copy_out(one);
                break;
            default:
                std::swap(one.model, two.model);
                std::swap(one.queue, two.queue);
        }
        one.expect_equal();
        two.expect_equal();
    }
    void clear() {
        for (Pair& pair : pairs_) {
            pair.queue.clear();
            pair.model.clear();
            pair.expect_equal();
        }
    }

private:
    size_t drawn_count(const Pair& pair) {
        return prng_.below(static_cast<uint32_t>(pair.model.size()) + 1);
    }
    // Parts of one block follow each other now and then, so that slices join.
    void push(Pair& pair) {
        if (rest_.empty() || prng_.chance(0.3)) {
            std::string text(1 + prng_.below(40), '\0');
            std::ranges::generate(text, [&] { return static_cast<char>('a' + prng_.below(26)); });
            rest_ = Slice::copy_of(text);
        }
        Slice part = rest_.share(0, 1 + prng_.below(rest_.size()));
        rest_.drop_front(part.size());
        pair.model += part.view();
        pair.queue.push_back(std::move(part));
    }
    void drop(Pair& pair) {
        const size_t count = drawn_count(pair);
        pair.queue.drop_front(count);
        pair.model.erase(0, count);
    }
    void move_front(Pair& from, Pair& to) {
        const size_t count = drawn_count(from);
        from.queue.move_front_to(count, to.queue);
        to.model += from.model.substr(0, count);
        from.model.erase(0, count);
    }
    void pop(Pair& pair) {
        if (!pair.model.empty()) {
            const Slice slice = pair.queue.pop_front();
            ASSERT_EQ(slice.view(), pair.model.substr(0, slice.size()));
            pair.model.erase(0, slice.size());
        }
    }
    void copy_out(const Pair& pair) {
        const size_t offset = drawn_count(pair);
        const size_t count = drawn_count(pair) + 3;
        std::string text(count, '?');
        const size_t copied = pair.queue.copy_out(offset, count, text.data());
        ASSERT_EQ(text.substr(0, copied), pair.model.substr(offset, count));
        ASSERT_EQ(text.substr(copied), std::string(count - copied, '?'));
    }

    Prng prng_;
    Slice rest_;
    Pair pairs_[2];
};

TEST(SliceQueue, BehavesAsAString) {
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        SliceQueueModel model(seed);
        for (int i = 0; i < 200 && !testing::Test::HasFatalFailure(); ++i) {
            model.step();
        }
        model.clear();
    }
}

}  // namespace

}  // namespace sluice
