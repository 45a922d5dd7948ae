// The parts of a Messages request as a client sends it, each read in a file of its own; for
// decode_messages.cc only.
#pragma once

#include <span>

#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

// `system` and `messages`, in one list.
Result<std::span<const Message>> read_messages_history(const json::Value& body,
                                                       Translation& translation);
// Fills in tools, tool_choice, parallel_tool_calls and renamed_tools.
Status read_messages_tools(const json::Value& body, ChatRequest& request, Translation& translation);

}  // namespace sluice::providers
