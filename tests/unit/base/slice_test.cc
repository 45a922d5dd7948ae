// Counting of slices and blocks.
#include "base/slice.h"

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace sluice {

namespace {

class CountingOwner final : public BlockOwner {
public:
    void take_back(Block& block) override {
        EXPECT_EQ(block.references, 0U);
        ++returned;
    }
    int returned = 0;
};

class SliceTest : public testing::Test {
protected:
    SliceTest() {
        block_.data = bytes_.data();
        block_.size_bytes = static_cast<uint32_t>(bytes_.size());
        block_.owner = &owner_;
    }
    Slice at(uint32_t offset, uint32_t length) { return {block_, offset, length}; }

    std::string bytes_ = "0123456789";
    CountingOwner owner_;
    Block block_;
};

TEST_F(SliceTest, TheLastSliceReturnsTheBlock) {
    {
        const Slice whole = at(0, 10);
        const Slice part = whole.share(2, 3);
        EXPECT_EQ(block_.references, 2U);
        EXPECT_EQ(part.view(), "234");
    }
    EXPECT_EQ(block_.references, 0U);
    EXPECT_EQ(owner_.returned, 1);
}

TEST_F(SliceTest, MovingKeepsTheCount) {
    Slice first = at(0, 4);
    Slice second = std::move(first);
    EXPECT_EQ(block_.references, 1U);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): a moved-from slice is empty.
    EXPECT_EQ(first.block(), nullptr);
    Slice third = at(4, 2);
    third = std::move(second);
    EXPECT_EQ(block_.references, 1U);
    EXPECT_EQ(third.view(), "0123");
    Slice& self = third;
    third = std::move(self);
    EXPECT_EQ(third.view(), "0123");
    EXPECT_EQ(owner_.returned, 0);
}

TEST_F(SliceTest, ResetGivesUpTheBlockOnce) {
    Slice slice = at(0, 1);
    slice.reset();
    slice.reset();
    EXPECT_EQ(owner_.returned, 1);
    EXPECT_TRUE(slice.empty());
}

TEST_F(SliceTest, AnEmptySliceStillHoldsItsBlock) {
    Slice slice = at(3, 2);
    slice.drop_front(2);
    EXPECT_TRUE(slice.empty());
    EXPECT_EQ(owner_.returned, 0);
    slice.reset();
    EXPECT_EQ(owner_.returned, 1);
}

TEST_F(SliceTest, CutsAtBothEnds) {
    Slice slice = at(0, 10);
    slice.drop_front(3);
    slice.truncate(4);
    EXPECT_EQ(slice.view(), "3456");
    EXPECT_EQ(slice.share(0, 0).size(), 0U);
    EXPECT_EQ(slice.share(4, 0).size(), 0U);
}

TEST_F(SliceTest, JoinsOnlyWhatTouchesInTheSameBlock) {
    Slice slice = at(0, 3);
    EXPECT_TRUE(slice.try_append(at(3, 2)));
    EXPECT_EQ(slice.view(), "01234");
    EXPECT_FALSE(slice.try_append(at(6, 1)));  // A gap.
    EXPECT_FALSE(slice.try_append(at(4, 1)));  // An overlap.
    EXPECT_FALSE(slice.try_append(Slice::copy_of("5")));
    EXPECT_EQ(slice.view(), "01234");
    EXPECT_EQ(block_.references, 1U);
}

TEST_F(SliceTest, UnownedSlicesDoNotJoin) {
    const std::string_view text = "abcdef";
    Slice slice = Slice::unowned(text.substr(0, 3));
    EXPECT_FALSE(slice.try_append(Slice::unowned(text.substr(3))));
    EXPECT_EQ(slice.view(), "abc");
    EXPECT_EQ(slice.block(), nullptr);
}

TEST(HeapSlice, HoldsACopy) {
    std::string text = "hello";
    const Slice slice = Slice::copy_of(text);
    text = "XXXXX";
    EXPECT_EQ(slice.view(), "hello");
    EXPECT_EQ(slice.block()->references, 1U);
    EXPECT_TRUE(Slice::copy_of("").empty());
}

TEST(HeapSlice, IsFilledThroughItsBlock) {
    Slice slice = Slice::allocate(4);
    std::string_view("abcd").copy(slice.block()->data, 4);
    slice.truncate(2);
    EXPECT_EQ(slice.view(), "ab");
}

TEST_F(SliceTest, SharingPastTheEndEndsTheProcess) {
    const Slice slice = at(2, 3);
    EXPECT_DEATH(static_cast<void>(slice.share(1, 3)), "assertion failed");
    EXPECT_DEATH(static_cast<void>(slice.share(4, 0)), "assertion failed");
}

}  // namespace

}  // namespace sluice
