// Ollama by OpenAI's API. Its own API says more; see vendor ollama.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kDroppedFields[] = {"logit_bias", "user"};

}  // namespace

extern constinit const Vendor kOllamaV1 = {
    .name = "ollama_v1",
    .title = "Ollama (OpenAI API)",
    .dialect = Dialect::chat,
    .base_url = "http://127.0.0.1:11434/v1",
    .key_env = "OLLAMA_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::returns_reasoning |
              Quirk::returns_reasoning_content | Quirk::returns_old_reasoning | Quirk::ids_repeat,
    .capabilities = {.tool_choice_required = false,
                     .image_urls = false,
                     .many_choices = false,
                     .embeddings = true,
                     .responses = true,
                     .completions = true},
    .dropped_fields = kDroppedFields,
    .health_path = "/api/version",
};

}  // namespace sluice::providers
