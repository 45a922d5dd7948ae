// CRC-32 as zlib and Ethernet have it (reflected polynomial 0xEDB88320), for AWS event streams.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::crypto {

// The checksum of `bytes`; `before` is that of the bytes in front of them.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

}  // namespace sluice::crypto
