// Any service or gateway that speaks OpenAI's API and has no row of its own. It is taken at its
// word: what its clients and it say to each other passes byte for byte.
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

extern constinit const Vendor kOpenAiCompatible = {
    .name = "openai_compatible",
    .title = "OpenAI-compatible",
    .dialect = Dialect::chat,
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::max_tokens_only | Quirk::no_developer_role | Quirk::takes_extensions,
    .capabilities =
        {.audio = true, .files = true, .embeddings = true, .responses = true, .completions = true},
    .asks_for_usage = false,
};

}  // namespace sluice::providers
