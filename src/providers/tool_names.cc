// The front of a name, and a hash of all of it.
#include "providers/tool_names.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "providers/canonical.h"

namespace sluice::providers {

json::Text shorten_tool_name(json::Text name, Arena& arena) {
    constexpr size_t kNameBytesMax = 64;
    constexpr size_t kFrontBytes = 55;
    constexpr size_t kHashDigits = 8;
    if (name.raw.size() <= kNameBytesMax) {
        return name;
    }
    const std::string_view front = name.raw.substr(0, kFrontBytes);
    // A name that no service takes is not cut inside an escape or a character.
    const bool is_plain =
        std::ranges::all_of(front, [](char c) { return c > ' ' && c != '\\' && c < 0x7f; });
    const std::string digest = crypto::hex(crypto::sha256(name.raw));
    return {arena.join(
        {is_plain ? front : "tool", "_", std::string_view(digest).substr(0, kHashDigits)})};
}

json::Text client_tool_name(json::Text sent, std::span<const RenamedTool> renamed) {
    const auto found = std::ranges::find_if(
        renamed, [sent](const RenamedTool& tool) { return tool.sent == sent.raw; });
    return found == renamed.end() ? sent : found->name;
}

}  // namespace sluice::providers
