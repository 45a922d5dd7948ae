// Ids of tool calls that fit a service's rule, for histories that began at another service.
//
// An id that breaks the rule gives way to a hash of itself, so that a call and its result still
// name each other, in this request and in the next. Pure.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::providers {

enum class ToolIdRule : uint8_t {
    any,
    openai,       // At most 40 characters.
    anthropic,    // Letters, digits, '_' and '-'.
    converse,     // Likewise with '.' and ':', at most 64.
    nine_letters  // Exactly nine letters or digits.
};

// Without quotes or escapes: `id` itself when it fits.
json::Text fit_tool_id(json::Text id, ToolIdRule rule, Arena& arena);

}  // namespace sluice::providers
