// Anthropic's models on Google Vertex AI: its own API, by service account, in a project and a
// place.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool raw_predict_path(const PathContext& context, json::TextOutput& to) {
    if (context.operation != Operation::chat) {
        return false;
    }
    to.append("/projects/");
    to.append(context.project);
    to.append("/locations/");
    to.append(context.location);
    to.append("/publishers/anthropic/models/");
    append_path_segment(to, context.model);
    to.append(context.stream ? ":streamRawPredict" : ":rawPredict");
    return true;
}

}  // namespace

extern constinit const Vendor kAnthropicVertex = {
    .name = "anthropic_vertex",
    .title = "Anthropic on Google Vertex AI",
    .dialect = Dialect::messages,
    .base_url = "https://{location}-aiplatform.googleapis.com/v1",
    .key_env = "GOOGLE_APPLICATION_CREDENTIALS",
    .auth = AuthScheme::google,
    .path = raw_predict_path,
    .quirks = 0U | Quirk::model_in_url,
    .capabilities = {.image_urls = false,
                     .files = true,
                     .json_object = false,
                     .logprobs = false,
                     .many_choices = false},
    .hosted_version = "vertex-2023-10-16",
};

}  // namespace sluice::providers
