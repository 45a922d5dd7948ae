// Hugging Face's Text Generation Inference. Formats and tools are grammars there, never both.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// Read, and then ignored.
constexpr std::string_view kDroppedFields[] = {"logit_bias", "user"};

}  // namespace

extern constinit const Vendor kTgi = {
    .name = "tgi",
    .title = "Text Generation Inference",
    .dialect = Dialect::chat,
    .base_url = "http://127.0.0.1:3000/v1",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::tgi_request,
    .capabilities = {.parallel_tools = false,
                     .reasoning = false,
                     .many_choices = false,
                     .completions = true},
    .dropped_fields = kDroppedFields,
    .health_path = "/health",
};

}  // namespace sluice::providers
