// Gemini's generateContent, as it is spoken by Google's two services: AI Studio and Vertex AI.
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/reply.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

// Files by URL must have been fetched (remote_content.h) where the target does not take URLs.
Status encode_gemini_request(const ChatRequest& request,
                             const Target& target,
                             Translation& translation,
                             json::TextOutput& body);

ReplyDecoder& make_gemini_decoder(ReplyOrder& order, const Target& target, Arena& arena);

}  // namespace sluice::providers
