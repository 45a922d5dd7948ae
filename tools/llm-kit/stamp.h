// Stamps: when an event was written, inside the event itself.
//
// Sixteen lower-case hexadecimal digits of the monotonic clock in nanoseconds, at a fixed place of
// the event. Both programs run on one machine and therefore share that clock, so the receiver knows
// how long each single event was on its way. All zeros: not stamped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace sluice::llm_kit {

inline constexpr size_t kStampBytes = 16;
inline constexpr std::string_view kNoStamp = "0000000000000000";

inline void write_stamp(Instant at, char* to) {
    auto rest = static_cast<uint64_t>(at.ns());
    for (size_t i = kStampBytes; i-- > 0; rest >>= 4U) {
        to[i] = "0123456789abcdef"[rest & 0xFU];
    }
}

// The zero Instant where there is no stamp.
inline Instant read_stamp(std::string_view text) {
    uint64_t value = 0;
    for (const char c : text.substr(0, kStampBytes)) {
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) {
            return {};
        }
        value = (value << 4U) | static_cast<uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
    }
    return Instant::from_ns(static_cast<int64_t>(value));
}

}  // namespace sluice::llm_kit
