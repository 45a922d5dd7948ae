// Anthropic's models on AWS Bedrock by InvokeModel: what Converse has no words for goes along.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool invoke_path(const PathContext& context, json::TextOutput& to) {
    if (context.operation != Operation::chat) {
        return false;
    }
    to.append("/model/");
    append_path_segment(to, context.model);
    to.append(context.stream ? "/invoke-with-response-stream" : "/invoke");
    return true;
}

}  // namespace

extern constinit const Vendor kAnthropicBedrock = {
    .name = "anthropic_bedrock",
    .title = "Anthropic on AWS Bedrock",
    .dialect = Dialect::invoke_messages,
    .base_url = "https://bedrock-runtime.{region}.amazonaws.com",
    .key_env = "AWS_BEARER_TOKEN_BEDROCK",
    .auth = AuthScheme::sigv4,
    .path = invoke_path,
    .quirks = 0U | Quirk::model_in_url,
    .capabilities = {.image_urls = false,
                     .files = true,
                     .json_object = false,
                     .logprobs = false,
                     .many_choices = false},
    .hosted_version = "bedrock-2023-05-31",
};

}  // namespace sluice::providers
