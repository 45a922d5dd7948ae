// Groq. Refuses what it does not support instead of ignoring it.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {
    "service_tier",    "reasoning_format", "include_reasoning", "search_settings",
    "compound_custom", "documents",        "citation_options",  "disable_tool_validation"};

}  // namespace

extern constinit const Vendor kGroq = {
    .name = "groq",
    .title = "Groq",
    .dialect = Dialect::chat,
    .base_url = "https://api.groq.com/openai/v1",
    .key_env = "GROQ_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_openai_extras | Quirk::no_logprobs |
              Quirk::known_fields_only,
    .capabilities = {.logprobs = false, .many_choices = false, .responses = true},
    .own_fields = kOwnFields,
};

}  // namespace sluice::providers
