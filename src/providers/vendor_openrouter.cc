// OpenRouter: a gateway to many providers, which takes their fields as well.
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kOpenRouter = {
    .name = "openrouter",
    .title = "OpenRouter",
    .dialect = Dialect::chat,
    .base_url = "https://openrouter.ai/api/v1",
    .key_env = "OPENROUTER_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::reasoning_object | Quirk::returns_reasoning |
              Quirk::takes_extensions,
    .capabilities = {.audio = true, .files = true, .embeddings = true, .completions = true},
};

}  // namespace sluice::providers
