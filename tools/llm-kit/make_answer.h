// Making the answer to a request: what the mock sends and the load generator expects.
//
// Pure: text by providers/simulated_llm.h, with fixed ids and times, so that equal requests have
// equal answers down to the byte and answers to different prompts differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "llm-kit/answer.h"
#include "llm-kit/model_call.h"

namespace sluice::llm_kit {

// Of a larger body only the first part is looked at, and less carefully (llm-kit/request_scan.h):
// the mock must not spend on a prompt of a megabyte what a gateway spends on it.
inline constexpr size_t kInspectedBytesMax = 65536;
// When everything was made: the first second of 2025, the same for everybody, for ever.
inline constexpr int64_t kCreatedS = 1'735'689'600;

struct AnswerOptions {
    uint32_t tokens = 64;  // Where the request sets no limit.
    // Shorter events are filled up with a comment line, and every event begins with a comment that
    // has room for a stamp; where the dialect has comments.
    uint32_t event_bytes = 0;
    bool stamped = false;
    // Ids and times are those of another program (the gateway's embedded simulator): blanks.
    bool has_own_ids = false;
    // What the usage says; only in OpenAI's dialect.
    uint32_t cached_tokens = 0;
    // Reads a large body as carefully as a small one. All of it must be there.
    bool reads_all = false;
    // Replaces the model of the request, as a gateway does for an alias.
    std::string_view model;
};

// `body` is the whole request body, or at least its first kInspectedBytesMax bytes of `body_bytes`.
// Fails where the service would answer 400; `where` says why.
Result<Answer> make_answer(const ModelCall& call,
                           std::string_view body,
                           uint64_t body_bytes,
                           const AnswerOptions& options);

// Everything that the answer depends on, as one text: a key for those who keep answers.
void append_answer_key(std::string& key,
                       const ModelCall& call,
                       std::string_view body,
                       uint64_t body_bytes,
                       const AnswerOptions& options);

}  // namespace sluice::llm_kit
