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
extern const Vendor kOpenAi;

namespace {

constexpr std::array kVendors = {
    &kOpenAi,
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
};

}  // namespace

std::span<const Vendor* const> vendors() {
    return kVendors;
}

const Vendor* find_vendor(std::string_view name) {
    const auto* const found = std::ranges::find(kVendors, name, &Vendor::name);
    return found == kVendors.end() ? nullptr : *found;
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
