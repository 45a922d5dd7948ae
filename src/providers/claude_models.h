// What Claude models differ in, by family, wherever they are served: the rows of a table, found by
// a part of the model's name, so that Bedrock's, Vertex's and aliases' spellings all match.
//
// A name that no row knows counts as newer than the table.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::providers {

enum class ClaudeThinking : uint8_t {
    none,
    budget,     // {"type":"enabled","budget_tokens":N}
    adaptive,   // {"type":"adaptive"}, and output_config.effort says how much.
    always_on,  // Likewise, and it cannot be switched off.
};

struct ClaudeModel {
    std::string_view name_part = {};
    ClaudeThinking thinking = ClaudeThinking::adaptive;
    bool takes_sampling = true;       // temperature, top_p, top_k
    bool takes_effort_xhigh = false;  // Else "max" is the next best.
    bool takes_forced_choice = true;  // tool_choice any and tool.
    // output_config.format, and `strict` of tools, which came with it.
    bool has_structured_output = true;
    uint32_t output_tokens_max = 128'000;
};

const ClaudeModel& claude_model(std::string_view model);

}  // namespace sluice::providers
