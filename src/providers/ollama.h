// Ollama's own dialect, upstream side; for ollama_upstream.cc.
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/reply.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

Status encode_ollama_request(const ChatRequest& request,
                             const Target& target,
                             Translation& translation,
                             json::TextOutput& body);
ReplyDecoder& make_ollama_decoder(ReplyOrder& order, const Target& target, Arena& arena);

}  // namespace sluice::providers
