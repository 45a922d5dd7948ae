// RequestShape: what the choice of a target goes by: what a request needs, how long it is, and what
// it has in common with others. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

struct RequestShape {
    uint32_t prompt_tokens = 0;  // An estimate.
    uint32_t output_tokens = 0;  // What it may become; likewise.
    bool is_streamed = false;
    bool is_whole = false;               // The body was looked at.
    uint32_t needs = 0;                  // Bits of balance::Capability.
    uint64_t affinity = 0;               // Of what ties requests together; 0 is nothing.
    std::span<const uint64_t> blocks{};  // Chain hashes of the conversation, in the arena.
};

// Without a look into the body.
RequestShape shape_by_size(uint64_t body_bytes, bool wants_stream);
// `prefix_seed`: of the hashes; 0 leaves them out.
RequestShape shape_of(const json::Value& body,
                      const ClientCall& call,
                      bool wants_stream,
                      uint64_t prefix_seed,
                      Arena& arena);

}  // namespace sluice::pipeline
