// RequestScan: the few members of a request body that decide its answer.
//
// A quick look, not a parser: it skips what it does not need, forgives what it does not understand
// and works on a body whose end was cut off, because the programs that use it must cost less than
// what they measure. Both ends use it, so the load generator knows what the mock will answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::llm_kit {

struct RequestScan {
    std::string_view model;
    // The value of "messages", "contents", "prompt" or "input" as written, no more than
    // kPromptBytesMax of it.
    std::string_view prompt;
    bool stream = false;
    bool names_stream = false;
    bool include_usage = false;
    std::optional<uint32_t> tokens_max;

    static constexpr size_t kPromptBytesMax = 4096;
};

// Views look into `body`, of which the first part is enough.
RequestScan scan_request(std::string_view body);

}  // namespace sluice::llm_kit
