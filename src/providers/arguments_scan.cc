// Two levels of escapes: of the string that carries the JSON, and of strings in it.
#include "providers/arguments_scan.h"

#include <cstddef>
#include <string_view>

#include "base/text.h"
#include "json/tree.h"

namespace sluice::providers {

namespace {

// What the escape after a backslash means, as far as it matters here.
char meaning_of(char letter) {
    return letter == '"' || letter == '\\' || letter == '/' ? letter : ' ';
}

}  // namespace

void ArgumentsScan::feed(json::Text fragment) {
    constexpr size_t kHexDigits = 4;
    constexpr uint64_t kAsciiEnd = 0x80;
    const std::string_view raw = fragment.raw;
    for (size_t i = 0; i < raw.size() && !is_complete_; ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            take(raw[i]);
            continue;
        }
        ++i;
        if (raw[i] != 'u') {
            take(meaning_of(raw[i]));
            continue;
        }
        const uint64_t code = parse_hex(raw.substr(i + 1, kHexDigits)).value_or(kAsciiEnd);
        take(code < kAsciiEnd ? static_cast<char>(code) : 'x');
        i += kHexDigits;
    }
}

void ArgumentsScan::take(char c) {
    if (is_in_string_) {
        const bool is_escaped = is_after_backslash_;
        is_after_backslash_ = c == '\\' && !is_escaped;
        is_in_string_ = c != '"' || is_escaped;
        return;
    }
    switch (c) {
        case '"':
            is_in_string_ = true;
            break;
        case '{':
        case '[':
            ++depth_;
            break;
        case '}':
        case ']':
            depth_ -= depth_ > 0 ? 1 : 0;
            is_complete_ = depth_ == 0;
            break;
        default:
            break;
    }
}

}  // namespace sluice::providers
