// Fireworks AI. Models are called accounts/fireworks/models/NAME.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"top_k",
                                           "min_p",
                                           "repetition_penalty",
                                           "prompt_truncate_len",
                                           "context_length_exceeded_behavior",
                                           "mirostat_target",
                                           "mirostat_lr",
                                           "typical_p",
                                           "perf_metrics_in_response"};

}  // namespace

extern constinit const Vendor kFireworks = {
    .name = "fireworks",
    .title = "Fireworks AI",
    .dialect = Dialect::chat,
    .base_url = "https://api.fireworks.ai/inference/v1",
    .key_env = "FIREWORKS_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_developer_role | Quirk::no_openai_extras |
              Quirk::known_fields_only | Quirk::three_efforts,
    .capabilities = {.embeddings = true, .completions = true},
    .own_fields = kOwnFields,
};

}  // namespace sluice::providers
