// Capabilities by name, for configurations and for the table in the documentation.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "providers/vendor.h"

namespace sluice::providers {

namespace {

using Member = bool Capabilities::*;

constexpr auto kMembers = std::to_array<Member>({
    &Capabilities::stream,
    &Capabilities::tools,
    &Capabilities::parallel_tools,
    &Capabilities::tool_choice_required,
    &Capabilities::vision,
    &Capabilities::image_urls,
    &Capabilities::audio,
    &Capabilities::files,
    &Capabilities::json_object,
    &Capabilities::json_schema,
    &Capabilities::reasoning,
    &Capabilities::logprobs,
    &Capabilities::many_choices,
    &Capabilities::embeddings,
    &Capabilities::count_tokens,
    &Capabilities::responses,
    &Capabilities::completions,
    &Capabilities::prefill,
});

constexpr auto kNames = std::to_array<std::string_view>({
    "stream",
    "tools",
    "parallel_tools",
    "tool_choice_required",
    "vision",
    "image_urls",
    "audio",
    "files",
    "json_object",
    "json_schema",
    "reasoning",
    "logprobs",
    "many_choices",
    "embeddings",
    "count_tokens",
    "responses",
    "completions",
    "prefill",
});

static_assert(kMembers.size() == kNames.size() && kMembers.size() == sizeof(Capabilities));

size_t index_of(std::string_view name) {
    return static_cast<size_t>(std::ranges::find(kNames, name) - kNames.begin());
}

}  // namespace

bool set_capability(Capabilities& capabilities, std::string_view name, bool value) {
    const size_t index = index_of(name);
    if (index == kNames.size()) {
        return false;
    }
    capabilities.*kMembers[index] = value;
    return true;
}

std::span<const std::string_view> capability_names() {
    return kNames;
}

bool has_capability(const Capabilities& capabilities, std::string_view name) {
    const size_t index = index_of(name);
    return index < kNames.size() && capabilities.*kMembers[index];
}

}  // namespace sluice::providers
