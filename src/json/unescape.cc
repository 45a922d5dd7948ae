// Escapes are resolved in one pass; everything between two of them is copied as a block.
#include "json/unescape.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "json/characters.h"
#include "json/writer.h"

namespace sluice::json {

namespace {

constexpr uint32_t kHighSurrogate = 0xD800;
constexpr uint32_t kLowSurrogate = 0xDC00;
constexpr uint32_t kSurrogateEnd = 0xE000;

// The four digits of a whole \u escape at `at`.
uint32_t code_unit(const char* at) {
    uint32_t unit = 0;
    for (size_t i = 2; i < kUnicodeEscapeBytes; ++i) {
        unit = unit << 4U | static_cast<uint32_t>(hex_value(at[i]));
    }
    return unit;
}

// Writes one character in UTF-8 (RFC 3629 section 3) and returns the byte after it.
char* put_utf8(uint32_t character, char* to) {
    const auto put = [&to](uint32_t byte) { *to++ = static_cast<char>(byte); };
    if (character < 0x80) {
        put(character);
        return to;
    }
    if (character < 0x800) {
        put(0xC0 | character >> 6U);
    } else {
        if (character < 0x10000) {
            put(0xE0 | character >> 12U);
        } else {
            put(0xF0 | character >> 18U);
            put(0x80 | (character >> 12U & 0x3F));
        }
        put(0x80 | (character >> 6U & 0x3F));
    }
    put(0x80 | (character & 0x3F));
    return to;
}

struct Decoded {
    uint32_t character;
    size_t bytes;  // How long the escapes are; 0 when they mean nothing.
};

// The character at the backslash `at`: one escape, or the two of a surrogate pair.
Decoded decode(const char* at, const char* end) {
    const size_t count = escape_bytes(at, end);
    if (count != kUnicodeEscapeBytes) {
        const char meaning = count == 0 ? '\0' : escape_meaning(at[1]);
        return {static_cast<unsigned char>(meaning), count};
    }
    const uint32_t unit = code_unit(at);
    if (unit < kHighSurrogate || unit >= kSurrogateEnd) {
        return {unit, count};
    }
    const char* const next = at + count;
    if (unit >= kLowSurrogate || next == end || *next != '\\' ||
        escape_bytes(next, end) != kUnicodeEscapeBytes) {
        return {0, 0};
    }
    const uint32_t low = code_unit(next);
    if (low < kLowSurrogate || low >= kSurrogateEnd) {
        return {0, 0};
    }
    return {0x10000 + ((unit - kHighSurrogate) << 10U) + (low - kLowSurrogate), 2 * count};
}

}  // namespace

Result<std::string_view> unescape(std::string_view raw, Arena& arena) {
    if (raw.find('\\') == raw.npos) {
        return raw;
    }
    // What an escape stands for is never longer than the escape.
    auto* const begin = static_cast<char*>(arena.allocate(raw.size(), 1));
    char* to = begin;
    const char* at = raw.data();
    const char* const end = at + raw.size();
    while (at != end) {
        const char* const escape = std::find(at, end, '\\');
        to = std::copy(at, escape, to);
        at = escape;
        if (at != end) {
            const Decoded decoded = decode(at, end);
            if (decoded.bytes == 0) {
                return fail(Error{.kind = ErrorKind::invalid_json,
                                  .where = "expected \\u surrogates in pairs"});
            }
            to = put_utf8(decoded.character, to);
            at += decoded.bytes;
        }
    }
    return std::string_view(begin, to);
}

std::string_view quote(std::string_view text, Arena& arena) {
    ArenaText output(arena, text.size() + 2);
    Writer(output).string(text);
    return output.view();
}

}  // namespace sluice::json
