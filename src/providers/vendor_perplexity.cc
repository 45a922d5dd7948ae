// Perplexity: models that search.
#include <string_view>

#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOwnFields[] = {"top_k",
                                           "search_mode",
                                           "search_domain_filter",
                                           "search_recency_filter",
                                           "search_after_date_filter",
                                           "search_before_date_filter",
                                           "last_updated_after_filter",
                                           "last_updated_before_filter",
                                           "return_images",
                                           "return_related_questions",
                                           "disable_search",
                                           "enable_search_classifier",
                                           "web_search_options",
                                           "media_response"};

constexpr std::string_view kDroppedFields[] = {"logit_bias", "seed", "user"};

}  // namespace

extern constinit const Vendor kPerplexity = {
    .name = "perplexity",
    .title = "Perplexity",
    .dialect = Dialect::chat,
    .base_url = "https://api.perplexity.ai",
    .key_env = "PERPLEXITY_API_KEY",
    .auth = AuthScheme::bearer,
    .path = openai_path,
    .quirks = Quirk::normalize_replies | Quirk::no_stream_options | Quirk::max_tokens_only |
              Quirk::no_developer_role | Quirk::no_openai_extras | Quirk::known_fields_only,
    .capabilities = {.tools = false,
                     .parallel_tools = false,
                     .tool_choice_required = false,
                     .json_object = false,
                     .logprobs = false,
                     .many_choices = false},
    .own_fields = kOwnFields,
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
