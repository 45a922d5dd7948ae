// Skipping over the inside of a JSON string, as fast as the processor allows.
//
// One contract with three implementations (plain, SSE2, AVX2) that are chosen at run time. They may
// stop at different places, but never skip anything that a caller has to look at; whoever calls
// them goes on byte by byte from where they stop, so all three lead to the same answer. No state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::json {

// Returns a pointer in [from, end] such that the bytes before it are whole characters of a string
// (RFC 8259 section 7): valid UTF-8 (RFC 3629) or whole escapes, no bare quote and no control
// character. `from` must be at the start of a character. It may return `from`: progress is not
// promised.
using SkipText = const char* (*)(const char* from, const char* end);

// Returns the first position in [from, end - 1) with `first` there and `second` right after it; if
// there is none, `end - 1`, or `end` when the range is empty.
using FindPair = const char* (*)(const char* from, const char* end, char first, char second);

// One bit for each of the 64 bytes at `block`, lowest first, that is not plain ASCII text: a quote,
// a backslash, a control character, or a byte from 0x80 on.
using TextStops = uint64_t (*)(const char* block);
constexpr size_t kTextBlockBytes = 64;

enum class ScanLevel : uint8_t { plain, sse2, avx2 };

struct TextScan {
    SkipText skip_text;
    TextStops text_stops;
    FindPair find_pair;
    ScanLevel level;
};

// The best that this processor can run. Chosen before main.
const TextScan& text_scan();
// A certain level, for tests and benchmarks; null when this processor cannot run it.
const TextScan* text_scan(ScanLevel level);

}  // namespace sluice::json
