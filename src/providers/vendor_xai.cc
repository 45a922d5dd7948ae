// xAI. Its models refuse penalties.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"search_parameters", "deferred"};

constexpr std::string_view kDroppedFields[] = {"presence_penalty", "frequency_penalty",
                                               "logit_bias"};

}  // namespace

extern constinit const Vendor kXai = {
    .name = "xai",
    .title = "xAI",
    .dialect = Dialect::chat,
    .base_url = "https://api.x.ai/v1",
    .key_env = "XAI_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_openai_extras | Quirk::known_fields_only,
    .capabilities = {.responses = true},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
