// Together AI.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"top_k",
                                           "min_p",
                                           "repetition_penalty",
                                           "safety_model",
                                           "context_length_exceeded_behavior",
                                           "chat_template_kwargs"};

}  // namespace

extern constinit const Vendor kTogether = {
    .name = "together",
    .title = "Together AI",
    .dialect = Dialect::chat,
    .base_url = "https://api.together.xyz/v1",
    .key_env = "TOGETHER_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::known_fields_only | Quirk::three_efforts,
    .capabilities = {.embeddings = true, .completions = true},
    .own_fields = kOwnFields,
};

}  // namespace sluice::providers
