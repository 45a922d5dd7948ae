// OpenAI's legacy completions, the client's side: a prompt in, its continuation out.
//
// Toward a chat model the prompt is one message of the user. What only a model that continues
// texts can do (echo, suffix, several prompts at once, tokens) is refused by name.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/reply.h"
#include "providers/translation.h"

namespace sluice::providers {

Result<const ChatRequest*> decode_completions(const json::Value& body, Translation& translation);
void encode_completions_reply(const Reply& reply,
                              const ReplyContext& context,
                              json::TextOutput& output,
                              Arena& arena);
StreamEncoder& make_completions_stream_encoder(const ReplyContext& context,
                                               json::TextOutput& output,
                                               Arena& arena);

}  // namespace sluice::providers
