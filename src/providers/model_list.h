// Lists of models: from what each kind of service answers to one neutral form, and from there to
// what clients of OpenAI's and of Anthropic's API expect.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"

namespace sluice::providers {

struct ModelInfo {
    json::Text id = {};  // As requests name it.
    json::Text display_name = {};
    json::Text owned_by = {};  // Empty: whoever serves it.
    int64_t created_s = 0;     // Seconds since 1970; 0 when unknown.
    int64_t input_tokens_max = -1;
    int64_t output_tokens_max = -1;
};

// `dialect` is the service's. What has no id is passed over. The texts point into `body`. Fails
// with invalid_json or malformed.
Result<std::span<const ModelInfo>> decode_model_list(Dialect dialect,
                                                     std::string_view body,
                                                     Arena& arena);

// In the form of `client`: Anthropic's for messages, else OpenAI's. `owner` stands where a model
// names none.
void encode_model_list(Dialect client,
                       std::span<const ModelInfo> models,
                       std::string_view owner,
                       json::TextOutput& to);

}  // namespace sluice::providers
