// Identity of traces and spans, and how it travels: W3C Trace Context (Recommendation of 2021).
//
// Plain values. Ids are numbers here and hexadecimal on the wire; zero is none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/prng.h"

namespace sluice::trace {

struct TraceId {
    uint64_t high = 0;
    uint64_t low = 0;

    bool is_set() const { return high != 0 || low != 0; }
    bool operator==(const TraceId&) const = default;
};

using SpanId = uint64_t;

inline constexpr size_t kTraceIdDigits = 32;
inline constexpr size_t kSpanIdDigits = 16;
inline constexpr uint8_t kSampledFlag = 1;

// What a traceparent says.
struct Context {
    TraceId trace;
    SpanId span = 0;
    bool is_sampled = false;

    bool operator==(const Context&) const = default;
};

// Nothing for what the Recommendation calls invalid. Of later versions the known part is taken.
std::optional<Context> parse_traceparent(std::string_view text);

inline constexpr size_t kTraceparentBytes = 55;
std::array<char, kTraceparentBytes> traceparent(const Context& context);

TraceId new_trace_id(Prng& prng);
SpanId new_span_id(Prng& prng);
// The id of a span that was not made before its parent ended; the same each time.
SpanId child_span_id(SpanId parent, uint32_t index);

// Lower case, with leading zeros.
std::array<char, kTraceIdDigits> hex(const TraceId& id);
std::array<char, kSpanIdDigits> hex(SpanId id);

}  // namespace sluice::trace
