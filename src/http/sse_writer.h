// Server-sent events out: appends the text of one event (WHATWG HTML, "Server-sent events").
//
// Whatever the payload holds, the result is one event: each of its lines becomes a data line.
// Names and comments come from us and are asserted to be one line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace sluice::http {

// The end-of-stream event of the chat completions dialect.
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

inline void append_sse_comment(std::string& to, std::string_view text) {
    SLUICE_ASSERT(text.find_first_of("\r\n") == std::string_view::npos);
    to.append(": ").append(text).append("\n\n");
}

// An event without a name is a "message" to its reader.
inline void append_sse_event(std::string& to, std::string_view name, std::string_view data) {
    SLUICE_ASSERT(name.find_first_of("\r\n") == std::string_view::npos);
    if (!name.empty()) {
        to.append("event: ").append(name).append("\n");
    }
    while (true) {
        const size_t line_bytes = data.find_first_of("\r\n");
        to.append("data: ").append(data.substr(0, line_bytes)).append("\n");
        if (line_bytes == std::string_view::npos) {
            break;
        }
        data.remove_prefix(line_bytes);
        data.remove_prefix(data.starts_with("\r\n") ? 2 : 1);
    }
    to.append("\n");
}

inline void append_sse_data(std::string& to, std::string_view data) {
    append_sse_event(to, {}, data);
}

}  // namespace sluice::http
