// TextWindow: one text that arrives in pieces, looked at by rules; what no rule can need any more
// leaves it at once.
//
// One for each run of text of a reply; it holds the last character that left, for boundaries of
// words, and what may still become a match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/text_rules.h"

namespace sluice::pipeline {

class TextWindow {
public:
    static constexpr uint32_t kNoRule = UINT32_MAX;

    struct Segment {
        std::string_view text;
        uint32_t rule = kNoRule;  // Which one it matches.
    };

    // Takes `plain`, and gives out what is settled now, in order. With `is_last` that is all, and
    // the next text begins anew. Segments are valid until the next call.
    std::span<const Segment> take(const TextRules& rules, std::string_view plain, bool is_last);

    bool empty() const { return settled_ == buffer_.size(); }

private:
    std::string buffer_;
    size_t settled_ = 0;  // Before it stands only what has left.
    bool begins_anew_ = false;
    std::vector<TextRules::Match> matches_;
    std::vector<Segment> segments_;
};

}  // namespace sluice::pipeline
