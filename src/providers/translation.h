// What decoding and encoding a request report besides their result: hints that the target cannot
// take, and refusals that name the parameter.
//
// One per exchange, in its frame; texts are static or in the arena.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"

namespace sluice::providers {

// What happens to a hint that the target has no counterpart for.
enum class UnsupportedPolicy : uint8_t {
    drop,    // Left out, and listed in a header of the reply.
    warn,    // Likewise, and the log says so.
    strict,  // Refused.
};

class Translation {
public:
    // The list becomes a header.
    static constexpr size_t kDroppedMax = 64;

    explicit Translation(Arena& arena, UnsupportedPolicy policy = UnsupportedPolicy::drop)
        : arena_(&arena), dropped_(arena), policy_(policy) {}
    Translation(const Translation&) = delete;
    Translation& operator=(const Translation&) = delete;

    Arena& arena() const { return *arena_; }

    // A hint was left out or changed. Fails only when the policy is strict. Each is listed once,
    // and no more than kDroppedMax.
    Status drop(std::string_view param);
    // What cannot be left out without lying. `param` may be a path: "messages[2].content[0]".
    std::unexpected<Error> refuse(std::string_view param,
                                  std::string_view message,
                                  std::string_view code = "unsupported_parameter");
    // The request itself is wrong, whatever the target.
    std::unexpected<Error> invalid(std::string_view param, std::string_view message) {
        return refuse(param, message, {});
    }
    // "messages[3].tool_calls[1].function.arguments", in the arena.
    std::string_view path(std::string_view format, size_t first, size_t second = 0);

    std::span<const std::string_view> dropped() const { return dropped_.view(); }

    // Of the refusal; empty when there was none.
    std::string_view refused_param() const { return param_; }
    std::string_view refused_message() const { return message_; }
    std::string_view refused_code() const { return code_; }

private:
    Arena* arena_;
    ArenaList<std::string_view> dropped_;
    UnsupportedPolicy policy_;
    std::string_view param_;
    std::string_view message_;
    std::string_view code_;
};

}  // namespace sluice::providers
