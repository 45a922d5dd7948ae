// Azure OpenAI: deployments by name, or the newer paths without them.
//
// With an api-version the model is a deployment in the path; without one (or with "preview") it is
// in the body, below /openai/v1. Foundry's models that are not OpenAI's have a row of their own.
#include <string_view>

#include "base/text.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kDroppedFields[] = {"top_k"};

// Deployments have plain names; anything else must not change the path.
void append_segment(std::string_view name, json::TextOutput& to) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    for (const char c : name) {
        const char low = ascii_lower(c);
        if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
            std::string_view("-._~").find(c) != std::string_view::npos) {
            to.append(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        to.append('%');
        to.append(kDigits[byte >> 4U]);
        to.append(kDigits[byte & 15U]);
    }
}

bool is_about_deployment(Operation operation) {
    return operation == Operation::chat || operation == Operation::completions ||
           operation == Operation::embeddings;
}

void append_version(std::string_view version, json::TextOutput& to) {
    if (!version.empty()) {
        to.append("?api-version=");
        append_segment(version, to);
    }
}

bool azure_path(const PathContext& context, json::TextOutput& to) {
    const bool is_dated = !context.api_version.empty() && context.api_version != "preview";
    to.append("/openai");
    if (!is_dated) {
        to.append("/v1");
    } else if (is_about_deployment(context.operation)) {
        to.append("/deployments/");
        append_segment(context.model, to);
    }
    if (!openai_path(context, to)) {
        return false;
    }
    append_version(context.api_version, to);
    return true;
}

bool foundry_path(const PathContext& context, json::TextOutput& to) {
    if (context.operation != Operation::chat && context.operation != Operation::embeddings) {
        return false;
    }
    to.append("/models");
    openai_path(context, to);
    append_version(context.api_version.empty() ? "2024-05-01-preview" : context.api_version, to);
    return true;
}

// Fields beyond OpenAI's are for the model to judge; else Foundry refuses them.
constexpr HeaderLine kFoundryHeaders[] = {{"extra-parameters", "pass-through"}};

}  // namespace

extern constinit const Vendor kAzure = {
    .name = "azure",
    .title = "Azure OpenAI",
    .dialect = Dialect::chat,
    .base_url = "https://{resource}.openai.azure.com",
    .key_env = "AZURE_OPENAI_API_KEY",
    .auth = AuthScheme::header,
    .auth_name = "api-key",
    .path = azure_path,
    .quirks = Quirks(Quirk::normalize_replies),
    .capabilities =
        {.audio = true, .files = true, .embeddings = true, .responses = true, .completions = true},
    .dropped_fields = kDroppedFields,
};

extern constinit const Vendor kAzureFoundry = {
    .name = "azure_foundry",
    .title = "Azure AI Foundry",
    .dialect = Dialect::chat,
    .base_url = "https://{resource}.services.ai.azure.com",
    .key_env = "AZURE_AI_API_KEY",
    .auth = AuthScheme::header,
    .auth_name = "api-key",
    .headers = kFoundryHeaders,
    .path = foundry_path,
    .quirks = Quirk::normalize_replies | Quirk::no_developer_role,
    .capabilities = {.audio = true, .embeddings = true},
    .dropped_fields = kDroppedFields,
};

}  // namespace sluice::providers
