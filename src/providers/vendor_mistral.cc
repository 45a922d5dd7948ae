// Mistral. Refuses every field that it does not know; usage comes without being asked for.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"prefix", "prompt_mode", "safe_prompt", "guardrails"};

constexpr std::string_view kDroppedFields[] = {"logit_bias", "user"};

}  // namespace

extern constinit const Vendor kMistral = {
    .name = "mistral",
    .title = "Mistral",
    .dialect = Dialect::chat,
    .base_url = "https://api.mistral.ai/v1",
    .key_env = "MISTRAL_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_stream_options | Quirk::max_tokens_only |
              Quirk::no_developer_role | Quirk::no_openai_extras | Quirk::tool_choice_any |
              Quirk::nine_letter_tool_ids | Quirk::random_seed | Quirk::known_fields_only |
              Quirk::prefix_flag,
    .capabilities = {.audio = true, .logprobs = false, .embeddings = true, .prefill = true},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
