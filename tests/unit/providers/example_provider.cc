// Lighthouse, an imaginary service: the example of docs/ADDING_A_PROVIDER.md, not in the table.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr HeaderLine kHeaders[] = {{.name = "lighthouse-version", .value = "2"}};

constexpr std::string_view kOwnFields[] = {"beam_width"};

constexpr std::string_view kDroppedFields[] = {"logit_bias", "user"};

bool lighthouse_path(const PathContext& context, json::TextOutput& to) {
    if (context.operation == Operation::chat) {
        to.append("/talk");
        return true;
    }
    return context.operation == Operation::embeddings && openai_path(context, to);
}

}  // namespace

extern constinit const Vendor kLighthouse = {
    .name = "lighthouse",
    .title = "Lighthouse",
    .dialect = Dialect::chat,
    .base_url = "https://api.lighthouse.example/v2",
    .key_env = "LIGHTHOUSE_API_KEY",
    .auth = AuthScheme::header,
    .auth_name = "x-lighthouse-key",
    .headers = kHeaders,
    .path = lighthouse_path,
    .quirks = Quirk::normalize_replies | Quirk::max_tokens_only | Quirk::no_openai_extras |
              Quirk::known_fields_only | Quirk::three_efforts,
    .capabilities = {.vision = false, .image_urls = false, .logprobs = false, .embeddings = true},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
