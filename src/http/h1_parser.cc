// The two steps to a head: HeadScanner delimits it, parse_*_head cut it into views.
//
// Inner functions return a Problem, two words in registers; only the outermost makes an Error.
#include "http/h1_parser.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "http/byte_scan.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/limits.h"
#include "http/message.h"
#include "http/types.h"
#include "http/url.h"

namespace sluice::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersionName = "HTTP/";
constexpr size_t kVersionBytes = 8;  // "HTTP/1.1"
// RFC 9112 section 2.2 asks to ignore "at least one" line before a request; some old clients sent
// one after each body.
constexpr uint8_t kEmptyLinesMax = 4;
// The first byte of a TLS record that carries a handshake (RFC 8446 section 5.1).
constexpr char kTlsHandshake = 0x16;

struct Problem {
    ErrorKind kind = ErrorKind::none;
    const char* where = nullptr;

    bool occurred() const { return where != nullptr; }
};

constexpr Problem kNoProblem;

constexpr Problem malformed(const char* where) {
    return {ErrorKind::malformed, where};
}

Status to_status(Problem problem, ErrorSource source) {
    if (!problem.occurred()) {
        return {};
    }
    Error error{.kind = problem.kind, .source = source, .where = problem.where};
    if (problem.kind == ErrorKind::method_not_allowed) {
        error.status = 501;  // CONNECT is not refused for one resource but known to none.
    }
    return fail(error);
}

// What is left of a head. Every search ends at `end` at the latest.
struct Cursor {
    const char* at;
    const char* end;

    bool take(char c) {
        if (at == end || *at != c) {
            return false;
        }
        ++at;
        return true;
    }
    bool take_line_end() {
        if (end - at < 2 || at[0] != '\r' || at[1] != '\n') {
            return false;
        }
        at += 2;
        return true;
    }
    // The bytes up to `stop`, which becomes the next.
    std::string_view take_to(const char* stop) {
        const std::string_view text(at, static_cast<size_t>(stop - at));
        at = stop;
        return text;
    }
};

Problem parse_version(Cursor& cursor, Version& version) {
    if (static_cast<size_t>(cursor.end - cursor.at) < kVersionBytes ||
        std::memcmp(cursor.at, kVersionName.data(), kVersionName.size()) != 0) {
        return malformed("HTTP version");
    }
    const char* const digits = cursor.at + kVersionName.size();
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!is_digit(digits[0]) || digits[1] != '.' || !is_digit(digits[2])) {
        return malformed("HTTP version");
    }
    if (digits[0] != '1' || digits[2] > '1') {
        return {ErrorKind::unsupported_version, "HTTP version"};
    }
    version = digits[2] == '1' ? Version::http_1_1 : Version::http_1_0;
    cursor.at += kVersionBytes;
    return kNoProblem;
}

const char* explain_name(const Cursor& cursor, std::string_view name) {
    if (name.empty()) {
        const char first = cursor.at == cursor.end ? '\0' : *cursor.at;
        return first == ' ' || first == '\t' ? "line folding in a head" : "empty field name";
    }
    const char next = cursor.at == cursor.end ? '\0' : *cursor.at;
    return next == ' ' || next == '\t' ? "blank before a colon" : "character in a field name";
}

// One line "name: value"; the cursor stands at its first byte.
Problem parse_field(Cursor& cursor, const MessageLimits& limits, HeaderMap& headers) {
    const char* const line = cursor.at;
    const std::string_view name = cursor.take_to(find_token_end(cursor.at, cursor.end));
    if (name.empty() || !cursor.take(':')) {
        return malformed(explain_name(cursor, name));
    }
    const std::string_view raw = cursor.take_to(find_value_end(cursor.at, cursor.end));
    const auto line_bytes = static_cast<size_t>(cursor.at - line);
    if (!cursor.take_line_end()) {
        return malformed("control character in a field value");
    }
    if (line_bytes > limits.field_bytes_max) {
        return {ErrorKind::head_too_large, "field"};
    }
    if (!headers.add(name, trim_ows(raw))) {
        return {ErrorKind::head_too_large, "number of fields"};
    }
    return kNoProblem;
}

