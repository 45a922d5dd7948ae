// Names of tools: 128 characters at Anthropic, 64 everywhere else.
#pragma once

#include <span>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/canonical.h"

namespace sluice::providers {

// A name of 64 characters at the most, always the same for the same name.
json::Text shorten_tool_name(json::Text name, Arena& arena);

// What the client called the tool that a reply calls `sent`.
json::Text client_tool_name(json::Text sent, std::span<const RenamedTool> renamed);

}  // namespace sluice::providers
