// The registration lines of the vendors, and what the configuration calls their quirks.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "json/writer.h"
#include "providers/vendor.h"

namespace sluice::providers {

// Each vendor is a file of its own: vendor_NAME.cc.
extern const Vendor kAnthropic;
extern const Vendor kAnthropicBedrock;
extern const Vendor kAnthropicVertex;
extern const Vendor kAzure;
extern const Vendor kAzureFoundry;
extern const Vendor kBedrock;
extern const Vendor kCerebras;
extern const Vendor kCohere;
extern const Vendor kDeepSeek;
extern const Vendor kFireworks;
extern const Vendor kGemini;
extern const Vendor kGroq;
extern const Vendor kHuggingFace;
extern const Vendor kLlamaCpp;
extern const Vendor kMistral;
extern const Vendor kOllama;
extern const Vendor kOllamaV1;
extern const Vendor kOpenAi;
extern const Vendor kOpenAiCompatible;
extern const Vendor kOpenRouter;
extern const Vendor kPerplexity;
extern const Vendor kSgLang;
extern const Vendor kTgi;
extern const Vendor kTogether;
extern const Vendor kVertex;
extern const Vendor kVLlm;
extern const Vendor kXai;

namespace {

constexpr std::array kVendors = {
    &kAnthropic,
    &kAnthropicBedrock,
    &kAnthropicVertex,
    &kAzure,
    &kAzureFoundry,
    &kBedrock,
    &kCerebras,
    &kCohere,
    &kDeepSeek,
    &kFireworks,
    &kGemini,
    &kGroq,
    &kHuggingFace,
    &kLlamaCpp,
    &kMistral,
    &kOllama,
    &kOllamaV1,
    &kOpenAi,
    &kOpenAiCompatible,
    &kOpenRouter,
    &kPerplexity,
    &kSgLang,
    &kTgi,
    &kTogether,
    &kVertex,
    &kVLlm,
    &kXai,
};

constexpr std::pair<std::string_view, Quirk> kQuirkNames[] = {
    {"normalize_replies", Quirk::normalize_replies},
    {"no_stream_options", Quirk::no_stream_options},
    {"max_tokens_only", Quirk::max_tokens_only},
    {"no_developer_role", Quirk::no_developer_role},
    {"no_openai_extras", Quirk::no_openai_extras},
    {"tool_choice_any", Quirk::tool_choice_any},
    {"nine_letter_tool_ids", Quirk::nine_letter_tool_ids},
    {"random_seed", Quirk::random_seed},
    {"returns_reasoning_content", Quirk::returns_reasoning_content},
    {"returns_reasoning", Quirk::returns_reasoning},
    {"no_logprobs", Quirk::no_logprobs},
    {"model_in_url", Quirk::model_in_url},
    {"no_strict_tools", Quirk::no_strict_tools},
    {"known_fields_only", Quirk::known_fields_only},
    {"thinking_switch", Quirk::thinking_switch},
    {"reasoning_object", Quirk::reasoning_object},
    {"template_thinking", Quirk::template_thinking},
    {"three_efforts", Quirk::three_efforts},
    {"takes_extensions", Quirk::takes_extensions},
    {"tgi_request", Quirk::tgi_request},
    {"returns_old_reasoning", Quirk::returns_old_reasoning},
    {"ids_repeat", Quirk::ids_repeat},
    {"continue_final_message", Quirk::continue_final_message},
    {"prefix_flag", Quirk::prefix_flag},
};

}  // namespace

std::span<const Vendor* const> vendors() {
    return kVendors;
}

const Vendor* find_vendor(std::string_view name) {
    const auto* const found = std::ranges::find(kVendors, name, &Vendor::name);
    return found == kVendors.end() ? nullptr : *found;
}

std::span<const std::string_view> quirk_names() {
    static constexpr auto kNames = [] {
        std::array<std::string_view, std::size(kQuirkNames)> names;
        std::ranges::transform(kQuirkNames, names.begin(),
                               [](const auto& row) { return row.first; });
        return names;
    }();
    return kNames;
}

std::string_view quirk_name(Quirk quirk) {
    const auto* const found =
        std::ranges::find(kQuirkNames, quirk, &std::pair<std::string_view, Quirk>::second);
    return found == std::end(kQuirkNames) ? std::string_view() : found->first;
}

bool find_quirk(std::string_view name, Quirk& quirk) {
    const auto* const found =
        std::ranges::find(kQuirkNames, name, &std::pair<std::string_view, Quirk>::first);
    if (found == std::end(kQuirkNames)) {
        return false;
    }
    quirk = found->second;
    return true;
}

bool openai_path(const PathContext& context, json::TextOutput& to) {
    switch (context.operation) {
        case Operation::chat:
            to.append("/chat/completions");
            return true;
        case Operation::completions:
            to.append("/completions");
            return true;
        case Operation::embeddings:
            to.append("/embeddings");
            return true;
        case Operation::responses:
            to.append("/responses");
            return true;
        case Operation::models:
            to.append("/models");
            return true;
        case Operation::count_tokens:
            return false;
    }
    return false;
}

}  // namespace sluice::providers
