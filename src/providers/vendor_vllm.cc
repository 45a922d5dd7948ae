// vLLM: a server of one's own. Sends reasoning as "reasoning" and wants it back under that name.
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kVLlm = {
    .name = "vllm",
    .title = "vLLM",
    .dialect = Dialect::chat,
    .base_url = "http://127.0.0.1:8000/v1",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::returns_reasoning |
              Quirk::template_thinking | Quirk::three_efforts | Quirk::continue_final_message,
    .capabilities = {.audio = true,
                     .embeddings = true,
                     .responses = true,
                     .completions = true,
                     .prefill = true},
    .health_path = "/health",
};

}  // namespace sluice::providers
