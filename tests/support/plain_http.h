// A second reader of HTTP/1 heads, written for agreement and not for speed: it cuts strings at
// strings and checks each part against the words of RFC 9112 and RFC 9110. Smuggling lives where
// two readers disagree, so the real parser is compared with this one on mutated input.
//
// It shares no code with src/http and knows no limits; callers keep inputs below them.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace sluice::test {

struct PlainHead {
    std::string first;   // Method or version.
    std::string second;  // Target or status.
    std::string third;   // Version or reason.
    std::vector<std::pair<std::string, std::string>> fields;
    std::string framing;  // "none", "chunked", "until close" or "length 5".

    bool operator==(const PlainHead&) const = default;
};

namespace plain {

inline const std::string kDigits = "0123456789";
inline const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline const std::string kTokenMarks = "!#$%&'*+-.^_`|~";

inline std::string lower(std::string text) {
    for (char& c : text) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return text;
}

inline bool consists_of(const std::string& text, const std::string& allowed) {
    return text.find_first_not_of(allowed) == std::string::npos;
}

inline bool is_token(const std::string& text) {
    return !text.empty() && consists_of(text, kDigits + kLetters + kTokenMarks);
}

inline bool is_number(const std::string& text) {
    return !text.empty() && text.size() <= 15 && consists_of(text, kDigits);
}

// VCHAR, obs-text, SP and HTAB.
inline bool is_field_content(const std::string& text) {
    return std::ranges::all_of(text, [](char c) {
        const int byte = static_cast<unsigned char>(c);
        return byte == 9 || (byte >= 32 && byte != 127);
    });
}

inline std::vector<std::string> split(const std::string& text, const std::string& separator) {
    std::vector<std::string> parts;
    size_t from = 0;
    size_t at = 0;
    while ((at = text.find(separator, from)) != std::string::npos) {
        parts.push_back(text.substr(from, at - from));
        from = at + separator.size();
    }
    parts.push_back(text.substr(from));
    return parts;
}

inline std::string trimmed(const std::string& text) {
    const size_t from = text.find_first_not_of(" \t");
    return from == std::string::npos ? std::string()
                                     : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// Host and port in a form that can be compared, or nothing.
inline std::optional<std::string> normal_authority(const std::string& text,
                                                   const std::string& usual_port) {
    std::string host = text;
    std::string port = usual_port;
    const size_t bracket = text.rfind(']');
    const size_t colon = text.rfind(':');
    if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (!is_number(port) || port.size() > 5 || std::stoul(port) == 0 ||
            std::stoul(port) > 65535) {
            return std::nullopt;
        }
        port = std::to_string(std::stoul(port));
    }
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        in6_addr address;
        const std::string inner = host.substr(1, host.size() - 2);
        if (inner.find('\0') != std::string::npos ||
            inet_pton(AF_INET6, inner.c_str(), &address) != 1) {
            return std::nullopt;
        }
        return lower(host) + ":" + port;
    }
    if (host.empty() || host.size() > 253 || !consists_of(host, kDigits + kLetters + "-._")) {
        return std::nullopt;
    }
    std::vector<std::string> labels = split(host, ".");
    if (labels.size() > 1 && labels.back().empty()) {
        labels.pop_back();
    }
    for (const std::string& label : labels) {
        if (label.empty() || label.size() > 63) {
            return std::nullopt;
        }
    }
    in_addr address;
    if (kDigits.find(labels.back().front()) != std::string::npos &&
        inet_pton(AF_INET, host.c_str(), &address) != 1) {
        return std::nullopt;
    }
    return lower(host) + ":" + port;
}

struct Lines {
    std::string start;
    std::vector<std::pair<std::string, std::string>> fields;
};

