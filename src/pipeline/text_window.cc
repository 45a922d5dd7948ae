// The buffer, and the pieces of it that are settled.
#include "pipeline/text_window.h"

#include <cstddef>
#include <span>
#include <string_view>

#include "pipeline/text_rules.h"

namespace sluice::pipeline {

namespace {

// Where the character before `at` begins.
size_t character_before(std::string_view text, size_t at) {
    while (at > 0) {
        --at;
        if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80) {
            break;
        }
    }
    return at;
}

}  // namespace

std::span<const TextWindow::Segment> TextWindow::take(const TextRules& rules,
                                                      std::string_view plain,
                                                      bool is_last) {
    const size_t gone = begins_anew_ ? buffer_.size() : character_before(buffer_, settled_);
    buffer_.erase(0, gone);
    settled_ -= gone;
    buffer_ += plain;
    matches_.clear();
    segments_.clear();
    size_t at = settled_;
    const std::string_view all = buffer_;
    settled_ = rules.scan(all, at, is_last, matches_);
    const auto release = [&](size_t to) {
        if (to > at) {
            segments_.push_back({all.substr(at, to - at)});
        }
    };
    for (const TextRules::Match& match : matches_) {
        release(match.begin);
        segments_.push_back({all.substr(match.begin, match.end - match.begin), match.rule});
        at = match.end;
    }
    release(settled_);
    begins_anew_ = is_last;
    return segments_;
}

}  // namespace sluice::pipeline
