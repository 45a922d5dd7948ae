// PreparedRequest: one request as bytes, with the answer that must come back.
//
// Made once at start, sent as often as the run wants, by any connection of any shard: nothing is
// built while the clock runs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "llm-kit/answer.h"
#include "llm-load/options.h"

namespace sluice::llm_load {

struct PreparedRequest {
    std::string text;  // Head and body.
    llm_kit::Answer expected;
    bool has_expected = false;

    const llm_kit::Answer* answer() const { return has_expected ? &expected : nullptr; }
};

// One for each prompt that the options ask for. Empty, with a text in `wrong`, when the body file
// cannot be read.
std::vector<PreparedRequest> prepare_requests(const LoadOptions& options, std::string& wrong);

}  // namespace sluice::llm_load
