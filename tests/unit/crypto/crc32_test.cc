// CRC-32 against the published check value and against itself over every split.
#include "crypto/crc32.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

TEST(Crc32, HasThePublishedCheckValues) {
    EXPECT_EQ(crc32(""), 0U);
    EXPECT_EQ(crc32("a"), 0xE8B7'BE43U);
    EXPECT_EQ(crc32("123456789"), 0xCBF4'3926U);
    EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414F'A339U);
    EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A'55ADU);
    EXPECT_EQ(crc32(std::string(32, '\xFF')), 0xFF6C'AB0BU);
}

TEST(Crc32, GoesOnWhereItStopped) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
        bytes += static_cast<char>(i * 7);
    }
    const std::string_view all(bytes);
    for (size_t split = 0; split <= all.size(); ++split) {
        EXPECT_EQ(crc32(all.substr(split), crc32(all.substr(0, split))), crc32(all)) << split;
    }
}

}  // namespace
}  // namespace sluice::crypto
