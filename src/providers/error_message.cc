// Providers echo keys that are wrong, and what stands in front of them answers in HTML.
#include "providers/error_message.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/writer.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kGeneric = "The upstream answered with an error.";
constexpr size_t kPlainBytesMax = 500;

// What keys begin with, and how long the rest of one is at least.
constexpr std::array<std::string_view, 7> kKeyPrefixes = {"sk-",  "gsk_", "hf_",  "xai-",
                                                          "AIza", "AKIA", "pplx-"};
constexpr size_t kKeyBytesMin = 16;

bool is_part_of_key(char c) {
    const char low = ascii_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// The length of the key that `text` begins with, 0 when it begins with none.
size_t key_bytes(std::string_view text) {
    const auto* const prefix = std::ranges::find_if(
        kKeyPrefixes, [text](std::string_view candidate) { return text.starts_with(candidate); });
    if (prefix == kKeyPrefixes.end()) {
        return 0;
    }
    const auto end = static_cast<size_t>(
        std::find_if_not(text.begin(), text.end(), is_part_of_key) - text.begin());
    return end >= prefix->size() + kKeyBytesMin ? end : 0;
}

std::string_view without_keys(std::string_view message, Arena& arena) {
    json::ArenaText text(arena, message.size() + 1);
    bool is_inside_word = false;
    while (!message.empty()) {
        const size_t key = is_inside_word ? 0 : key_bytes(message);
        if (key > 0) {
            text.append("[key]");
            message.remove_prefix(key);
            continue;
        }
        is_inside_word = is_part_of_key(message.front());
        text.append(message.front());
        message.remove_prefix(1);
    }
    return text.view();
}

bool is_page(std::string_view body) {
    const size_t start = body.find_first_not_of(" \t\r\n");
    return start != body.npos && body[start] == '<';
}

}  // namespace

std::string_view message_for_clients(std::string_view message, bool is_recognised, Arena& arena) {
    const bool is_body = !is_recognised && (is_page(message) || message.size() > kPlainBytesMax);
    return message.empty() || is_body ? kGeneric : without_keys(message, arena);
}

}  // namespace sluice::providers
