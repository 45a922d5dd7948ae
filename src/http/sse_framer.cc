// One search for a line end per line; everything else is a few flags.
#include "http/sse_framer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "http/byte_scan.h"

namespace sluice::http {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kDefaultName = "message";

// Takes a line and its end off the front of `rest`.
std::string_view take_line(std::string_view& rest) {
    const char* const end = rest.data() + rest.size();
    const char* next = find_line_end(rest.data(), end);
    const std::string_view line(rest.data(), static_cast<size_t>(next - rest.data()));
    if (next != end) {
        next += next + 1 != end && next[0] == '\r' && next[1] == '\n' ? 2 : 1;
    }
    rest = {next, static_cast<size_t>(end - next)};
    return line;
}

// They belong to no event and do not count against its limit.
std::string_view without_empty_lines(std::string_view block) {
    return block.substr(std::min(block.find_first_not_of("\r\n"), block.size()));
}

}  // namespace

SseFramer::Step SseFramer::feed(std::string_view piece) {
    const char* const begin = piece.data();
    const char* const end = begin + piece.size();
    const char* at = begin + take_start(piece);
    while (at != end) {
        const char* const line_end = find_line_end(at, end);
        if (line_end != at) {
            line_is_empty_ = false;
        }
        if (line_end == end) {
            break;
        }
        at = line_end + 1;
        if (*line_end == '\r') {
            after_cr_ = at == end;
            at += at != end && *at == '\n' ? 1 : 0;
        }
        const bool closes_event = line_is_empty_ && block_has_lines_;
        block_has_lines_ = !line_is_empty_;
        line_is_empty_ = true;
        if (closes_event) {
            return {.consumed = static_cast<uint32_t>(at - begin), .event_end = true};
        }
    }
    return {.consumed = static_cast<uint32_t>(piece.size()), .event_end = false};
}

SseFramer::Summary SseFramer::feed_all(std::string_view piece) {
    Summary summary;
    uint32_t offset = 0;
    while (offset < piece.size()) {
        const Step step = feed(piece.substr(offset));
        offset += step.consumed;
        if (step.event_end) {
            ++summary.events;
            summary.last_event_end = offset;
        }
    }
    return summary;
}

// The bytes at the front of a piece that are part of no line: what is left of a byte order mark,
// or the LF of a CRLF that was cut in two.
size_t SseFramer::take_start(std::string_view piece) {
    size_t taken = 0;
    if (after_cr_ && !piece.empty()) {
        after_cr_ = false;
        return piece.front() == '\n' ? 1 : 0;
    }
    while (mark_bytes_ < kByteOrderMark.size() && taken < piece.size()) {
        if (piece[taken] != kByteOrderMark[mark_bytes_]) {
            line_is_empty_ = mark_bytes_ == 0;  // What looked like the mark is text.
            mark_bytes_ = kByteOrderMark.size();
            break;
        }
        ++mark_bytes_;
        ++taken;
    }
    return taken;
}

bool SseFramer::at_boundary() const {
    const bool is_in_mark = mark_bytes_ != 0 && mark_bytes_ != kByteOrderMark.size();
    return line_is_empty_ && !block_has_lines_ && !is_in_mark;
}

Result<SseParser::Step> SseParser::feed(std::string_view piece, SseEvent& event) {
    Step result;
    if (carry_is_spent_) {
        carry_.clear();
        carry_is_spent_ = false;
    }
    while (result.consumed < piece.size()) {
        const std::string_view rest = piece.substr(result.consumed);
        const SseFramer::Step step = framer_.feed(rest);
        result.consumed += step.consumed;
        std::string_view block = rest.substr(0, step.consumed);
        if (carry_.empty()) {
            const size_t received_bytes = block.size();
            block = without_empty_lines(block);
            is_at_start_ = is_at_start_ && block.size() == received_bytes;
        }
        if (block.size() > event_bytes_max_ - carry_.size()) {
            return fail(Error{.kind = ErrorKind::body_too_large,
                              .source = ErrorSource::upstream,
                              .where = "server-sent event"});
        }
        const bool is_carried = !carry_.empty() || !step.event_end;
        if (is_carried) {
            carry_.append(block);
            block = carry_;
        }
        if (step.event_end) {
            result.has_event = parse_block(block, event);
        } else if (!framer_.at_boundary()) {
            return result;
        }
        // Here ends an event, or there was nothing but empty lines.
        if (result.has_event) {
            carry_is_spent_ = is_carried;
            return result;
        }
        carry_.clear();
        is_at_start_ = false;
    }
    return result;
}

bool SseParser::finish(SseEvent& event) {
    if (carry_is_spent_ || carry_.empty()) {
        return false;
    }
    carry_is_spent_ = true;
    return parse_block(carry_, event);
}

// Returns whether the block has data, without which it is no event to anybody.
bool SseParser::parse_block(std::string_view block, SseEvent& event) {
    event = SseEvent{.name = kDefaultName, .data = {}, .id = {}, .retry_ms = {}};
    data_lines_ = 0;
    if (is_at_start_ && block.starts_with(kByteOrderMark)) {
        block.remove_prefix(kByteOrderMark.size());
    }
    is_at_start_ = false;
    while (!block.empty()) {
        add_line(take_line(block), event);
    }
    event.id = last_id_;
    return data_lines_ > 0;
}

void SseParser::add_line(std::string_view line, SseEvent& event) {
    const size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value;
    if (colon != std::string_view::npos) {
        value = line.substr(colon + 1);
        if (value.starts_with(' ')) {
            value.remove_prefix(1);
        }
    }
    if (field == "data") {
        add_data(value, event);
    } else if (field == "event") {
        event.name = value.empty() ? kDefaultName : value;
    } else if (field == "id") {
        if (value.find('\0') == std::string_view::npos) {
            last_id_.assign(value);
        }
    } else if (field == "retry") {
        if (const std::optional<uint64_t> retry_ms = parse_decimal(value)) {
            event.retry_ms = retry_ms;
        }
    }
}

void SseParser::add_data(std::string_view value, SseEvent& event) {
    if (data_lines_ == 0) {
        event.data = value;
    } else {
        if (data_lines_ == 1) {
            joined_.assign(event.data);
        }
        joined_ += '\n';
        joined_ += value;
        event.data = joined_;
    }
    ++data_lines_;
}

}  // namespace sluice::http
