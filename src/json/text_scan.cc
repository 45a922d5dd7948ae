// The UTF-8 check is the table method of Keiser and Lemire, "Validating UTF-8 In Less Than One
// Instruction Per Byte" (2021): three look-ups by half bytes name every possible two-byte fault.
#include "json/text_scan.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "json/characters.h"

namespace sluice::json {

namespace {

const char* skip_text_plain(const char* from, const char* end) {
    while (from != end && *from >= 0x20 && *from != '"') {
        if (*from != '\\') {
            ++from;
        } else if (const size_t count = escape_bytes(from, end); count > 0) {
            from += count;
        } else {
            break;
        }
    }
    return from;
}

uint64_t text_stops_plain(const char* block) {
    uint64_t stops = 0;
    for (size_t i = 0; i < kTextBlockBytes; ++i) {
        const bool is_plain = block[i] >= 0x20 && block[i] != '"' && block[i] != '\\';
        stops |= uint64_t{!is_plain} << i;
    }
    return stops;
}

const char* find_pair_plain(const char* from, const char* end, char first, char second) {
    while (end - from > 1) {
        const auto room = static_cast<size_t>(end - from - 1);
        const auto* at = static_cast<const char*>(std::memchr(from, first, room));
        if (at == nullptr) {
            return end - 1;
        }
        if (at[1] == second) {
            return at;
        }
        from = at + 1;
    }
    return from;
}

constexpr TextScan kPlain{skip_text_plain, text_stops_plain, find_pair_plain, ScanLevel::plain};

#if defined(__x86_64__)

#define SLUICE_TARGET_AVX2 [[gnu::target("avx2,bmi")]]

uint64_t text_stops_sse2(const char* block) {
    uint64_t stops = 0;
    for (size_t i = 0; i < kTextBlockBytes; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
        // Signed: bytes from 0x80 on are below a space too.
        const __m128i found =
            _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                         _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
        stops |= static_cast<uint64_t>(_mm_movemask_epi8(found)) << i;
    }
    return stops;
}

const char* skip_text_sse2(const char* from, const char* end) {
    while (end - from >= 64) {
        const char* const block = from;
        from += 64;
        for (uint64_t stops = text_stops_sse2(block); stops != 0;) {
            const auto index = static_cast<unsigned>(__builtin_ctzll(stops));
            const char* const at = block + index;
            const size_t count = *at == '\\' ? escape_bytes(at, end) : 0;
            if (count == 0) {
                return at;
            }
            if (index + count >= 64) {
                from = at + count;
                break;
            }
            stops &= ~uint64_t{0} << (index + count);
        }
    }
    return skip_text_plain(from, end);
}

const char* find_pair_sse2(const char* from, const char* end, char first, char second) {
    const __m128i firsts = _mm_set1_epi8(first);
    const __m128i seconds = _mm_set1_epi8(second);
    for (; end - from > 16; from += 16) {
        const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        const __m128i next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 1));
        const int mask = _mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(here, firsts), _mm_cmpeq_epi8(next, seconds)));
        if (mask != 0) {
            return from + __builtin_ctz(static_cast<unsigned>(mask));
        }
    }
    return find_pair_plain(from, end, first, second);
}

// Faults that two bytes in a row can have; a bit survives when all three tables agree on it.
constexpr uint8_t kTooShort = 1U << 0U;   // A lead without a continuation.
constexpr uint8_t kTooLong = 1U << 1U;    // A continuation after ASCII.
constexpr uint8_t kOverlong3 = 1U << 2U;  // E0 80 to E0 9F.
constexpr uint8_t kTooLarge = 1U << 3U;   // F4 90 and more.
constexpr uint8_t kSurrogate = 1U << 4U;  // ED A0 to ED BF.
constexpr uint8_t kOverlong2 = 1U << 5U;  // C0, C1.
constexpr uint8_t kOverlong4 = 1U << 6U;  // F0 80 to F0 8F; also F5 80 and more.
constexpr uint8_t kTwoInARow = 1U << 7U;  // Two continuations; right inside longer characters.
constexpr uint8_t kAnyLow = kTooShort | kTooLong | kTwoInARow;
constexpr uint8_t kPastF4 = kAnyLow | kTooLarge | kOverlong4;
constexpr uint8_t kAnyContinuation = kTooLong | kOverlong2 | kTwoInARow;

// By the high half of the first byte, its low half, and the high half of the second byte.
alignas(16) constexpr uint8_t kFirstHigh[16] = {kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTooLong,
                                                kTwoInARow,
                                                kTwoInARow,
                                                kTwoInARow,
                                                kTwoInARow,
                                                kTooShort | kOverlong2,
                                                kTooShort,
                                                kTooShort | kOverlong3 | kSurrogate,
                                                kTooShort | kTooLarge | kOverlong4};
