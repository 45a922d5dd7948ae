// PromptFacts: what conditions, limits and validation ask of a request, whatever dialect it is
// written in. Counted in one walk over the parsed body; nothing is decoded.
#pragma once

#include <cstdint>
#include <string_view>

#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

struct PromptFacts {
    uint32_t messages = 0;  // Messages or input items; a prompt that is one text counts as one.
    uint32_t images = 0;
    bool has_tools = false;
    bool has_audio = false;
    bool has_documents = false;
    uint64_t estimated_tokens = 0;  // Of the prompt, tools and instructions included.
};

PromptFacts prompt_facts(const json::Value& body, const ClientCall& call);

// The member that holds the conversation: `messages`, `input` or `prompt`; absent when the call has
// none.
const json::Value& conversation_of(const json::Value& body, const ClientCall& call);

}  // namespace sluice::pipeline
