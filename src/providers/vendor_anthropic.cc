// Anthropic: the Messages API where it comes from.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr HeaderLine kHeaders[] = {{.name = "anthropic-version", .value = "2023-06-01"}};

bool anthropic_path(const PathContext& context, json::TextOutput& to) {
    switch (context.operation) {
        case Operation::chat:
            to.append("/messages");
            return true;
        case Operation::count_tokens:
            to.append("/messages/count_tokens");
            return true;
        case Operation::models:
            // All of them on one page.
            to.append("/models?limit=1000");
            return true;
        case Operation::completions:
        case Operation::embeddings:
        case Operation::responses:
            return false;
    }
    return false;
}

}  // namespace

extern constinit const Vendor kAnthropic = {
    .name = "anthropic",
    .title = "Anthropic",
    .dialect = Dialect::messages,
    .base_url = "https://api.anthropic.com/v1",
    .key_env = "ANTHROPIC_API_KEY",
    .auth = AuthScheme::header,
    .auth_name = "x-api-key",
    .headers = kHeaders,
    .path = anthropic_path,
    .capabilities = {.files = true,
                     .json_object = false,
                     .logprobs = false,
                     .many_choices = false,
                     .count_tokens = true},
};

}  // namespace sluice::providers
