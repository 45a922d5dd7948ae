// The chat dialect toward clients: what its whole replies and its streams have in common.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

void encode_chat_reply(const Reply& reply,
                       const ReplyContext& context,
                       json::TextOutput& output,
                       Arena& arena);
StreamEncoder& make_chat_stream_encoder(const ReplyContext& context,
                                        json::TextOutput& output,
                                        Arena& arena);
void encode_chat_error(const ProviderError& error,
                       std::string_view request_id,
                       json::TextOutput& output);
void encode_chat_error_event(const ProviderError& error,
                             std::string_view request_id,
                             json::TextOutput& output);

// Pieces of both forms, in encode_chat_pieces.cc.
// The id of a reply or of a call, or one made from the context's when the provider gave none.
void write_chat_reply_id(const ReplyStart& start,
                         const ReplyContext& context,
                         json::TextOutput& output);
void write_tool_call_id(const ToolCallStart& start,
                        const ReplyContext& context,
                        uint32_t choice,
                        uint32_t call,
                        json::TextOutput& output);
std::string_view finish_name(FinishReason reason, bool uses_functions);
void write_usage(const Usage& usage, json::Writer& writer);
void write_thinking_block(const ThinkingBlock& block, json::Writer& writer);
// The member extra_content of a call that carries a signature of Gemini's.
void write_signature(Text signature, json::Writer& writer);

}  // namespace sluice::providers
