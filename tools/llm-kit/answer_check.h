// AnswerCheck: compares a body with what it must be, piece by piece as it arrives.
//
// Pieces may be cut anywhere. Each byte is looked at once, by memcmp between the blanks, so that
// checking everything costs less than receiving it. One per connection, begun anew per response.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "http/sse_framer.h"
#include "llm-kit/answer.h"
#include "llm-kit/stamp.h"

namespace sluice::llm_kit {

class AnswerCheck {
public:
    // Without `expected` only whole events and, for a stream, the end marker are looked for.
    void begin(const Answer* expected, bool is_stream);

    // Takes the next piece; false when it differs from what was expected, and then nothing more may
    // be fed. For every event that ended in it, appends when it was stamped (zero: no stamp).
    bool feed(std::string_view piece, std::vector<Instant>& arrived);

    uint32_t events() const { return events_; }
    uint64_t bytes() const { return bytes_; }
    // After the end of the body: empty, or what is missing.
    std::string_view verdict() const;
    // After feed() has said false: where, what was expected and what came.
    std::string difference() const { return difference_; }

private:
    static constexpr size_t kTailBytes = 16;

    bool feed_expected(std::string_view piece, std::vector<Instant>& arrived);
    void feed_unknown(std::string_view piece, std::vector<Instant>& arrived);
    void pass_blank(std::string_view part, const Blank& blank);
    void describe_difference(std::string_view came);

    const Answer* expected_ = nullptr;
    bool is_stream_ = false;
    uint32_t events_ = 0;
    uint64_t bytes_ = 0;
    size_t next_blank_ = 0;
    Instant stamp_;  // Of the event that is being received.
    std::array<char, kStampBytes> stamp_text_ = {};
    http::SseFramer framer_;
    std::array<char, kTailBytes> tail_ = {};  // The last bytes of a body that is not known.
    size_t tail_bytes_ = 0;
    std::string difference_;
};

}  // namespace sluice::llm_kit