alignas(16) constexpr uint8_t kFirstLow[16] = {kAnyLow | kOverlong3 | kOverlong2 | kOverlong4,
                                               kAnyLow | kOverlong2,
                                               kAnyLow,
                                               kAnyLow,
                                               kAnyLow | kTooLarge,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4,
                                               kPastF4 | kSurrogate,
                                               kPastF4,
                                               kPastF4};
alignas(16) constexpr uint8_t kSecondHigh[16] = {kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kAnyContinuation | kOverlong3 | kOverlong4,
                                                 kAnyContinuation | kOverlong3 | kTooLarge,
                                                 kAnyContinuation | kSurrogate | kTooLarge,
                                                 kAnyContinuation | kSurrogate | kTooLarge,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort,
                                                 kTooShort};

SLUICE_TARGET_AVX2 inline __m256i table_avx2(const uint8_t (&entries)[16]) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(entries)));
}

// `block` moved up by `kCount` bytes, filled from the end of the block before it.
template <int kCount>
SLUICE_TARGET_AVX2 inline __m256i delayed_avx2(__m256i block, __m256i before) {
    return _mm256_alignr_epi8(block, _mm256_permute2x128_si256(before, block, 0x21), 16 - kCount);
}

// True when `block`, coming after `before`, has a fault. A character that `block` leaves open at
// its end is no fault yet.
SLUICE_TARGET_AVX2 inline bool has_utf8_fault_avx2(__m256i block, __m256i before) {
    const __m256i half = _mm256_set1_epi8(0x0F);
    const __m256i first = delayed_avx2<1>(block, before);
    const __m256i first_high = _mm256_and_si256(_mm256_srli_epi16(first, 4), half);
    const __m256i first_low = _mm256_and_si256(first, half);
    const __m256i second_high = _mm256_and_si256(_mm256_srli_epi16(block, 4), half);
    const __m256i pairs =
        _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(table_avx2(kFirstHigh), first_high),
                                          _mm256_shuffle_epi8(table_avx2(kFirstLow), first_low)),
                         _mm256_shuffle_epi8(table_avx2(kSecondHigh), second_high));
    // Two after a lead of three or four, and three after a lead of four, there has to be a
    // continuation after a continuation, and nowhere else: the bit must be equal on both sides.
    const __m256i third =
        _mm256_subs_epu8(delayed_avx2<2>(block, before), _mm256_set1_epi8(0xE0 - 0x80));
    const __m256i fourth =
        _mm256_subs_epu8(delayed_avx2<3>(block, before), _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i expected =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(0x80)));
    const __m256i faults = _mm256_xor_si256(expected, pairs);
    return _mm256_testz_si256(faults, faults) == 0;
}

// The bytes before `at` are valid except for a character that may be open at the end; gives the
// start of that one, or `at`.
const char* whole_characters_end(const char* from, const char* at) {
    static constexpr unsigned char kLeadMin[] = {0xC0, 0xE0, 0xF0};
    for (int back = 1; back <= 3 && at - back >= from; ++back) {
        if (static_cast<unsigned char>(at[-back]) >= kLeadMin[back - 1]) {
            return at - back;
        }
    }
    return at;
}

SLUICE_TARGET_AVX2 inline __m256i load_avx2(const char* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

SLUICE_TARGET_AVX2 inline __m256i quotes_avx2(__m256i bytes) {
    return _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')),
                           _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
}

SLUICE_TARGET_AVX2 inline uint32_t mask_avx2(__m256i bytes) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(bytes));
}

struct WideEnd {
    const char* at;
    bool is_stop;  // What is at `at` is not to be skipped; otherwise the caller goes on there.
};

