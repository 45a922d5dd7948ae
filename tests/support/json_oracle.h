// What simdjson's DOM parser says of a text, as a second opinion on our Validator, where both hold
// to the same policy. They differ on purpose: we accept lone surrogates in escapes and numbers of
// any size, as the grammar has it, and refuse deeper nesting.
#pragma once

#include <cctype>
#include <cstddef>
#include <optional>
#include <string_view>

#include <simdjson.h>

namespace sluice::test {

// True when the text has what the two judge differently, going by its looks only: long runs of
// digits, long exponents, escapes of surrogates, and a byte order mark.
inline bool may_differ_by_policy(std::string_view text) {
    constexpr int kDigitsMax = 15;
    constexpr int kExponentDigitsMax = 2;
    int digits = 0;
    bool is_exponent = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c >= '0' && c <= '9') {
            if (++digits > (is_exponent ? kExponentDigitsMax : kDigitsMax)) {
                return true;
            }
        } else if (c != '+' && c != '-') {
            digits = 0;
            is_exponent = c == 'e' || c == 'E';
        }
        if (c == '\\' && i + 2 < text.size() && text[i + 1] == 'u' &&
            (text[i + 2] == 'd' || text[i + 2] == 'D')) {
            return true;
        }
    }
    return text.starts_with("\xEF\xBB\xBF");
}

class JsonOracle {
public:
    bool accepts(std::string_view text) {
        simdjson::dom::element element;
        return parser_.parse(text.data(), text.size()).get(element) == simdjson::SUCCESS;
    }

    // Nothing when the two need not agree.
    std::optional<bool> verdict(std::string_view text) {
        if (may_differ_by_policy(text)) {
            return std::nullopt;
        }
        return accepts(text);
    }

private:
    simdjson::dom::parser parser_;
};

}  // namespace sluice::test
