// ArgumentsScan: whether the arguments of a tool call, which arrive in pieces, are complete JSON.
//
// Looks at brackets and strings only; whether they are valid is not its question.
#pragma once

#include <cstdint>

#include "json/tree.h"

namespace sluice::providers {

class ArgumentsScan {
public:
    // The next piece, escaped as inside a JSON string; an escape is never cut.
    void feed(json::Text fragment);
    // The bracket that was opened first is closed.
    bool is_complete() const { return is_complete_; }

private:
    void take(char c);

    uint32_t depth_ = 0;
    bool is_in_string_ = false;
    bool is_after_backslash_ = false;
    bool is_complete_ = false;
};

}  // namespace sluice::providers
