// Cohere by OpenAI's API.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"citation_options", "documents", "safety_mode"};

constexpr std::string_view kDroppedFields[] = {"logit_bias", "user", "parallel_tool_calls"};

}  // namespace

extern constinit const Vendor kCohere = {
    .name = "cohere",
    .title = "Cohere",
    .dialect = Dialect::chat,
    .base_url = "https://api.cohere.com/compatibility/v1",
    .key_env = "COHERE_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_openai_extras |
              Quirk::known_fields_only | Quirk::three_efforts,
    .capabilities = {.logprobs = false, .many_choices = false, .embeddings = true},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
