// AWS Bedrock: Converse for chat, InvokeModel for the rest.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// A model's id or ARN is one segment, so its colons and slashes are encoded.
void append_operation(std::string_view model, std::string_view operation, json::TextOutput& to) {
    to.append("/model/");
    append_path_segment(to, model);
    to.append('/');
    to.append(operation);
}

bool bedrock_path(const PathContext& context, json::TextOutput& to) {
    switch (context.operation) {
        case Operation::chat:
            append_operation(context.model, context.stream ? "converse-stream" : "converse", to);
            return true;
        case Operation::embeddings:
            append_operation(context.model, "invoke", to);
            return true;
        default:
            return false;  // Lists of models are at another host.
    }
}

}  // namespace

extern constinit const Vendor kBedrock = {
    .name = "bedrock",
    .title = "AWS Bedrock",
    .dialect = Dialect::converse,
    .base_url = "https://bedrock-runtime.{region}.amazonaws.com",
    .key_env = "AWS_BEARER_TOKEN_BEDROCK",
    .auth = AuthScheme::sigv4,
    .path = bedrock_path,
    .quirks = 0U | Quirk::model_in_url,
    .capabilities = {.image_urls = false,
                     .files = true,
                     .json_object = false,
                     .logprobs = false,
                     .many_choices = false,
                     .embeddings = true},
};

}  // namespace sluice::providers
