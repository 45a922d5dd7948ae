// Bedrock's Converse, upstream side; for converse_upstream.cc.
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/reply.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

Status encode_converse_request(const ChatRequest& request,
                               const Target& target,
                               Translation& translation,
                               json::TextOutput& body);
ReplyDecoder& make_converse_decoder(ReplyOrder& order, const Target& target, Arena& arena);

}  // namespace sluice::providers
