// Cerebras.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"disable_reasoning", "clear_thinking"};

constexpr std::string_view kDroppedFields[] = {"presence_penalty", "frequency_penalty",
                                               "logit_bias"};

}  // namespace

extern constinit const Vendor kCerebras = {
    .name = "cerebras",
    .title = "Cerebras",
    .dialect = Dialect::chat,
    .base_url = "https://api.cerebras.ai/v1",
    .key_env = "CEREBRAS_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_developer_role | Quirk::no_openai_extras |
              Quirk::known_fields_only | Quirk::three_efforts,
    .capabilities = {.vision = false,
                     .image_urls = false,
                     .many_choices = false,
                     .completions = true},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