Problem parse_fields(Cursor& cursor, const MessageLimits& limits, HeaderMap& headers) {
    while (!cursor.take_line_end()) {
        if (const Problem problem = parse_field(cursor, limits, headers); problem.occurred()) {
            return problem;
        }
    }
    return cursor.at == cursor.end ? kNoProblem : malformed("bytes after the head");
}

void set_path(std::string_view text, RequestHead& out) {
    const PathAndQuery parts = split_query(text);
    out.path = parts.path;
    out.query = parts.query;
}

// "http://authority/path?query"; `scheme_bytes` with its "://".
Problem parse_absolute_target(Scheme scheme, size_t scheme_bytes, RequestHead& out) {
    const std::string_view rest = out.target.substr(scheme_bytes);
    const size_t authority_bytes = std::min(rest.find_first_of("/?"), rest.size());
    out.authority = rest.substr(0, authority_bytes);
    const std::optional<Authority> authority = parse_authority(out.authority);
    if (!authority) {
        return malformed("authority of the request target");
    }
    if (const HeaderField* host = out.headers.find(HeaderId::host)) {
        const std::optional<Authority> named = parse_authority(host->value);
        if (!named || !same_authority(*authority, *named, scheme)) {
            return malformed("request target and Host differ");
        }
    }
    set_path(rest.substr(authority_bytes), out);
    if (out.path.empty()) {
        out.path = "/";
    }
    return kNoProblem;
}

// The forms of RFC 9112 section 3.2, all but that of CONNECT. The fields have been parsed.
Problem parse_target(RequestHead& out) {
    constexpr std::string_view kHttp = "http://";
    constexpr std::string_view kHttps = "https://";
    if (out.target.front() == '/') {
        set_path(out.target, out);
        return kNoProblem;
    }
    if (out.target == "*" && out.method == Method::options) {
        out.path = out.target;
        return kNoProblem;
    }
    if (equals_ignoring_case(out.target.substr(0, kHttp.size()), kHttp)) {
        return parse_absolute_target(Scheme::http, kHttp.size(), out);
    }
    if (equals_ignoring_case(out.target.substr(0, kHttps.size()), kHttps)) {
        return parse_absolute_target(Scheme::https, kHttps.size(), out);
    }
    return malformed("form of the request target");
}

// RFC 9112 section 3.2: one Host, valid, and in HTTP/1.1 never missing.
Problem check_host(RequestHead& out) {
    const HeaderField* const host = out.headers.find(HeaderId::host);
    if (host == nullptr) {
        return out.version == Version::http_1_0 ? kNoProblem : malformed("missing Host");
    }
    if (out.headers.count(HeaderId::host) != 1) {
        return malformed("repeated Host");
    }
    if (!parse_authority(host->value)) {
        return malformed("value of Host");
    }
    out.authority = host->value;
    return kNoProblem;
}

Problem parse_request_line(Cursor& cursor, const MessageLimits& limits, RequestHead& out) {
    const char* const line = cursor.at;
    out.method_text = cursor.take_to(find_token_end(cursor.at, cursor.end));
    if (out.method_text.empty() || !cursor.take(' ')) {
        return malformed("method");
    }
    out.method = method_from(out.method_text);
    out.target = cursor.take_to(find_target_end(cursor.at, cursor.end));
    if (out.target.empty() || !cursor.take(' ')) {
        return malformed("request target");
    }
    if (const Problem problem = parse_version(cursor, out.version); problem.occurred()) {
        return problem;
    }
    const auto line_bytes = static_cast<size_t>(cursor.at - line);
    if (!cursor.take_line_end()) {
        return malformed("end of the request line");
    }
    if (line_bytes > limits.request_line_bytes_max) {
        return {ErrorKind::uri_too_long, "request line"};
    }
    return kNoProblem;
}

Problem parse_request(std::string_view bytes, const MessageLimits& limits, RequestHead& out) {
    Cursor cursor{bytes.data(), bytes.data() + bytes.size()};
    if (const Problem problem = parse_request_line(cursor, limits, out); problem.occurred()) {
        return problem;
    }
    if (bytes.size() > limits.head_bytes_max) {
        return {ErrorKind::head_too_large, "head"};
    }
    if (const Problem problem = parse_fields(cursor, limits, out.headers); problem.occurred()) {
        return problem;
    }
    if (out.method == Method::connect) {
        return {ErrorKind::method_not_allowed, "CONNECT"};
    }
    if (const Problem problem = check_host(out); problem.occurred()) {
        return problem;
    }
    return parse_target(out);
}

