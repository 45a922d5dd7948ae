// OpenAI: the service whose API the others are measured by.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kDroppedFields[] = {"top_k"};

}  // namespace

extern constinit const Vendor kOpenAi = {
    .name = "openai",
    .title = "OpenAI",
    .dialect = Dialect::chat,
    .base_url = "https://api.openai.com/v1",
    .key_env = "OPENAI_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .capabilities =
        {.audio = true, .files = true, .embeddings = true, .responses = true, .completions = true},
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
