// What one target is sent of a request, for writing the head of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/slice_queue.h"
#include "http/framing.h"
#include "pipeline/exchange.h"
#include "pipeline/llm_target.h"
#include "pipeline/translated.h"
#include "trace/context.h"
#include "upstream/key_ring.h"

namespace sluice::pipeline {

struct Exchange::Sending {
    const LlmTarget& target;
    const Translated* translated;  // Null where it is relayed.
    const upstream::Key* key;      // None where none is needed.
    std::string_view model;        // The target's name for it.
    const SliceQueue& body;        // As far as it is there; the whole of a translated one.
    http::BodyKind kind = http::BodyKind::length;
    uint64_t bytes_to_come = 0;  // Of one with a length, after `body`.
    trace::SpanId span = 0;      // Of a trace; 0: that of the attempt that goes on.
};

}  // namespace sluice::pipeline
