// Hugging Face's router to many providers. A model may end in ":provider".
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kHuggingFace = {
    .name = "huggingface",
    .title = "Hugging Face",
    .dialect = Dialect::chat,
    .base_url = "https://router.huggingface.co/v1",
    .key_env = "HF_TOKEN",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras,
    .capabilities = {.responses = true},
};

}  // namespace sluice::providers
