// The built-in configurations.
#include "config/default_config.h"

namespace sluice::config {

namespace {

constexpr std::string_view kSimulated = R"toml(
[llm.simulated]
provider = "simulated"
type = "chat"

[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "simulated"

[[route]]
path_prefix = "/v1/completions"
target_llm = "simulated"

[[route]]
path_prefix = "/v1/embeddings"
target_llm = "simulated"

[[route]]
path_prefix = "/v1/responses"
target_llm = "simulated"

[[route]]
path_prefix = "/v1/messages"
target_llm = "simulated"

[[route]]
path_prefix = "/v1/models"
target_llm = "simulated"
)toml";

constexpr std::string_view kOpenAi = R"toml(
[llm.openai]
provider = "openai"
type = "chat"
base_url = "https://api.openai.com/v1"
token_env = "OPENAI_API_KEY"

[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "openai"

[[route]]
path_prefix = "/v1/completions"
target_llm = "openai"

[[route]]
path_prefix = "/v1/embeddings"
target_llm = "openai"

[[route]]
path_prefix = "/v1/responses"
target_llm = "openai"

[[route]]
path_prefix = "/v1/messages"
target_llm = "openai"

[[route]]
path_prefix = "/v1/models"
target_llm = "openai"
)toml";

}  // namespace

std::string_view default_config_text(bool has_key) {
    return has_key ? kOpenAi : kSimulated;
}

}  // namespace sluice::config
