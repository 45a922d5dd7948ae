// 128 random bits as "req_" and 32 hexadecimal digits: unique without coordination of shards.
#include "pipeline/request_id.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/prng.h"

namespace sluice::pipeline {

namespace {

bool is_safe(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
}

}  // namespace

std::string_view choose_request_id(std::string_view offered,
                                   bool accept,
                                   Prng& prng,
                                   Arena& arena) {
    if (accept && !offered.empty() && offered.size() <= kRequestIdBytesMax &&
        std::all_of(offered.begin(), offered.end(), is_safe)) {
        return arena.copy(offered);
    }
    constexpr std::string_view kPrefix = "req_";
    constexpr char kDigits[] = "0123456789abcdef";
    constexpr size_t kDigitCount = 32;
    auto* text = static_cast<char*>(arena.allocate(kPrefix.size() + kDigitCount, 1));
    char* to = std::copy(kPrefix.begin(), kPrefix.end(), text);
    for (int word = 0; word < 2; ++word) {
        uint64_t bits = prng.next();
        for (int i = 0; i < 16; ++i, bits >>= 4U) {
            *to++ = kDigits[bits & 15U];
        }
    }
    return {text, kPrefix.size() + kDigitCount};
}

}  // namespace sluice::pipeline
