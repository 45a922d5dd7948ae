// WireForm: how one dialect writes what the simulated model says, and what it reads of a request.
//
// One table for each dialect, in wire_<dialect>.cc. The text, its tokens and its usage are the same
// in all of them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "json/document.h"
#include "llm-kit/model_call.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

// What an answer says. Views hold while it is written.
struct Said {
    std::string_view model;
    std::string_view id;  // 24 letters and digits.
    std::string_view text;
    providers::SimulatedUsage usage;
    bool is_cut = false;  // The request allowed fewer tokens than the answer has.
    // A tool that is called instead of saying anything; its arguments, as JSON, are `text`.
    std::string_view tool_name = {};
};

// An event is whole, its framing included.
using Events = std::vector<std::string>;

struct WireForm {
    std::string_view stream_type;  // Its content-type.
    // Events may have comment lines: room for stamps and for filling them up.
    bool has_comments = true;
    bool streams_unless_told = false;

    // Null for OpenAI's, whose answers are SimulatedAnswer's own.
    // Texts that the request keeps go into the arena.
    Status (*read)(const json::Document& document,
                   providers::SimulatedRequest& request,
                   Arena& arena) = nullptr;
    std::string (*body)(const Said& said) = nullptr;
    Events (*opening)(const Said& said) = nullptr;
    std::string (*token)(const Said& said, std::string_view word) = nullptr;
    // The event of a whole call; null where tools are not called.
    std::string (*call)(const Said& said) = nullptr;
    Events (*closing)(const Said& said) = nullptr;  // The last one tells that it was all.

    std::string (*error_body)(uint16_t status, std::string_view message) = nullptr;
    // For the field x-amzn-errortype; null where there is none.
    std::string_view (*error_type)(uint16_t status) = nullptr;
    std::string (*error_event)() = nullptr;
    std::string (*broken_event)() = nullptr;  // With JSON that is cut off.
};

const WireForm& form_of(Wire wire);

extern const WireForm kOpenAiForm;
extern const WireForm kMessagesForm;
extern const WireForm kGeminiForm;
extern const WireForm kConverseForm;
extern const WireForm kInvokeForm;
extern const WireForm kOllamaForm;

// What the event of a fault says, in every dialect.
inline constexpr std::string_view kStopped = "the model stopped";

std::string quoted(std::string_view text);

}  // namespace sluice::llm_kit
