// Members that all dialects share say what a request needs.
#include "pipeline/request_shape.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "balance/prefix_hash.h"
#include "balance/target.h"
#include "base/arena.h"
#include "json/tree.h"
#include "pipeline/client_call.h"
#include "pipeline/prompt_facts.h"

namespace sluice::pipeline {

namespace {

constexpr uint64_t kBytesPerToken = 4;
// Of an answer whose length nobody has bounded, and the most that a bound is taken for.
constexpr uint32_t kOutputTokens = 256;
constexpr int64_t kOutputTokensMax = 8192;
constexpr uint64_t kTokensMax = 100'000'000;
// A longer conversation is known by its beginning: a mebibyte.
constexpr size_t kBlocksMax = 4096;

uint32_t bounded(uint64_t tokens) {
    return static_cast<uint32_t>(std::min(tokens, kTokensMax));
}

bool wants_schema(const json::Value& body) {
    return body["response_format"]["type"].text() == "json_schema" ||
           body["text"]["format"]["type"].text() == "json_schema";
}

bool wants_reasoning(const json::Value& body) {
    return body["reasoning_effort"].is_string() || body["reasoning"].is_object() ||
           body["thinking"]["type"].text() == "enabled";
}

uint32_t needs_of(const json::Value& body, const PromptFacts& facts) {
    uint32_t needs = 0;
    const auto add = [&needs](bool is_needed, uint32_t capability) {
        needs |= is_needed ? capability : 0;
    };
    add(facts.has_tools, balance::kTools);
    add(facts.has_tools && body["parallel_tool_calls"].is_true(), balance::kParallelTools);
    add(facts.images > 0, balance::kImages);
    add(facts.has_audio || body["audio"].is_object(), balance::kAudio);
    add(facts.has_documents, balance::kDocuments);
    add(wants_schema(body), balance::kJsonSchema);
    add(wants_reasoning(body), balance::kReasoning);
    return needs;
}

uint32_t output_tokens(const json::Value& body) {
    for (const std::string_view member :
         {"max_completion_tokens", "max_tokens", "max_output_tokens"}) {
        if (const std::optional<int64_t> count = body[member].integer()) {
            return static_cast<uint32_t>(std::clamp<int64_t>(*count, 0, kOutputTokensMax));
        }
    }
    return kOutputTokens;
}

// What an engine reads first comes first. The bracket that ends a list would end a block early,
// where the next turn of the same conversation goes on.
std::span<const uint64_t> blocks_of(const json::Value& body,
                                    const ClientCall& call,
                                    uint64_t seed,
                                    Arena& arena) {
    const std::string_view parts[] = {body["tools"].raw(), body["instructions"].raw(),
                                      body["system"].raw(), conversation_of(body, call).raw()};
    size_t bytes = 0;
    for (const std::string_view part : parts) {
        bytes += part.size();
    }
    const size_t count = std::min(bytes / balance::kPrefixBlockBytes, kBlocksMax);
    balance::PrefixHasher hasher(seed, arena.allocate_array<uint64_t>(count));
    for (const std::string_view part : parts) {
        hasher.add(part.substr(0, part.size() - (part.ends_with(']') ? 1 : 0)));
    }
    return hasher.blocks();
}

}  // namespace

RequestShape shape_by_size(uint64_t body_bytes, bool wants_stream) {
    return {.prompt_tokens = bounded(body_bytes / kBytesPerToken),
            .output_tokens = kOutputTokens,
            .is_streamed = wants_stream,
            .needs = wants_stream ? balance::kStreaming : 0U};
}

RequestShape shape_of(const json::Value& body,
                      const ClientCall& call,
                      bool wants_stream,
                      uint64_t prefix_seed,
                      Arena& arena) {
    const PromptFacts facts = prompt_facts(body, call);
    RequestShape shape;
    shape.is_whole = true;
    shape.prompt_tokens = bounded(facts.estimated_tokens);
    shape.output_tokens = output_tokens(body);
    shape.is_streamed = wants_stream;
    shape.needs = needs_of(body, facts) | (wants_stream ? balance::kStreaming : 0U);
    if (prefix_seed != 0) {
        shape.blocks = blocks_of(body, call, prefix_seed, arena);
    }
    return shape;
}

}  // namespace sluice::pipeline
