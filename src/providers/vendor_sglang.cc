// SGLang: a server of one's own.
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kSgLang = {
    .name = "sglang",
    .title = "SGLang",
    .dialect = Dialect::chat,
    .base_url = "http://127.0.0.1:30000/v1",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::returns_reasoning_content |
              Quirk::template_thinking | Quirk::three_efforts | Quirk::continue_final_message,
    .capabilities = {.audio = true,
                     .embeddings = true,
                     .responses = true,
                     .completions = true,
                     .prefill = true},
    .health_path = "/health",
};

}  // namespace sluice::providers