// `from` is at the start of a character that is not ASCII. Goes on until a stop, a fault, the last
// block, or a block of ASCII alone, which the quicker loop can do.
SLUICE_TARGET_AVX2 WideEnd skip_wide_text_avx2(const char* from, const char* end) {
    // Loaded at 32 - n: n bytes to keep, then bytes to blank.
    alignas(32) static constexpr auto kKeep = [] {
        std::array<uint8_t, 64> keep{};
        std::fill_n(keep.begin(), 32, uint8_t{0xFF});
        return keep;
    }();
    const __m256i last_control = _mm256_set1_epi8(0x1F);
    __m256i before = _mm256_setzero_si256();
    const char* at = from;
    while (end - at >= 32) {
        __m256i block = load_avx2(at);
        const __m256i controls = _mm256_cmpeq_epi8(_mm256_min_epu8(block, last_control), block);
        const uint32_t stops = mask_avx2(_mm256_or_si256(quotes_avx2(block), controls));
        if (stops == 0) {  // The next address must not wait for what is found in this block.
            if (has_utf8_fault_avx2(block, before)) {
                return {whole_characters_end(from, at), true};
            }
            at += 32;
            if (mask_avx2(block) == 0) {
                return {at, false};
            }
            before = block;
            continue;
        }
        const int count = __builtin_ctz(stops);
        block = _mm256_and_si256(
            block, load_avx2(reinterpret_cast<const char*>(kKeep.data()) + 32 - count));
        if (has_utf8_fault_avx2(block, before)) {
            return {whole_characters_end(from, at), true};
        }
        at += count;
        const size_t escape = *at == '\\' ? escape_bytes(at, end) : 0;
        if (escape == 0) {
            return {at, true};
        }
        at += escape;
        before = _mm256_setzero_si256();
    }
    return {whole_characters_end(from, at), true};
}

SLUICE_TARGET_AVX2 uint64_t text_stops_avx2(const char* from) {
    const __m256i space = _mm256_set1_epi8(0x20);
    const __m256i low = load_avx2(from);
    const __m256i high = load_avx2(from + 32);
    // Signed: bytes from 0x80 on are below a space too.
    const uint64_t low_stops =
        mask_avx2(_mm256_or_si256(_mm256_cmpgt_epi8(space, low), quotes_avx2(low)));
    const uint64_t high_stops =
        mask_avx2(_mm256_or_si256(_mm256_cmpgt_epi8(space, high), quotes_avx2(high)));
    return low_stops | high_stops << 32U;
}

// NOLINTNEXTLINE(readability-function-size): intrinsics are macros, and count as the code they are.
SLUICE_TARGET_AVX2 const char* skip_text_avx2(const char* from, const char* end) {
    while (end - from >= 64) {
        const char* const block = from;
        from += 64;
        for (uint64_t stops = text_stops_avx2(block); stops != 0;) {
            const auto index = static_cast<unsigned>(__builtin_ctzll(stops));
            const char* const at = block + index;
            if (*at < 0) {
                const WideEnd wide = skip_wide_text_avx2(at, end);
                if (wide.is_stop) {
                    return wide.at;
                }
                from = wide.at;
                break;
            }
            const size_t count = *at == '\\' ? escape_bytes(at, end) : 0;
            if (count == 0) {
                return at;
            }
            if (index + count >= 64) {
                from = at + count;
                break;
            }
            stops &= ~uint64_t{0} << (index + count);
        }
    }
    return skip_text_sse2(from, end);
}

SLUICE_TARGET_AVX2 const char* find_pair_avx2(const char* from,
                                              const char* end,
                                              char first,
                                              char second) {
    if (end - from <= 32) {
        return find_pair_sse2(from, end, first, second);
    }
    const __m256i firsts = _mm256_set1_epi8(first);
    const __m256i seconds = _mm256_set1_epi8(second);
    // The last block overlaps the one before it, where there was no pair.
    const char* const last = end - 33;
    while (true) {
        const uint32_t mask =
            mask_avx2(_mm256_and_si256(_mm256_cmpeq_epi8(load_avx2(from), firsts),
                                       _mm256_cmpeq_epi8(load_avx2(from + 1), seconds)));
        if (mask != 0) {
            return from + __builtin_ctz(mask);
        }
        if (from == last) {
            return end - 1;
        }
        from = last - from < 32 ? last : from + 32;
    }
}

constexpr TextScan kSse2{skip_text_sse2, text_stops_sse2, find_pair_sse2, ScanLevel::sse2};
constexpr TextScan kAvx2{skip_text_avx2, text_stops_avx2, find_pair_avx2, ScanLevel::avx2};

constinit const TextScan* best = &kSse2;

// Before any static initialiser could ask.
[[gnu::constructor(101)]] void choose_text_scan() {
    __builtin_cpu_init();
    if (const TextScan* avx2 = text_scan(ScanLevel::avx2); avx2 != nullptr) {
        best = avx2;
    }
}

#else

constinit const TextScan* best = &kPlain;

#endif

}  // namespace

const TextScan& text_scan() {
    return *best;
}

const TextScan* text_scan(ScanLevel level) {
    if (level == ScanLevel::plain) {
        return &kPlain;
    }
#if defined(__x86_64__)
    if (level == ScanLevel::sse2) {
        return &kSse2;
    }
    if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0) {
        return &kAvx2;
    }
#endif
    return nullptr;
}

}  // namespace sluice::json
