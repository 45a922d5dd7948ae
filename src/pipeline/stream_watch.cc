// Event ends from the framer, meaning from the first bytes of each event.
#include "pipeline/stream_watch.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "json/document.h"
#include "json/member_finder.h"

namespace sluice::pipeline {

namespace {

// The value of a `data` or `event` line, without the one blank that may follow the colon.
std::string_view line_value(std::string_view line, std::string_view name) {
    if (!line.starts_with(name)) {
        return {};
    }
    line.remove_prefix(name.size());
    if (line.starts_with(' ')) {
        line.remove_prefix(1);
    }
    return line;
}

uint64_t first_of(const json::Document& document, const char* path, const char* other) {
    Result<int64_t> value = document.integer(path);
    if (!value) {
        value = document.integer(other);
    }
    return value && *value > 0 ? static_cast<uint64_t>(*value) : 0;
}

}  // namespace

StreamWatch::StreamWatch(bool is_event_stream, Terminator terminator, Arena& arena)
    : usage_finder_("\"usage\"", arena),
      terminator_(terminator),
      is_event_stream_(is_event_stream) {}

uint32_t StreamWatch::see(std::string_view bytes) {
    usage_finder_.feed(bytes);
    if (!is_event_stream_) {
        return static_cast<uint32_t>(bytes.size());
    }
    uint32_t complete = 0;
    uint32_t at = 0;
    while (at < bytes.size()) {
        const std::string_view rest = bytes.substr(at);
        const http::SseFramer::Step step = framer_.feed(rest);
        keep_head(rest.substr(0, step.consumed));
        at += step.consumed;
        if (step.event_end) {
            ++events_;
            judge_event();
            head_bytes_ = 0;
            in_other_line_ = false;
            complete = at;
        }
    }
    // Empty lines between events belong to nothing and may pass at once.
    return framer_.at_boundary() ? at : complete;
}

void StreamWatch::end() {
    if (is_event_stream_ && head_bytes_ > 0) {
        judge_event();
        head_bytes_ = 0;
    }
}

// Whether a line that begins so can say what an event is: comments, ids and the like cannot.
bool StreamWatch::may_tell(char first) const {
    return first == 'd' || (first == 'e' && terminator_ == Terminator::responses);
}

// The head is that of the first line that may tell something, not of the event.
void StreamWatch::keep_head(std::string_view bytes) {
    while (head_bytes_ == 0) {
        if (in_other_line_) {
            const size_t end = bytes.find_first_of("\r\n");
            if (end == std::string_view::npos) {
                return;
            }
            bytes.remove_prefix(end);
            in_other_line_ = false;
        }
        const size_t first = bytes.find_first_not_of("\r\n");
        if (first == std::string_view::npos) {
            return;
        }
        bytes.remove_prefix(first);
        if (may_tell(bytes.front())) {
            break;
        }
        in_other_line_ = true;
    }
    const size_t count = std::min(bytes.size(), kEventHeadBytes - head_bytes_);
    if (count > 0) {
        std::memcpy(head_.data() + head_bytes_, bytes.data(), count);
        head_bytes_ = static_cast<uint8_t>(head_bytes_ + count);
    }
}

void StreamWatch::judge_event() {
    const std::string_view head(head_.data(), head_bytes_);
    const std::string_view data = line_value(head, "data:");
    if (!data.empty()) {
        saw_terminator_ =
            saw_terminator_ || (terminator_ == Terminator::done && data.starts_with("[DONE]"));
        saw_error_ =
            saw_error_ || data.starts_with("{\"error\":") || data.starts_with("{\"error\" :");
        return;
    }
    if (terminator_ != Terminator::responses) {
        return;
    }
    const std::string_view name = line_value(head, "event:");
    if (name.starts_with("error")) {
        saw_error_ = true;
    } else if (name.starts_with("response.completed") || name.starts_with("response.failed") ||
               name.starts_with("response.incomplete")) {
        saw_terminator_ = true;
    }
}

Usage read_usage(std::string_view object, json::Document& document) {
    if (object.empty() || !document.parse(object)) {
        return {};
    }
    return {
        .prompt_tokens = first_of(document, "/prompt_tokens", "/input_tokens"),
        .completion_tokens = first_of(document, "/completion_tokens", "/output_tokens"),
        .cached_tokens = first_of(document, "/prompt_tokens_details/cached_tokens",
                                  "/input_tokens_details/cached_tokens"),
        .reasoning_tokens = first_of(document, "/completion_tokens_details/reasoning_tokens",
                                     "/output_tokens_details/reasoning_tokens"),
        .is_known = true,
    };
}

}  // namespace sluice::pipeline
