// The searches over 16 (SSE2, which every x86-64 has) and 32 (AVX2) bytes at a time.
//
// A group of bytes becomes a mask with one bit for each byte at which the search stops. The last,
// partial group is read again from further left, so that nothing past the end is touched.
#include "http/byte_scan.h"

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::http {

namespace byte_scan {

const char* find_plain(ScanStop stop, const char* at, const char* end) {
    while (at != end && !stops(stop, *at)) {
        ++at;
    }
    return at;
}

#if defined(__x86_64__)

namespace {

const bool kProcessorHasAvx2 = (__builtin_cpu_init(), __builtin_cpu_supports("avx2") != 0);

constexpr size_t kGroupBytes = sizeof(__m128i);
constexpr size_t kWideBytes = sizeof(__m256i);
// Up to here 16 bytes at a time are as fast, and nobody pays for the switch.
constexpr size_t kWideFromBytes = 128;

__m128i load(const char* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

__m128i equal(__m128i group, char c) {
    return _mm_cmpeq_epi8(group, _mm_set1_epi8(c));
}

// low <= byte <= low + span, unsigned.
__m128i in_range(__m128i group, char low, char span) {
    const __m128i shifted = _mm_sub_epi8(group, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(span)), shifted);
}

uint32_t bits(__m128i group) {
    return static_cast<uint32_t>(_mm_movemask_epi8(group));
}

template <ScanStop kStop>
uint32_t stop_bits(__m128i group) {
    if constexpr (kStop == ScanStop::line) {
        return bits(_mm_or_si128(equal(group, '\r'), equal(group, '\n')));
    } else if constexpr (kStop == ScanStop::head) {
        return bits(
            _mm_or_si128(_mm_or_si128(equal(group, '\r'), equal(group, '\n')), equal(group, '\0')));
    } else if constexpr (kStop == ScanStop::value) {
        const __m128i control = _mm_or_si128(in_range(group, 0, 0x1f), equal(group, 0x7f));
        return bits(_mm_andnot_si128(equal(group, '\t'), control));
    } else if constexpr (kStop == ScanStop::token) {
        // Letters, digits and '-' at once; the rarer marks are looked up by `find_token_end`.
        const __m128i lower = _mm_or_si128(group, _mm_set1_epi8(0x20));
        const __m128i letter = in_range(lower, 'a', 'z' - 'a');
        const __m128i plain = _mm_or_si128(in_range(group, '0', 9), equal(group, '-'));
        return bits(_mm_or_si128(letter, plain)) ^ 0xffffU;
    } else {
        static_assert(kStop == ScanStop::target);
        const __m128i visible = in_range(group, 0x21, 0x7e - 0x21);
        return bits(_mm_andnot_si128(equal(group, '#'), visible)) ^ 0xffffU;
    }
}

template <ScanStop kStop>
const char* find(const char* at, const char* end) {
    const auto length = static_cast<size_t>(end - at);
    if (length < kGroupBytes) {
        return find_plain(kStop, at, end);
    }
    const char* const last = end - kGroupBytes;
    for (; at <= last; at += kGroupBytes) {
        if (const uint32_t mask = stop_bits<kStop>(load(at)); mask != 0) {
            return at + std::countr_zero(mask);
        }
    }
    if (at != end) {
        const uint32_t mask = stop_bits<kStop>(load(last)) >> static_cast<uint32_t>(at - last);
        at = mask != 0 ? at + std::countr_zero(mask) : end;
    }
    return at;
}

}  // namespace

bool has_avx2() {
    return kProcessorHasAvx2;
}

HeadBits head_bits(const char* at) {
    HeadBits found;
    for (size_t i = 0; i < kHeadBitsBytes; i += kGroupBytes) {
        const __m128i group = load(at + i);
        found.carriage_returns |= uint64_t{bits(equal(group, '\r'))} << i;
        found.line_feeds |= uint64_t{bits(equal(group, '\n'))} << i;
        found.nuls |= uint64_t{bits(equal(group, '\0'))} << i;
    }
    return found;
}

__attribute__((target("avx2"))) const char* find_line_end_wide(const char* at, const char* end) {
    const __m256i carriage_return = _mm256_set1_epi8('\r');
    const __m256i line_feed = _mm256_set1_epi8('\n');
    for (; static_cast<size_t>(end - at) >= kWideBytes; at += kWideBytes) {
        const __m256i group = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        const __m256i found = _mm256_or_si256(_mm256_cmpeq_epi8(group, carriage_return),
                                              _mm256_cmpeq_epi8(group, line_feed));
        if (const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(found)); mask != 0) {
            return at + std::countr_zero(mask);
        }
    }
    return find<ScanStop::line>(at, end);
}

#else

namespace {

template <ScanStop kStop>
const char* find(const char* at, const char* end) {
    return find_plain(kStop, at, end);
}

}  // namespace

bool has_avx2() {
    return false;
}

HeadBits head_bits(const char* at) {
    HeadBits found;
    for (size_t i = 0; i < kHeadBitsBytes; ++i) {
        found.carriage_returns |= uint64_t{at[i] == '\r'} << i;
        found.line_feeds |= uint64_t{at[i] == '\n'} << i;
        found.nuls |= uint64_t{at[i] == '\0'} << i;
    }
    return found;
}

const char* find_line_end_wide(const char* at, const char* end) {
    return find_plain(ScanStop::line, at, end);
}

#endif

const char* find_line_end_narrow(const char* at, const char* end) {
    return find<ScanStop::line>(at, end);
}

}  // namespace byte_scan

const char* find_line_end(const char* at, const char* end) {
#if defined(__x86_64__)
    if (byte_scan::kProcessorHasAvx2 &&
        static_cast<size_t>(end - at) >= byte_scan::kWideFromBytes) {
        return byte_scan::find_line_end_wide(at, end);
    }
#endif
    return byte_scan::find<ScanStop::line>(at, end);
}

const char* find_head_stop(const char* at, const char* end) {
    return byte_scan::find<ScanStop::head>(at, end);
}

const char* find_value_end(const char* at, const char* end) {
    return byte_scan::find<ScanStop::value>(at, end);
}

const char* find_token_end(const char* at, const char* end) {
    while (true) {
        at = byte_scan::find<ScanStop::token>(at, end);
        if (at == end || byte_scan::stops(ScanStop::token, *at)) {
            return at;
        }
        ++at;
    }
}

const char* find_target_end(const char* at, const char* end) {
    return byte_scan::find<ScanStop::target>(at, end);
}

}  // namespace sluice::http
