// The word list holds what JSON and UTF-8 handling likes to get wrong: quotes, backslashes, line
// ends, letters of two, three and four bytes.
#include "providers/simulated_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace sluice::providers {

namespace {

constexpr auto kWords = std::to_array<std::string_view>({
    " the",     " a",         " stream",  " of",       " water",        " gate",
    " opens",   " slowly",    " and",     " every",    " token",        " passes",
    " through", " in",        " order",   " with",     " its",          " meaning",
    " kept",    " whole",     " while",   " time",     " goes",         " on",
    " quiet",   " machines",  " listen",  " to",       " questions",    " answers",
    " arrive",  " again",     " because", " a\u00a0b", " caf\u00e9",    " na\u00efve",
    " \"so\"",  " C:\\path",  " 100%",    " \u20ac5",  " \u4f60\u597d", " \U0001f642",
    " line\n",  " tab\there", " it's",    " (maybe)",  " yes,",         " no.",
    " first",   " second",    " third",   " long",     " short",        " river",
    " bridge",  " stone",     " light",   " under",    " over",         " between",
    " without", " number",    " seven",   " end",
});
static_assert(kWords.size() == 64);

constexpr size_t kIdCharacters = 24;

}  // namespace

uint64_t mix(uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

uint64_t mix(uint64_t a, uint64_t b) {
    return mix(mix(a) + b);
}

std::string_view word_of(uint64_t seed, uint32_t token) {
    return kWords[mix(seed, token) % kWords.size()].substr(token == 0 ? 1 : 0);
}

std::string make_id(std::string_view prefix, uint64_t seed) {
    constexpr std::string_view kAlphabet =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string id(prefix);
    for (size_t i = 0; i < kIdCharacters; ++i) {
        id += kAlphabet[mix(seed, i) % kAlphabet.size()];
    }
    return id;
}

void append_number(std::string& out, int64_t value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, end);
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

size_t piece_end(std::string_view text, size_t begin, size_t bytes) {
    size_t end = std::min(begin + bytes, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        ++end;
    }
    return end;
}

}  // namespace sluice::providers
