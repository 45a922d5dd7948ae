// Bump allocation: alignment, large pieces, growth and reset.
#include "base/arena.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "gtest/gtest.h"

namespace sluice {

namespace {

TEST(Arena, CostsNothingUntilItIsUsed) {
    const Arena arena;
    EXPECT_EQ(arena.reserved_bytes(), 0U);
}

TEST(Arena, PiecesAreAlignedAndDoNotOverlap) {
    Arena arena;
    Prng prng(7);
    struct Piece {
        char* at;
        size_t size_bytes;
        int fill;
    };
    std::vector<Piece> pieces;
    for (int i = 0; i < 2000; ++i) {
        const size_t alignment = size_t{1} << prng.below(7);
        const size_t size = prng.below(prng.chance(0.02) ? 40'000 : 200);
        auto* at = static_cast<char*>(arena.allocate(size, alignment));
        ASSERT_NE(at, nullptr);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(at) % alignment, 0U);
        std::memset(at, i, size);
        pieces.push_back({at, size, static_cast<unsigned char>(i)});
    }
    for (const Piece& piece : pieces) {
        for (size_t i = 0; i < piece.size_bytes; ++i) {
            ASSERT_EQ(static_cast<unsigned char>(piece.at[i]), piece.fill);
        }
    }
}

TEST(Arena, CopiesAndJoins) {
    Arena arena;
    std::string text = "volatile";
    const std::string_view copy = arena.copy(text);
    text = "gone";
    EXPECT_EQ(copy, "volatile");
    EXPECT_EQ(arena.join({"a", "", "bc", "d"}), "abcd");
    EXPECT_EQ(arena.join({}), "");
    EXPECT_EQ(arena.join({"", ""}), "");
    EXPECT_EQ(arena.copy(""), "");
}

TEST(Arena, ArraysAreValueInitialised) {
    Arena arena;
    for (int round = 0; round < 3; ++round) {
        const std::span<uint64_t> numbers = arena.allocate_array<uint64_t>(100);
        ASSERT_EQ(numbers.size(), 100U);
        for (uint64_t& number : numbers) {
            EXPECT_EQ(number, 0U);
            number = UINT64_MAX;
        }
        arena.reset();
    }
    EXPECT_TRUE(arena.allocate_array<int>(0).empty());
}

TEST(Arena, ResetGivesEverythingBack) {
    Arena arena;
    static_cast<void>(arena.allocate(100'000));
    EXPECT_GE(arena.reserved_bytes(), 100'000U);
    arena.reset();
    EXPECT_EQ(arena.reserved_bytes(), 0U);
    EXPECT_EQ(arena.copy("again"), "again");
}

TEST(Arena, AnOversizedPieceDoesNotMakeLaterChunksLarge) {
    Arena arena;
    static_cast<void>(arena.allocate(1'000'000));
    const size_t before = arena.reserved_bytes();
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(arena.allocate(1000));
    }
    EXPECT_LE(arena.reserved_bytes() - before, 32'768U);
}

}  // namespace

}  // namespace sluice