// Exactly three digits of a class that exists.
Problem parse_status(Cursor& cursor, uint16_t& status) {
    constexpr size_t kDigits = 3;
    if (static_cast<size_t>(cursor.end - cursor.at) < kDigits) {
        return malformed("status");
    }
    const std::optional<uint64_t> value = parse_decimal(cursor.take_to(cursor.at + kDigits));
    if (!value || *value < kStatusMin || *value > kStatusMax) {
        return malformed("status");
    }
    status = static_cast<uint16_t>(*value);
    return kNoProblem;
}

Problem parse_response(std::string_view bytes, const MessageLimits& limits, ResponseHead& out) {
    Cursor cursor{bytes.data(), bytes.data() + bytes.size()};
    if (const Problem problem = parse_version(cursor, out.version); problem.occurred()) {
        return problem;
    }
    if (!cursor.take(' ')) {
        return malformed("status line");
    }
    if (const Problem problem = parse_status(cursor, out.status); problem.occurred()) {
        return problem;
    }
    // The blank before an absent reason phrase is left out by too many servers to insist on it.
    if (cursor.take(' ')) {
        out.reason = cursor.take_to(find_value_end(cursor.at, cursor.end));
    }
    if (!cursor.take_line_end()) {
        return malformed("end of the status line");
    }
    if (bytes.size() > limits.head_bytes_max) {
        return {ErrorKind::head_too_large, "head"};
    }
    return parse_fields(cursor, limits, out.headers);
}

std::span<HeaderField> bounded(std::span<HeaderField> storage, const MessageLimits& limits) {
    return storage.first(std::min<size_t>(storage.size(), limits.fields_max));
}

}  // namespace

Status parse_request_head(std::string_view bytes,
                          const MessageLimits& limits,
                          std::span<HeaderField> storage,
                          RequestHead& out) {
    out = RequestHead();
    out.headers = HeaderMap(bounded(storage, limits));
    return to_status(parse_request(bytes, limits, out), ErrorSource::client);
}

Status parse_response_head(std::string_view bytes,
                           const MessageLimits& limits,
                           std::span<HeaderField> storage,
                           ResponseHead& out) {
    out = ResponseHead();
    out.headers = HeaderMap(bounded(storage, limits));
    return to_status(parse_response(bytes, limits, out), ErrorSource::upstream);
}

Result<HeadExtent> HeadScanner::scan(std::string_view bytes) {
    if (end_ == 0) {
        TRY_VOID(skip_empty_lines(bytes));
        TRY_VOID(check_start(bytes));
        TRY_VOID(find_end(bytes));
    }
    return HeadExtent{begin_, end_};
}

void HeadScanner::reset() {
    in_first_line_ = true;
    empty_lines_ = 0;
    begin_ = scanned_ = line_begin_ = end_ = 0;
}

Status HeadScanner::skip_empty_lines(std::string_view bytes) {
    if (kind_ != Kind::request || has_begun()) {
        return {};
    }
    while (begin_ < bytes.size() && bytes[begin_] == '\r') {
        if (bytes.size() - begin_ < kLineEnd.size()) {
            return {};
        }
        if (bytes[begin_ + 1] != '\n') {
            return refuse(ErrorKind::malformed, "CR without LF");
        }
        if (empty_lines_ == kEmptyLinesMax) {
            return refuse(ErrorKind::malformed, "empty lines before a request");
        }
        ++empty_lines_;
        begin_ += static_cast<uint32_t>(kLineEnd.size());
        scanned_ = line_begin_ = begin_;
    }
    return {};
}

Status HeadScanner::check_start(std::string_view bytes) const {
    const std::string_view start = bytes.substr(begin_, kVersionName.size());
    if (start.empty() || scanned_ >= begin_ + kVersionName.size()) {
        return {};
    }
    if (start.front() == kTlsHandshake) {
        return refuse(ErrorKind::malformed, "TLS handshake on a plain-text connection");
    }
    if (kind_ == Kind::response) {
        return kVersionName.starts_with(start) ? Status()
                                               : refuse(ErrorKind::malformed, "not HTTP/1");
    }
    // A CR here is the first half of an empty line.
    return is_token_char(start.front()) || start == "\r"
               ? Status()
               : refuse(ErrorKind::malformed, "first byte of a request");
}

