// One pass over the words of a text, and one look at each run of digits.
#include "pipeline/mask_secrets.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/writer.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kKeyPrefixes[] = {
    "sk-",    "pk-", "rk_",  "AKIA",  "ASIA",  "AIza",        "ghp_",       "gho_", "ghs_",
    "glpat-", "hf_", "gsk_", "xoxb-", "xoxp-", "github_pat_", "eyJhbGciOi", "ya29."};
constexpr size_t kKeyBytesMin = 16;    // With a known beginning.
constexpr size_t kMixedBytesMin = 24;  // Without: letters and digits in turn.
constexpr size_t kMixedDigitsMin = 4;
constexpr size_t kCardDigitsMin = 13;
constexpr size_t kCardDigitsMax = 19;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

// Of keys and of addresses before their '@'.
bool is_word(char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.' || c == '+' ||
           c == '/' || c == '=';
}

bool is_key(std::string_view word) {
    const bool has_prefix =
        std::any_of(std::begin(kKeyPrefixes), std::end(kKeyPrefixes),
                    [word](std::string_view prefix) { return word.starts_with(prefix); });
    if (has_prefix) {
        return word.size() >= kKeyBytesMin;
    }
    const auto digits = std::ranges::count_if(word, is_digit);
    const auto letters = std::ranges::count_if(word, is_letter);
    return word.size() >= kMixedBytesMin && digits >= static_cast<ptrdiff_t>(kMixedDigitsMin) &&
           letters >= static_cast<ptrdiff_t>(kMixedDigitsMin) && !word.contains('/');
}

// ISO/IEC 7812-1 annex B (Luhn).
bool has_check_digit(std::string_view text) {
    size_t count = 0;
    int sum = 0;
    for (size_t i = text.size(); i > 0; --i) {
        if (!is_digit(text[i - 1])) {
            continue;
        }
        int digit = text[i - 1] - '0';
        if (count++ % 2 == 1) {
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        }
        sum += digit;
    }
    return count >= kCardDigitsMin && count <= kCardDigitsMax && sum % 10 == 0;
}

// The length of a card number that `text` begins with; 0 when there is none.
size_t card_length(std::string_view text) {
    size_t end = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if (is_digit(text[i])) {
            end = i + 1;
        } else if ((text[i] != ' ' && text[i] != '-') || end != i) {
            break;
        }
    }
    return has_check_digit(text.substr(0, end)) ? end : 0;
}

// The length of `@host.tld` that `text` begins with; 0 when there is none.
size_t host_length(std::string_view text) {
    size_t end = 1;
    size_t dot = 0;
    while (end < text.size() &&
           (is_digit(text[end]) || is_letter(text[end]) || text[end] == '-' || text[end] == '.')) {
        dot = text[end] == '.' && end + 1 < text.size() && is_letter(text[end + 1]) ? end : dot;
        ++end;
    }
    while (text[end - 1] == '.' || text[end - 1] == '-') {
        --end;  // The end of a sentence.
    }
    return dot > 1 ? end : 0;
}

}  // namespace

std::string_view mask_secrets(std::string_view text, Arena& arena) {
    json::ArenaText masked(arena, text.size() + 16);
    bool has_masked = false;
    const auto mask = [&](std::string_view what, size_t& at, size_t length) {
        masked.append(what);
        at += length;
        has_masked = true;
    };
    for (size_t at = 0; at < text.size();) {
        if (!is_word(text[at])) {
            masked.append(text[at++]);
            continue;
        }
        const std::string_view rest = text.substr(at);
        if (const size_t card = is_digit(text[at]) ? card_length(rest) : 0; card > 0) {
            mask("[card]", at, card);
            continue;
        }
        const auto* const end = std::ranges::find_if_not(rest, is_word);
        const auto length = static_cast<size_t>(end - rest.begin());
        const size_t host =
            length < rest.size() && rest[length] == '@' ? host_length(rest.substr(length)) : 0;
        if (host > 0) {
            mask("[email]", at, length + host);
        } else if (is_key(rest.substr(0, length))) {
            mask("[key]", at, length);
        } else {
            masked.append(rest.substr(0, length));
            at += length;
        }
    }
    return has_masked ? masked.view() : text;
}

}  // namespace sluice::pipeline