inline std::optional<Lines> cut_lines(const std::string& bytes) {
    const size_t end = bytes.find("\r\n\r\n");
    if (end == std::string::npos) {
        return std::nullopt;
    }
    std::vector<std::string> lines = split(bytes.substr(0, end), "\r\n");
    Lines result{lines.front(), {}};
    lines.erase(lines.begin());
    for (const std::string& line : lines) {
        const size_t colon = line.find(':');
        if (colon == std::string::npos || !is_token(line.substr(0, colon)) ||
            !is_field_content(line.substr(colon + 1))) {
            return std::nullopt;
        }
        result.fields.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
    return result;
}

inline std::vector<std::string> values_of(const PlainHead& head, const std::string& name) {
    std::vector<std::string> values;
    for (const auto& [field, value] : head.fields) {
        if (lower(field) == name) {
            values.push_back(value);
        }
    }
    return values;
}

inline std::optional<std::string> declared_framing(const PlainHead& head, bool is_1_1) {
    const std::vector<std::string> lengths = values_of(head, "content-length");
    const std::vector<std::string> codings = values_of(head, "transfer-encoding");
    if (lengths.empty() && codings.empty()) {
        return "until close";
    }
    if (lengths.size() + codings.size() != 1) {
        return std::nullopt;
    }
    if (!codings.empty()) {
        return is_1_1 && lower(codings[0]) == "chunked" ? std::optional<std::string>("chunked")
                                                        : std::nullopt;
    }
    if (!is_number(lengths[0])) {
        return std::nullopt;
    }
    const unsigned long long length = std::stoull(lengths[0]);
    return length == 0 ? "none" : "length " + std::to_string(length);
}

inline bool has_few_connection_options(const PlainHead& head) {
    size_t options = 0;
    for (const std::string& value : values_of(head, "connection")) {
        for (const std::string& option : split(value, ",")) {
            options += trimmed(option).empty() ? 0 : 1;
        }
    }
    return options <= 32;
}

inline bool is_target_valid(const PlainHead& head, const std::vector<std::string>& hosts) {
    const std::string& target = head.second;
    if (target.empty() ||
        std::ranges::any_of(target, [](char c) { return c <= ' ' || c >= 127 || c == '#'; })) {
        return false;
    }
    if (head.first == "CONNECT") {
        return false;
    }
    if (target[0] == '/') {
        return true;
    }
    if (target == "*") {
        return head.first == "OPTIONS";
    }
    const size_t scheme_end = target.find("://");
    const std::string scheme = lower(target.substr(0, scheme_end));
    if (scheme_end == std::string::npos || (scheme != "http" && scheme != "https")) {
        return false;
    }
    const std::string usual_port = scheme == "http" ? "80" : "443";
    const std::string rest = target.substr(scheme_end + 3);
    const auto authority = normal_authority(rest.substr(0, rest.find_first_of("/?")), usual_port);
    return authority && (hosts.empty() || normal_authority(hosts[0], usual_port) == authority);
}

}  // namespace plain

// What a request head says, or nothing if it must be refused. Bytes after the head do not matter.
inline std::optional<PlainHead> plain_request(std::string bytes) {
    for (int lines = 0; lines < 4 && bytes.starts_with("\r\n"); ++lines) {
        bytes.erase(0, 2);
    }
    const std::optional<plain::Lines> lines = plain::cut_lines(bytes);
    if (!lines) {
        return std::nullopt;
    }
    const std::vector<std::string> parts = plain::split(lines->start, " ");
    if (parts.size() != 3 || !plain::is_token(parts[0]) ||
        (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0")) {
        return std::nullopt;
    }
    PlainHead head{parts[0], parts[1], parts[2], lines->fields, {}};
    const bool is_1_1 = parts[2] == "HTTP/1.1";
    const std::vector<std::string> hosts = plain::values_of(head, "host");
    if (hosts.size() > 1 || (is_1_1 && hosts.empty()) ||
        (!hosts.empty() && !plain::normal_authority(hosts[0], "80")) ||
        !plain::is_target_valid(head, hosts)) {
        return std::nullopt;
    }
    const std::vector<std::string> expects = plain::values_of(head, "expect");
    if (expects.size() > 1 || (!expects.empty() && plain::lower(expects[0]) != "100-continue")) {
        return std::nullopt;
    }
    const std::optional<std::string> framing = plain::declared_framing(head, is_1_1);
    if (!framing || !plain::has_few_connection_options(head)) {
        return std::nullopt;
    }
    head.framing = *framing == "until close" ? "none" : *framing;
    return head;
}

// The same for the answer to a POST.
inline std::optional<PlainHead> plain_response(const std::string& bytes) {
    const std::optional<plain::Lines> lines = plain::cut_lines(bytes);
    if (!lines) {
        return std::nullopt;
    }
    const std::string& start = lines->start;
    const std::string version = start.substr(0, 8);
    if ((version != "HTTP/1.1" && version != "HTTP/1.0") || start.size() < 12 || start[8] != ' ' ||
        (start.size() > 12 && start[12] != ' ')) {
        return std::nullopt;
    }
    const std::string status = start.substr(9, 3);
    const std::string reason = start.size() > 12 ? start.substr(13) : "";
    if (!plain::is_number(status) || status < "100" || status > "599" || status == "101" ||
        !plain::is_field_content(reason)) {
        return std::nullopt;
    }
    PlainHead head{version, status, reason, lines->fields, {}};
    const std::optional<std::string> framing = plain::declared_framing(head, version == "HTTP/1.1");
    if (!framing || !plain::has_few_connection_options(head)) {
        return std::nullopt;
    }
    const bool has_no_body = status[0] == '1' || status == "204" || status == "304";
    head.framing = has_no_body ? "none" : *framing;
    return head;
}

}  // namespace sluice::test
