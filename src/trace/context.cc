// Digits to numbers and back; ids from the shard's generator.
#include "trace/context.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/prng.h"

namespace sluice::trace {

namespace {

constexpr size_t kVersionDigits = 2;
constexpr uint64_t kInvalidVersion = 0xff;

// Lower-case digits only, as the Recommendation has it.
std::optional<uint64_t> parse_digits(std::string_view text) {
    uint64_t value = 0;
    for (const char c : text) {
        uint64_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<uint64_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<uint64_t>(c - 'a') + 10;
        } else {
            return std::nullopt;
        }
        value = value << 4 | digit;
    }
    return value;
}

void write_digits(uint64_t value, char* to, size_t count) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (size_t i = count; i > 0; --i) {
        to[i - 1] = kDigits[value & 0xf];
        value >>= 4;
    }
}

// SplitMix64's last step: every bit of the input reaches every bit of the result.
uint64_t mixed(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

}  // namespace

// version "-" trace-id "-" parent-id "-" trace-flags
std::optional<Context> parse_traceparent(std::string_view text) {
    constexpr size_t kTraceAt = kVersionDigits + 1;
    constexpr size_t kSpanAt = kTraceAt + kTraceIdDigits + 1;
    constexpr size_t kFlagsAt = kSpanAt + kSpanIdDigits + 1;
    if (text.size() < kTraceparentBytes || text[kTraceAt - 1] != '-' || text[kSpanAt - 1] != '-' ||
        text[kFlagsAt - 1] != '-') {
        return std::nullopt;
    }
    const auto version = parse_digits(text.substr(0, kVersionDigits));
    const auto high = parse_digits(text.substr(kTraceAt, kTraceIdDigits / 2));
    const auto low = parse_digits(text.substr(kTraceAt + kTraceIdDigits / 2, kTraceIdDigits / 2));
    const auto span = parse_digits(text.substr(kSpanAt, kSpanIdDigits));
    const auto flags = parse_digits(text.substr(kFlagsAt, 2));
    if (!version || !high || !low || !span || !flags || *version == kInvalidVersion) {
        return std::nullopt;
    }
    const bool is_longer = text.size() > kTraceparentBytes;
    if (is_longer && (*version == 0 || text[kTraceparentBytes] != '-')) {
        return std::nullopt;
    }
    const Context context = {.trace = {.high = *high, .low = *low},
                             .span = *span,
                             .is_sampled = (*flags & kSampledFlag) != 0};
    if (!context.trace.is_set() || context.span == 0) {
        return std::nullopt;
    }
    return context;
}

std::array<char, kTraceparentBytes> traceparent(const Context& context) {
    std::array<char, kTraceparentBytes> text;
    const auto trace = hex(context.trace);
    const auto span = hex(context.span);
    char* at = text.data();
    at = std::ranges::copy(std::string_view("00-"), at).out;
    at = std::ranges::copy(trace, at).out;
    *at++ = '-';
    at = std::ranges::copy(span, at).out;
    *at++ = '-';
    *at++ = '0';
    *at = context.is_sampled ? '1' : '0';
    return text;
}

TraceId new_trace_id(Prng& prng) {
    TraceId id;
    while (!id.is_set()) {
        id = {.high = prng.next(), .low = prng.next()};
    }
    return id;
}

SpanId new_span_id(Prng& prng) {
    SpanId id = 0;
    while (id == 0) {
        id = prng.next();
    }
    return id;
}

SpanId child_span_id(SpanId parent, uint32_t index) {
    constexpr uint64_t kStep = 0x9e3779b97f4a7c15ULL;
    return std::max<SpanId>(mixed(parent + (uint64_t{index} + 1) * kStep), 1);
}

std::array<char, kTraceIdDigits> hex(const TraceId& id) {
    std::array<char, kTraceIdDigits> digits;
    write_digits(id.high, digits.data(), kTraceIdDigits / 2);
    write_digits(id.low, digits.data() + kTraceIdDigits / 2, kTraceIdDigits / 2);
    return digits;
}

std::array<char, kSpanIdDigits> hex(SpanId id) {
    std::array<char, kSpanIdDigits> digits;
    write_digits(id, digits.data(), kSpanIdDigits);
    return digits;
}

}  // namespace sluice::trace
