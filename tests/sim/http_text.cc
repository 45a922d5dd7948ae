// Cuts strings at strings.
#include "sim/http_text.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace sluice::sim {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

HttpRead broken(HttpRead read, const char* why) {
    read.state = ReadState::broken;
    read.why = why;
    return read;
}

// Reads "name: value" lines up to the empty line; false when one is malformed.
bool read_fields(std::string_view lines, HttpText& to) {
    while (!lines.empty()) {
        const size_t end = lines.find(kLineEnd);
        const std::string_view line = lines.substr(0, end);
        const size_t colon = line.find(':');
        if (end == std::string_view::npos || colon == std::string_view::npos || colon == 0) {
            return false;
        }
        std::string name(line.substr(0, colon));
        std::ranges::transform(name, name.begin(), ascii_lower);
        to.fields.emplace_back(std::move(name), trim_ows(line.substr(colon + 1)));
        lines.remove_prefix(end + kLineEnd.size());
    }
    return true;
}

// Reads chunks from `bytes`, from `at` on.
HttpRead read_chunks(HttpRead read, std::string_view bytes, size_t at) {
    while (true) {
        const size_t line_end = bytes.find(kLineEnd, at);
        if (line_end == std::string_view::npos) {
            return read;
        }
        const auto size = parse_hex(bytes.substr(at, line_end - at));
        if (!size) {
            return broken(read, "chunk size");
        }
        at = line_end + kLineEnd.size();
        if (bytes.size() - at < *size + kLineEnd.size()) {
            read.message.body += bytes.substr(at, *size);
            return read;
        }
        read.message.body += bytes.substr(at, *size);
        at += *size;
        if (bytes.substr(at, kLineEnd.size()) != kLineEnd) {
            return broken(read, "end of chunk");
        }
        at += kLineEnd.size();
        if (*size == 0) {
            read.used_bytes = at;
            read.state = ReadState::complete;
            return read;
        }
    }
}

HttpRead read_length(HttpRead read, std::string_view bytes, size_t at, const std::string& text) {
    const auto length = parse_decimal(text);
    if (!length) {
        return broken(read, "content-length");
    }
    read.message.body = bytes.substr(at, *length);
    if (read.message.body.size() == *length) {
        read.used_bytes = at + *length;
        read.state = ReadState::complete;
    }
    return read;
}

HttpRead read_head(std::string_view bytes, size_t& body_at) {
    HttpRead read;
    const size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        return read;
    }
    body_at = end + 2 * kLineEnd.size();
    const size_t first_end = bytes.find(kLineEnd);
    read.message.first_line = bytes.substr(0, first_end);
    const size_t fields_at = first_end + kLineEnd.size();
    if (!read_fields(bytes.substr(fields_at, body_at - kLineEnd.size() - fields_at),
                     read.message)) {
        return broken(read, "field line");
    }
    read.head_is_complete = true;
    const std::string coding = read.message.field("transfer-encoding");
    const std::string length = read.message.field("content-length");
    if (!coding.empty() && (coding != "chunked" || !length.empty())) {
        return broken(read, "framing");
    }
    read.message.is_chunked = !coding.empty();
    return read;
}

HttpRead finish_without_body(HttpRead read, size_t body_at) {
    read.used_bytes = body_at;
    read.state = ReadState::complete;
    return read;
}

}  // namespace

std::string HttpText::field(std::string_view name) const {
    std::string value;
    size_t count = 0;
    for (const auto& [field_name, field_value] : fields) {
        if (field_name == name) {
            value = field_value;
            ++count;
        }
    }
    return count == 1 ? value : std::string();
}

std::string HttpText::second_word() const {
    const size_t first = first_line.find(' ');
    if (first == std::string::npos) {
        return {};
    }
    const size_t second = first_line.find(' ', first + 1);
    return first_line.substr(first + 1, second - first - 1);
}

HttpRead read_request(std::string_view bytes) {
    size_t body_at = 0;
    HttpRead read = read_head(bytes, body_at);
    if (!read.head_is_complete) {
        return read;
    }
    if (read.message.is_chunked) {
        return read_chunks(std::move(read), bytes, body_at);
    }
    if (const std::string length = read.message.field("content-length"); !length.empty()) {
        return read_length(std::move(read), bytes, body_at, length);
    }
    return finish_without_body(std::move(read), body_at);
}

HttpRead read_response(std::string_view bytes, bool ended, bool to_head) {
    size_t body_at = 0;
    HttpRead read = read_head(bytes, body_at);
    if (!read.head_is_complete) {
        return read;
    }
    const std::string status = read.message.second_word();
    if (to_head || status.starts_with('1') || status == "204" || status == "304") {
        return finish_without_body(std::move(read), body_at);
    }
    if (read.message.is_chunked) {
        return read_chunks(std::move(read), bytes, body_at);
    }
    if (const std::string length = read.message.field("content-length"); !length.empty()) {
        return read_length(std::move(read), bytes, body_at, length);
    }
    read.message.is_until_close = true;
    read.message.body = bytes.substr(body_at);
    if (ended) {
        read.used_bytes = bytes.size();
        read.state = ReadState::complete;
    }
    return read;
}

}  // namespace sluice::sim
