// The parts of a Responses request, each read in a file of its own; for decode_responses.cc only.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

// `instructions` and `input`, in one list of messages.
Status read_responses_input(const json::Value& body,
                            Translation& translation,
                            ChatRequest& request);
// The content of input[index], which stands under `member`: a text or a list of parts.
Status read_responses_content(const json::Value& content,
                              std::string_view member,
                              size_t index,
                              Translation& translation,
                              Message& message);
// Tools, their choice, and whether several may be called at once.
Status read_responses_tools(const json::Value& body,
                            Translation& translation,
                            ChatRequest& request);

}  // namespace sluice::providers
