// Anthropic's Messages API, both sides of it, as the rows of dialect_table.cc name them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

// The provider's side.
Status encode_messages_request(const ChatRequest& request,
                               const Target& target,
                               Translation& translation,
                               json::TextOutput& body);
ReplyDecoder& make_messages_decoder(ReplyOrder& order, const Target& target, Arena& arena);

// A client's body of the same API for a cloud that hosts it: without its model, with the version,
// and everything else as it is. `betas` is the value of the client's header for them.
void write_hosted_request(const json::Value& body,
                          const Target& target,
                          std::string_view betas,
                          json::TextOutput& to);

// The client's side.
Result<const ChatRequest*> decode_messages_request(const json::Value& body,
                                                   Translation& translation);
StreamEncoder& make_messages_stream_encoder(const ReplyContext& context,
                                            json::TextOutput& output,
                                            Arena& arena);
// For replies whose events stay as they are: says errors only.
StreamEncoder& make_passing_messages_encoder(json::TextOutput& output, Arena& arena);
Status check_messages_reply(const Reply& reply, Arena& arena);
void encode_messages_reply(const Reply& reply,
                           const ReplyContext& context,
                           json::TextOutput& output,
                           Arena& arena);
void encode_messages_error(const ProviderError& error,
                           std::string_view request_id,
                           json::TextOutput& output);
void encode_messages_error_event(const ProviderError& error,
                                 std::string_view request_id,
                                 json::TextOutput& output);
uint16_t messages_status(uint16_t status);

}  // namespace sluice::providers
