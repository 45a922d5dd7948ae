// Server-sent events (WHATWG HTML, section "Server-sent events"): where events end, what they say.
//
// SseFramer only finds boundaries and looks at each byte once; SseParser yields names and data and
// copies only what arrives in more than one piece. Lines end with LF, CR or CRLF, also mixed, and
// a byte order mark may open the stream. One of them per stream, on the shard that carries it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"

namespace sluice::http {

class SseFramer {
public:
    struct Step {
        uint32_t consumed = 0;   // Bytes from the front of the piece.
        bool event_end = false;  // An event is complete with the last of them.
    };
    struct Summary {
        uint32_t events = 0;          // How many events end in this piece.
        uint32_t last_event_end = 0;  // Offset after the last of them; 0 if none ends here.
    };

    // Consumes up to just after the next event, or the whole piece. An event is any block of lines,
    // comments included, closed by an empty line; further empty lines close nothing. Where CRLF is
    // cut in two, the event ends with CR and the LF is the first byte consumed of the next piece.
    Step feed(std::string_view piece);
    // The same for a whole piece at once.
    Summary feed_all(std::string_view piece);

    // Nothing but complete events (and empty lines) went by: other text may be put in here.
    bool at_boundary() const;
    // The line that went by last has its end.
    bool at_line_start() const { return line_is_empty_; }

private:
    size_t take_start(std::string_view piece);

    uint8_t mark_bytes_ = 0;        // Of the byte order mark; all of them once that is behind us.
    bool line_is_empty_ = true;     // No byte of the current line was seen.
    bool block_has_lines_ = false;  // A line that is not empty came since the last boundary.
    bool after_cr_ = false;         // An LF now would belong to the line end already counted.
};

struct SseEvent {
    std::string_view name;  // "message" when the event does not say.
    std::string_view data;  // Data lines joined with LF.
    std::string_view id;    // The last id the stream has named; empty before that.
    std::optional<uint64_t> retry_ms;
};

class SseParser {
public:
    struct Step {
        uint32_t consumed = 0;
        bool has_event = false;
    };

    // Larger events are refused: a cut-off model answer fits many times over.
    static constexpr uint32_t kEventBytesMax = 4 * 1024 * 1024;

    explicit SseParser(uint32_t event_bytes_max = kEventBytesMax)
        : event_bytes_max_(event_bytes_max) {}

    // Consumes up to just after the next event that has data, or the whole piece. The views of
    // `event` hold until the next call and as long as the piece does. Fails with body_too_large.
    Result<Step> feed(std::string_view piece, SseEvent& event);

    // For the end of a stream that ended cleanly: the last event if only its empty line is
    // missing. The standard drops it; a provider's closing marker may be in it.
    bool finish(SseEvent& event);

    bool at_boundary() const { return framer_.at_boundary(); }

private:
    bool parse_block(std::string_view block, SseEvent& event);
    void add_line(std::string_view line, SseEvent& event);
    void add_data(std::string_view value, SseEvent& event);

    SseFramer framer_;
    uint32_t event_bytes_max_;
    bool is_at_start_ = true;      // Only there a byte order mark can stand.
    bool carry_is_spent_ = false;  // The last event looks into it; the next call clears it.
    uint32_t data_lines_ = 0;      // Of the block being parsed.
    std::string carry_;            // The front of an event whose end has not come yet.
    std::string joined_;           // Data of an event with several data lines.
    std::string last_id_;
};

}  // namespace sluice::http
