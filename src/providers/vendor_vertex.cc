// Google Vertex AI: Gemini by service account, in a project and a place.
#include <string_view>

#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/gemini_model.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

std::string_view method_of(const PathContext& context) {
    switch (context.operation) {
        case Operation::chat:
            return context.stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
        case Operation::embeddings:
            return embeds_by_predict(context.model) ? ":predict" : ":embedContent";
        case Operation::count_tokens:
            return ":countTokens";
        case Operation::completions:
        case Operation::responses:
        case Operation::models:
            break;
    }
    return {};
}

bool vertex_path(const PathContext& context, json::TextOutput& to) {
    const std::string_view method = method_of(context);
    if (method.empty()) {
        return false;
    }
    to.append("/projects/");
    to.append(context.project);
    to.append("/locations/");
    to.append(context.location);
    // A tuned model is called by the endpoint that serves it.
    constexpr std::string_view kEndpoints = "endpoints/";
    std::string_view model = gemini_base_name(context.model);
    const bool is_endpoint = model.starts_with(kEndpoints);
    if (is_endpoint) {
        model.remove_prefix(kEndpoints.size());
    }
    to.append(is_endpoint ? "/endpoints/" : "/publishers/google/models/");
    append_path_segment(to, model);
    to.append(method);
    return true;
}

}  // namespace

extern constinit const Vendor kVertex = {
    .name = "vertex",
    .title = "Google Vertex AI",
    .dialect = Dialect::generate_content,
    // The place `global` has no prefix; see expand_base_url().
    .base_url = "https://{location}-aiplatform.googleapis.com/v1",
    .key_env = "GOOGLE_APPLICATION_CREDENTIALS",
    .auth = AuthScheme::google,
    .path = vertex_path,
    .quirks = static_cast<Quirks>(Quirk::no_openai_extras),
    .capabilities = {.audio = true, .files = true, .embeddings = true, .count_tokens = true},
};

}  // namespace sluice::providers
