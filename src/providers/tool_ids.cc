// The rules of the services, and the hash for what breaks them.
#include "providers/tool_ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/tree.h"

namespace sluice::providers {

namespace {

constexpr size_t kOpenAiBytesMax = 40;
constexpr size_t kConverseBytesMax = 64;
constexpr size_t kNine = 9;
// "call_" and half a SHA-256 in hexadecimal: 37 characters, which every service takes.
constexpr size_t kHashBytes = 16;

bool is_letter_or_digit(char c) {
    const char low = ascii_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view id, std::string_view marks) {
    return std::ranges::all_of(
        id, [marks](char c) { return is_letter_or_digit(c) || marks.find(c) != marks.npos; });
}

bool fits(std::string_view id, ToolIdRule rule) {
    switch (rule) {
        case ToolIdRule::any:
            return true;
        case ToolIdRule::openai:
            return id.size() <= kOpenAiBytesMax;
        case ToolIdRule::anthropic:
            return !id.empty() && consists_of(id, "_-");
        case ToolIdRule::converse:
            return !id.empty() && id.size() <= kConverseBytesMax && consists_of(id, "_-.:");
        case ToolIdRule::nine_letters:
            return id.size() == kNine && consists_of(id, "");
    }
    return true;
}

}  // namespace

json::Text fit_tool_id(json::Text id, ToolIdRule rule, Arena& arena) {
    if (fits(id.raw, rule)) {
        return id;
    }
    const crypto::Sha256 digest = crypto::sha256(id.raw);
    if (rule == ToolIdRule::nine_letters) {
        return {arena.copy(crypto::hex(digest).substr(0, kNine))};
    }
    return {arena.join({"call_", crypto::hex(std::span(digest).first(kHashBytes))})};
}

}  // namespace sluice::providers
