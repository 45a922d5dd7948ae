// DeepSeek. Thinking is a switch; the reasoning of an unfinished turn must come back.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"prefix"};

}  // namespace

extern constinit const Vendor kDeepSeek = {
    .name = "deepseek",
    .title = "DeepSeek",
    .dialect = Dialect::chat,
    .base_url = "https://api.deepseek.com",
    .key_env = "DEEPSEEK_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_developer_role |
              Quirk::no_openai_extras | Quirk::no_strict_tools | Quirk::known_fields_only |
              Quirk::thinking_switch | Quirk::returns_reasoning_content | Quirk::prefix_flag,
    .capabilities = {.vision = false,
                     .image_urls = false,
                     .json_schema = false,
                     .many_choices = false},
    .own_fields = kOwnFields,
};

}  // namespace sluice::providers
