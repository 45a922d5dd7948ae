// The table; the first row whose part occurs in the name counts.
#include "providers/claude_models.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::providers {

namespace {

constexpr ClaudeModel always_thinking(std::string_view part) {
    return {.name_part = part,
            .thinking = ClaudeThinking::always_on,
            .takes_sampling = false,
            .takes_effort_xhigh = true,
            .takes_forced_choice = false};
}

constexpr ClaudeModel without_sampling(std::string_view part) {
    return {.name_part = part, .takes_sampling = false, .takes_effort_xhigh = true};
}

constexpr ClaudeModel with_budget(std::string_view part, uint32_t output_tokens_max) {
    return {.name_part = part,
            .thinking = ClaudeThinking::budget,
            .output_tokens_max = output_tokens_max};
}

constexpr ClaudeModel before_structured(std::string_view part,
                                        ClaudeThinking thinking,
                                        uint32_t output_tokens_max) {
    return {.name_part = part,
            .thinking = thinking,
            .has_structured_output = false,
            .output_tokens_max = output_tokens_max};
}

constexpr std::array kModels = {
    always_thinking("fable-5"),
    always_thinking("mythos-5"),
    without_sampling("opus-5"),
    without_sampling("sonnet-5"),
    without_sampling("opus-4-8"),
    without_sampling("opus-4-7"),
    ClaudeModel{.name_part = "opus-4-6"},
    ClaudeModel{.name_part = "sonnet-4-6", .output_tokens_max = 64'000},
    with_budget("opus-4-5", 64'000),
    with_budget("sonnet-4-5", 64'000),
    with_budget("haiku-4-5", 64'000),
    with_budget("opus-4-1", 32'000),
    before_structured("opus-4", ClaudeThinking::budget, 32'000),
    before_structured("sonnet-4", ClaudeThinking::budget, 64'000),
    before_structured("3-7-sonnet", ClaudeThinking::budget, 64'000),
    before_structured("claude-3", ClaudeThinking::none, 8'192),
    before_structured("claude-2", ClaudeThinking::none, 4'096),
    before_structured("claude-instant", ClaudeThinking::none, 4'096),
};

constexpr ClaudeModel kNewer = {.takes_effort_xhigh = true};

}  // namespace

const ClaudeModel& claude_model(std::string_view model) {
    const auto* const found = std::ranges::find_if(kModels, [model](const ClaudeModel& row) {
        return model.find(row.name_part) != std::string_view::npos;
    });
    return found == kModels.end() ? kNewer : *found;
}

}  // namespace sluice::providers
