// llama.cpp's server, and its relatives: LM Studio, Jan, LocalAI, KoboldCpp, llama-box.
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kLlamaCpp = {
    .name = "llama_cpp",
    .title = "llama.cpp",
    .dialect = Dialect::chat,
    .base_url = "http://127.0.0.1:8080/v1",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::returns_reasoning_content |
              Quirk::template_thinking | Quirk::three_efforts,
    .capabilities = {.embeddings = true, .responses = true, .completions = true, .prefill = true},
    .health_path = "/health",
};

}  // namespace sluice::providers
