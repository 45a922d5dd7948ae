// Embeddings: OpenAI's API toward clients, the forms of several services toward providers.
//
// Vectors are never read as numbers unless their form changes: an array passes as its digits, and
// base64 as its letters. Some services take one text per call; then a request becomes several
// calls, whose replies are read into one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

struct EmbeddingRequest {
    Text model = {};
    std::string_view input = {};       // JSON as written.
    std::span<const Text> texts = {};  // What is to be embedded; none when it is given as tokens.
    size_t inputs = 0;                 // How many vectors are asked for.
    std::string_view dimensions = {};
    Text encoding_format = {};
    Text user = {};
    std::span<const Member> others = {};

    bool wants_base64() const { return encoding_format == "base64"; }
};

// How a service is asked.
enum class EmbeddingForm : uint8_t {
    openai,
    gemini_batch,    // AI Studio: batchEmbedContents
    vertex_predict,  // Vertex: predict, for all but the newest models
    vertex_content,  // Vertex: embedContent
    bedrock_titan,   // Bedrock: InvokeModel, in the form of the model's maker
    bedrock_cohere,
    bedrock_nova,
    ollama,
};

// How `target` is asked; fails when it embeds nothing.
Result<EmbeddingForm> embedding_form(const Target& target, Translation& translation);
// How many inputs one call takes.
size_t embedding_inputs_max(EmbeddingForm form, std::string_view model);

Result<const EmbeddingRequest*> decode_embedding_request(const json::Value& body,
                                                         Translation& translation);

// Which inputs a call is for; those beyond the last do not count.
struct InputRange {
    size_t first = 0;
    size_t count = 0;
};

Status encode_embedding_request(const EmbeddingRequest& request,
                                EmbeddingForm form,
                                const Target& target,
                                InputRange range,
                                Translation& translation,
                                json::TextOutput& body);

// One of the two: a JSON array, or base64 of little-endian 32-bit floats.
struct Embedding {
    std::string_view numbers = {};
    Text base64 = {};
};

struct EmbeddingReply {
    explicit EmbeddingReply(Arena& arena) : vectors(arena) {}

    ArenaList<Embedding> vectors;
    Text model = {};  // Empty: as asked for.
    int64_t prompt_tokens = 0;
};

// Adds what one call has brought; `asked` is the number of its inputs. False: `failure` says why
// not. The reply looks into `body`.
bool decode_embedding_reply(std::string_view body,
                            EmbeddingForm form,
                            size_t asked,
                            Arena& arena,
                            EmbeddingReply& reply,
                            ProviderError& failure);

// For the client, in the encoding that it asked for. False when a vector cannot be read.
bool encode_embedding_reply(const EmbeddingReply& reply,
                            const EmbeddingRequest& request,
                            json::TextOutput& output);

}  // namespace sluice::providers
