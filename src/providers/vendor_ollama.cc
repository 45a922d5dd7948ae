// Ollama: models on a machine of one's own, by its own API, which knows more than its imitation of
// OpenAI's.
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool ollama_path(const PathContext& context, json::TextOutput& to) {
    switch (context.operation) {
        case Operation::chat:
            to.append("/api/chat");
            return true;
        case Operation::embeddings:
            to.append("/api/embed");
            return true;
        case Operation::models:
            to.append("/api/tags");
            return true;
        default:
            return false;
    }
}

}  // namespace

extern constinit const Vendor kOllama = {
    .name = "ollama",
    .title = "Ollama",
    .dialect = Dialect::ollama,
    .base_url = "http://localhost:11434",
    .auth = AuthScheme::none,
    .path = ollama_path,
    .capabilities = {.tool_choice_required = false,
                     .image_urls = false,
                     .many_choices = false,
                     .embeddings = true},
    .health_path = "/api/version",
};

}  // namespace sluice::providers
