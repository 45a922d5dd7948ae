// PromptTexts: the strings of a request that a model reads, whatever dialect it is written in, for
// processors that look at them or change them.
#pragma once

#include "base/arena.h"
#include "base/arena_list.h"
#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

struct PromptTextKinds {
    bool tools = false;      // Arguments of calls that the model made.
    bool reasoning = false;  // What it thought in earlier turns.
};

using PromptTexts = ArenaList<const json::Value*>;

// Every text of the conversation and the instructions; of a call that is not known, every string of
// the body. In no particular order.
void add_prompt_texts(const json::Value& body,
                      const ClientCall& call,
                      const PromptTextKinds& kinds,
                      PromptTexts& to);

// Whether two parsers may see different texts: a member occurs twice, or a name that nobody would
// write with escapes has some.
bool is_ambiguous(const json::Value& body, Arena& arena);

// The texts of the last message of the user, in their order; none where it has none.
void add_query_texts(const json::Value& body, const ClientCall& call, PromptTexts& to);

}  // namespace sluice::pipeline
