// What a request asks for that its target has no counterpart for: hints are left out and listed,
// the rest is refused. And small questions about requests that several dialects ask.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

// The schema of a tool that takes no arguments.
inline constexpr std::string_view kNoParameters = R"({"type":"object","properties":{}})";

// Which hints a dialect has a place for.
struct TakenHints {
    bool seed = false;
    bool penalties = false;
    bool logprobs = false;
    bool top_k = false;
    bool service_tier = false;
};

// Of dialects that give one choice, and no audio.
Status check_limits(const ChatRequest& request, const TakenHints& taken, Translation& translation);

// An image that should have been fetched before, as the target cannot.
std::unexpected<Error> refuse_remote_image(Translation& translation, std::string_view place);

// Some tool, or a certain one, must be called.
bool is_forced(const ToolChoice& choice);
// Whether the choice leaves this tool to the model.
bool offers(const ToolChoice& choice, const Tool& tool);

}  // namespace sluice::providers
