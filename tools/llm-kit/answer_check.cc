// A walk over the body whose steps end at blanks and at event ends.
#include "llm-kit/answer_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/time.h"
#include "http/sse_framer.h"
#include "http/sse_writer.h"
#include "llm-kit/answer.h"
#include "llm-kit/stamp.h"

namespace sluice::llm_kit {

void AnswerCheck::begin(const Answer* expected, bool is_stream) {
    expected_ = expected;
    is_stream_ = is_stream;
    events_ = 0;
    bytes_ = 0;
    next_blank_ = 0;
    stamp_ = {};
    framer_ = {};
    tail_bytes_ = 0;
    difference_.clear();
}

bool AnswerCheck::feed(std::string_view piece, std::vector<Instant>& arrived) {
    if (expected_ != nullptr) {
        return feed_expected(piece, arrived);
    }
    feed_unknown(piece, arrived);
    return true;
}

bool AnswerCheck::feed_expected(std::string_view piece, std::vector<Instant>& arrived) {
    const Answer& answer = *expected_;
    while (!piece.empty()) {
        const bool has_blank = next_blank_ < answer.blanks.size();
        const bool in_blank = has_blank && bytes_ >= answer.blanks[next_blank_].begin;
        const bool has_event = events_ < answer.events.size();
        uint64_t stop = answer.bytes.size();
        if (has_blank) {
            const Blank& blank = answer.blanks[next_blank_];
            stop = in_blank ? blank.end : blank.begin;
        }
        if (has_event) {
            stop = std::min<uint64_t>(stop, answer.events[events_].end);
        }
        const std::string_view part = piece.substr(0, stop - bytes_);
        if (part.empty()) {  // More than there should be.
            describe_difference(piece);
            return false;
        }
        if (in_blank) {
            pass_blank(part, answer.blanks[next_blank_]);
        } else if (std::memcmp(part.data(), answer.bytes.data() + bytes_, part.size()) != 0) {
            describe_difference(part);
            return false;
        }
        bytes_ += part.size();
        piece.remove_prefix(part.size());
        if (has_event && bytes_ == answer.events[events_].end) {
            arrived.push_back(stamp_);
            stamp_ = {};
            ++events_;
        }
    }
    return true;
}

// A stamp may be cut, so its digits are put together first.
void AnswerCheck::pass_blank(std::string_view part, const Blank& blank) {
    const bool is_stamp =
        events_ < expected_->events.size() && expected_->events[events_].stamp == blank.begin;
    if (is_stamp) {
        part.copy(stamp_text_.data() + (bytes_ - blank.begin), part.size());
    }
    if (bytes_ + part.size() == blank.end) {
        if (is_stamp) {
            stamp_ = read_stamp({stamp_text_.data(), stamp_text_.size()});
        }
        ++next_blank_;
    }
}

void AnswerCheck::feed_unknown(std::string_view piece, std::vector<Instant>& arrived) {
    bytes_ += piece.size();
    if (!is_stream_) {
        return;
    }
    const uint32_t events = framer_.feed_all(piece).events;
    arrived.insert(arrived.end(), events, Instant());
    events_ += events;
    // The last bytes of everything so far.
    const std::string_view end = piece.substr(piece.size() - std::min(piece.size(), kTailBytes));
    const size_t kept = std::min(tail_bytes_, kTailBytes - end.size());
    std::memmove(tail_.data(), tail_.data() + (tail_bytes_ - kept), kept);
    end.copy(tail_.data() + kept, end.size());
    tail_bytes_ = kept + end.size();
}

std::string_view AnswerCheck::verdict() const {
    if (expected_ != nullptr) {
        return bytes_ == expected_->bytes.size() ? "" : "answer_too_short";
    }
    if (!is_stream_) {
        return bytes_ > 0 ? "" : "answer_empty";
    }
    if (!framer_.at_boundary()) {
        return "event_cut";
    }
    const std::string_view tail(tail_.data(), tail_bytes_);
    return tail.ends_with(http::kSseDone) ? "" : "no_done_event";
}

void AnswerCheck::describe_difference(std::string_view came) {
    constexpr size_t kShownBytes = 60;
    constexpr size_t kBefore = 20;
    const std::string_view all = expected_->bytes;
    const std::string_view wanted = all.substr(std::min<size_t>(bytes_, all.size()));
    const auto [at, unused] = std::mismatch(came.begin(), came.end(), wanted.begin(), wanted.end());
    const auto offset = static_cast<size_t>(at - came.begin());
    const size_t from = offset - std::min(offset, kBefore);
    difference_ =
        fmt::format("at byte {} of {} expected \"{}\", received \"{}\"", bytes_ + offset,
                    all.size(), wanted.substr(from, kShownBytes), came.substr(from, kShownBytes));
}

}  // namespace sluice::llm_kit
