// The pool: reuse by class of size, the cap, and life without a pool.
#include "base/memory_pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {

namespace {

TEST(MemoryPool, ReusesAFreedPieceOfTheSameClass) {
    const MemoryPool pool;
    void* first = MemoryPool::allocate(100);
    MemoryPool::free(first, 100);
    void* second = MemoryPool::allocate(128);  // The class of 65 to 128 bytes.
    EXPECT_EQ(first, second);
    void* other = MemoryPool::allocate(129);
    EXPECT_NE(other, second);
    MemoryPool::free(second, 128);
    MemoryPool::free(other, 129);
}

TEST(MemoryPool, EveryByteOfAClassIsUsable) {
    const MemoryPool pool;
    for (const size_t size : {1U, 63U, 64U, 65U, 4095U, 4096U, 4097U, 100'000U}) {
        for (int round = 0; round < 2; ++round) {
            void* piece = MemoryPool::allocate(size);
            std::memset(piece, 0x5A, size);
            MemoryPool::free(piece, size);
        }
    }
}

TEST(MemoryPool, KeepsNoMoreThanItsCap) {
    MemoryPool pool;
    constexpr size_t kPieceBytes = 4096;
    constexpr size_t kPieces = 100;  // The cap is 16 of them.
    std::vector<void*> pieces(kPieces);
    for (int round = 0; round < 3; ++round) {
        std::ranges::generate(pieces, [] { return MemoryPool::allocate(kPieceBytes); });
        for (void* piece : pieces) {
            MemoryPool::free(piece, kPieceBytes);
        }
    }
    pool.trim();
    pool.trim();
}

TEST(MemoryPool, WorksWithoutAPool) {
    void* piece = MemoryPool::allocate(200);
    std::memset(piece, 1, 200);
    MemoryPool::free(piece, 200);
}

TEST(MemoryPool, APieceMayOutliveTheInnerPool) {
    const MemoryPool outer;
    void* piece = nullptr;
    {
        const MemoryPool inner;
        piece = MemoryPool::allocate(64);
    }
    MemoryPool::free(piece, 64);
    EXPECT_EQ(MemoryPool::allocate(64), piece);  // The outer pool is back in its place.
    MemoryPool::free(piece, 64);
}

TEST(MemoryPool, PoolsEndInTheReverseOrder) {
    EXPECT_DEATH(
        {
            auto* first = new MemoryPool;
            const MemoryPool second;
            delete first;
        },
        "assertion failed");
}

}  // namespace

}  // namespace sluice
