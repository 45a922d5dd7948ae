// Google AI Studio: Gemini by API key.
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
            return ":batchEmbedContents";
        case Operation::count_tokens:
            return ":countTokens";
        case Operation::completions:
        case Operation::responses:
        case Operation::models:
            break;
    }
    return {};
}

bool gemini_path(const PathContext& context, json::TextOutput& to) {
    if (context.operation == Operation::models) {
        to.append("/models?pageSize=1000");
        return true;
    }
    const std::string_view method = method_of(context);
    if (method.empty()) {
        return false;
    }
    constexpr std::string_view kTuned = "tunedModels/";
    std::string_view model = gemini_base_name(context.model);
    const bool is_tuned = model.starts_with(kTuned);
    if (is_tuned) {
        model.remove_prefix(kTuned.size());
    }
    to.append('/');
    to.append(is_tuned ? kTuned : "models/");
    append_path_segment(to, model);
    to.append(method);
    return true;
}

}  // namespace

extern constinit const Vendor kGemini = {
    .name = "gemini",
    .title = "Google Gemini",
    .dialect = Dialect::generate_content,
    .base_url = "https://generativelanguage.googleapis.com/v1beta",
    .key_env = "GEMINI_API_KEY",
    .auth = AuthScheme::header,
    .auth_name = "x-goog-api-key",
    .path = gemini_path,
    .capabilities = {.image_urls = false,
                     .audio = true,
                     .files = true,
                     .embeddings = true,
                     .count_tokens = true},
};

}  // namespace sluice::providers
