// OpenAI's Responses API, the client's side, as responses_client.cc names it.
//
// The API can keep conversations; a gateway keeps nothing, so what refers to something kept is
// refused by name. See protocols of OpenAI, section 11.4.
#pragma once

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

namespace sluice::providers {

Result<const ChatRequest*> decode_responses(const json::Value& body, Translation& translation);
void encode_responses_reply(const Reply& reply,
                            const ReplyContext& context,
                            json::TextOutput& output,
                            Arena& arena);
StreamEncoder& make_responses_stream_encoder(const ReplyContext& context,
                                             json::TextOutput& output,
                                             Arena& arena);
// For a stream that has said nothing yet; one that has tells of its failure itself.
void encode_responses_error_event(const ProviderError& error,
                                  std::string_view request_id,
                                  json::TextOutput& output);

}  // namespace sluice::providers
