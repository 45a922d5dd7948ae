// Frames: reuse by class of size, the cap, and life without a pool.
#include "coro/frame_pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::coro {

namespace {

TEST(FramePool, ReusesAFreedFrameOfTheSameClass) {
    const FramePool pool;
    void* first = FramePool::allocate(100);
    FramePool::free(first, 100);
    void* second = FramePool::allocate(128);  // The class of 65 to 128 bytes.
    EXPECT_EQ(first, second);
    void* other = FramePool::allocate(129);
    EXPECT_NE(other, second);
    FramePool::free(second, 128);
    FramePool::free(other, 129);
}

TEST(FramePool, EveryByteOfAClassIsUsable) {
    const FramePool pool;
    for (const size_t size : {1U, 63U, 64U, 65U, 4095U, 4096U, 4097U, 100'000U}) {
        for (int round = 0; round < 2; ++round) {
            void* frame = FramePool::allocate(size);
            std::memset(frame, 0x5A, size);
            FramePool::free(frame, size);
        }
    }
}

TEST(FramePool, KeepsNoMoreThanItsCap) {
    FramePool pool;
    constexpr size_t kFrameBytes = 4096;
    constexpr size_t kFrames = 100;  // The cap is 16 of them.
    std::vector<void*> frames(kFrames);
    for (int round = 0; round < 3; ++round) {
        std::ranges::generate(frames, [] { return FramePool::allocate(kFrameBytes); });
        for (void* frame : frames) {
            FramePool::free(frame, kFrameBytes);
        }
    }
    pool.trim();
    pool.trim();
}

TEST(FramePool, WorksWithoutAPool) {
    void* frame = FramePool::allocate(200);
    std::memset(frame, 1, 200);
    FramePool::free(frame, 200);
}

TEST(FramePool, AFrameMayOutliveTheInnerPool) {
    const FramePool outer;
    void* frame = nullptr;
    {
        const FramePool inner;
        frame = FramePool::allocate(64);
    }
    FramePool::free(frame, 64);
    EXPECT_EQ(FramePool::allocate(64), frame);  // The outer pool is back in its place.
    FramePool::free(frame, 64);
}

TEST(FramePool, PoolsEndInTheReverseOrder) {
    EXPECT_DEATH(
        {
            auto* first = new FramePool;
            const FramePool second;
            delete first;
        },
        "assertion failed");
}

}  // namespace

}  // namespace sluice::coro