size_t HeadScanner::window_end() const {
    const size_t head = size_t{begin_} + limits_.head_bytes_max;
    if (!is_in_request_line()) {
        return head;
    }
    return std::min(head, size_t{begin_} + limits_.request_line_bytes_max + kLineEnd.size());
}

Status HeadScanner::refuse_window() const {
    const bool is_line = window_end() < size_t{begin_} + limits_.head_bytes_max;
    return is_line ? refuse(ErrorKind::uri_too_long, "request line")
                   : refuse(ErrorKind::head_too_large, "head");
}

Status HeadScanner::find_end(std::string_view bytes) {
    while (true) {
        const size_t window = window_end();
        const size_t limit = std::min(bytes.size(), window);
        if (!in_first_line_) {
            skip_whole_lines(bytes.substr(0, limit));
        }
        const char* const stop = find_head_stop(bytes.data() + scanned_, bytes.data() + limit);
        const auto at = static_cast<size_t>(stop - bytes.data());
        scanned_ = static_cast<uint32_t>(at);
        if (at == limit) {
            return limit == window ? refuse_window() : Status();
        }
        if (*stop != '\r') {
            return refuse(ErrorKind::malformed, *stop == '\n' ? "LF without CR" : "NUL in a head");
        }
        if (at + kLineEnd.size() > window) {
            return refuse_window();
        }
        if (at + 1 == bytes.size()) {
            return {};  // The CR is looked at again with what follows it.
        }
        if (bytes[at + 1] != '\n') {
            return refuse(ErrorKind::malformed, "CR without LF");
        }
        scanned_ = static_cast<uint32_t>(at + kLineEnd.size());
        if (at == line_begin_) {
            end_ = scanned_;
            return {};
        }
        line_begin_ = scanned_;
        in_first_line_ = false;
    }
}

// Passes over lines that end with CRLF and are not empty, nothing that `find_end` would stop for.
// That one then looks closely at what is found here, and at the rest.
void HeadScanner::skip_whole_lines(std::string_view bytes) {
    constexpr size_t kGroupBytes = byte_scan::kHeadBitsBytes;
    while (bytes.size() - scanned_ >= kGroupBytes) {
        const byte_scan::HeadBits found = byte_scan::head_bits(bytes.data() + scanned_);
        const uint64_t starts = found.line_feeds << 1U | (scanned_ == line_begin_ ? 1U : 0U);
        const uint64_t unpaired = found.line_feeds ^ found.carriage_returns << 1U;
        const uint64_t odd = found.nuls | unpaired | (found.carriage_returns & starts);
        if (odd != 0) {
            skip_to_odd_byte(static_cast<uint32_t>(std::countr_zero(odd)), found.line_feeds);
            return;
        }
        if (found.line_feeds != 0) {
            line_begin_ = scanned_ + static_cast<uint32_t>(std::bit_width(found.line_feeds));
        }
        // A CR at the end of the group is looked at again with its LF.
        const auto split_line_end =
            static_cast<uint32_t>(found.carriage_returns >> (kGroupBytes - 1));
        scanned_ += static_cast<uint32_t>(kGroupBytes) - split_line_end;
    }
}

// `index` counts from `scanned_`. The byte before may be a CR whose LF is missing there, so that
// one is looked at again, unless it ends a line.
void HeadScanner::skip_to_odd_byte(uint32_t index, uint64_t line_feeds) {
    const bool is_at_start = index == 0 || (line_feeds >> (index - 1) & 1U) != 0;
    const uint32_t passed = is_at_start ? index : index - 1;
    const uint64_t ends = line_feeds & ((uint64_t{1} << passed) - 1);
    if (ends != 0) {
        line_begin_ = scanned_ + static_cast<uint32_t>(std::bit_width(ends));
    }
    scanned_ += passed;
}

Status HeadScanner::refuse(ErrorKind kind, const char* where) const {
    const ErrorSource source = kind_ == Kind::request ? ErrorSource::client : ErrorSource::upstream;
    return fail(Error{.kind = kind, .source = source, .where = where});
}

}  // namespace sluice::http
