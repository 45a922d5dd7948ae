// Eight bytes at a time, each through a table of its own ("slicing by 8"); the compiler fills the
// tables.
#include "crypto/crc32.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::crypto {

namespace {

constexpr uint32_t kPolynomial = 0xEDB8'8320;
constexpr size_t kSlices = 8;

// kTables[n][b]: what byte b contributes when n more bytes follow it.
constexpr auto kTables = [] {
    std::array<std::array<uint32_t, 256>, kSlices> tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = remainder >> 1U ^ ((remainder & 1U) != 0 ? kPolynomial : 0U);
        }
        tables[0][byte] = remainder;
    }
    for (size_t slice = 1; slice < kSlices; ++slice) {
        for (size_t byte = 0; byte < 256; ++byte) {
            const uint32_t shorter = tables[slice - 1][byte];
            tables[slice][byte] = shorter >> 8U ^ tables[0][shorter & 0xFFU];
        }
    }
    return tables;
}();

}  // namespace

uint32_t crc32(std::string_view bytes, uint32_t before) {
    static_assert(std::endian::native == std::endian::little);
    uint32_t state = ~before;
    while (bytes.size() >= kSlices) {
        uint64_t block = 0;
        std::memcpy(&block, bytes.data(), sizeof block);
        block ^= state;
        state = 0;
        for (size_t slice = 0; slice < kSlices; ++slice) {
            state ^= kTables[kSlices - 1 - slice][block >> (8 * slice) & 0xFFU];
        }
        bytes.remove_prefix(kSlices);
    }
    for (const char byte : bytes) {
        state = state >> 8U ^ kTables[0][(state ^ static_cast<unsigned char>(byte)) & 0xFFU];
    }
    return ~state;
}

}  // namespace sluice::crypto
