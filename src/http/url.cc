// Small grammars, each written as the rule reads; none of this is hot but parse_authority.
#include "http/url.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"

namespace sluice::http {

namespace {

constexpr size_t kHostBytesMax = 253;  // RFC 1035 section 2.3.4, without the root's dot.
constexpr size_t kLabelBytesMax = 63;  // The same.
constexpr size_t kPortDigitsMax = 5;
constexpr uint64_t kPortMax = 65535;

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_host_char(char c) {
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
}

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    const char lower = ascii_lower(c);
    if (is_digit(c)) {
        return c - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte that a valid "%XX" at the front of `text` stands for, or -1.
constexpr int decoded_byte(std::string_view text) {
    if (text.size() < 3 || text[0] != '%') {
        return -1;
    }
    const int high = hex_value(text[1]);
    const int low = hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Exactly four decimal numbers up to 255 without leading zeros, as inet_pton has it.
bool is_ipv4(std::string_view text) {
    char copy[INET_ADDRSTRLEN];
    if (text.size() >= sizeof(copy) || text.find('\0') != std::string_view::npos) {
        return false;  // inet_pton() stops at the first NUL.
    }
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    in_addr address;
    return inet_pton(AF_INET, copy, &address) == 1;
}

bool is_ipv6(std::string_view text) {
    char copy[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof(copy) || text.find('\0') != std::string_view::npos) {
        return false;
    }
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    in6_addr address;
    return inet_pton(AF_INET6, copy, &address) == 1;
}

// Host names as DNS and the resolvers take them. A last label that begins with a digit may only
// end an IPv4 address: "127.1" and "0x7f.1" mean different things to different readers.
std::optional<HostKind> classify_host(std::string_view host) {
    if (host.empty() || host.size() > kHostBytesMax || !std::ranges::all_of(host, is_host_char)) {
        return std::nullopt;
    }
    std::string_view rest = host;
    std::string_view label;
    while (true) {
        const size_t dot = rest.find('.');
        label = rest.substr(0, dot);
        if (label.empty() || label.size() > kLabelBytesMax) {
            return std::nullopt;
        }
        if (dot == std::string_view::npos || dot + 1 == rest.size()) {
            break;  // The last label; a dot after it names the root.
        }
        rest.remove_prefix(dot + 1);
    }
    if (!is_digit(label.front())) {
        return HostKind::name;
    }
    return is_ipv4(host) ? std::optional(HostKind::ipv4) : std::nullopt;
}

std::optional<uint16_t> parse_port(std::string_view text) {
    if (text.size() > kPortDigitsMax) {
        return std::nullopt;
    }
    const std::optional<uint64_t> port = parse_decimal(text);
    if (!port || *port == 0 || *port > kPortMax) {
        return std::nullopt;
    }
    return static_cast<uint16_t>(*port);
}

std::unexpected<Error> refuse(const char* where) {
    return fail(Error{.kind = ErrorKind::malformed, .where = where});
}

const char* broken_rule_of_prefix(std::string_view path) {
    if (path.find("//") != std::string_view::npos) {
        return "the path of a base URL must not have empty segments";
    }
    if (!is_percent_encoding_valid(path)) {
        return "a % in a base URL must be followed by two hexadecimal digits";
    }
    if (has_dot_segments(path)) {
        return "the path of a base URL must not have . or .. segments";
    }
    return nullptr;
}

// Rules that concern the text as a whole.
const char* broken_rule_of_url(std::string_view text) {
    const auto is_unseemly = [](char c) {
        return c <= ' ' || c >= 0x7f ||
               std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos;
    };
    if (std::ranges::any_of(text, is_unseemly)) {
        return "a base URL must not hold blanks, control characters, non-ASCII or any of "
               "\"<>\\^`{|}";
    }
    if (text.find('#') != std::string_view::npos) {
        return "a base URL must not have a fragment (#...)";
    }
    if (text.find('?') != std::string_view::npos) {
        return "a base URL must not have a query (?...)";
    }
    return nullptr;
}

}  // namespace

Result<BaseUrl> parse_base_url(std::string_view text) {
    if (const char* rule = broken_rule_of_url(text); rule != nullptr) {
        return refuse(rule);
    }
    BaseUrl url;
    const size_t scheme_end = text.find("://");
    const std::string_view scheme = text.substr(0, scheme_end);
    if (scheme_end == std::string_view::npos ||
        (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https"))) {
        return refuse("a base URL must begin with http:// or https://");
    }
    url.scheme = scheme.size() == std::string_view("http").size() ? Scheme::http : Scheme::https;
    const std::string_view rest = text.substr(scheme_end + std::string_view("://").size());
    const size_t authority_bytes = std::min(rest.find('/'), rest.size());
    const std::string_view authority_part = rest.substr(0, authority_bytes);
    if (authority_part.find('@') != std::string_view::npos) {
        return refuse("a base URL must not hold a user name or password");
    }
    const std::optional<Authority> authority = parse_authority(authority_part);
    if (!authority) {
        return refuse("the host or port of a base URL is not valid");
    }
    url.host = authority->host;
    url.host_kind = authority->kind;
    url.port = authority->port.value_or(default_port(url.scheme));
    url.path_prefix = rest.substr(authority_bytes);
    if (const char* rule = broken_rule_of_prefix(url.path_prefix); rule != nullptr) {
        return refuse(rule);
    }
    if (url.path_prefix.ends_with('/')) {
        url.path_prefix.remove_suffix(1);
    }
    return url;
}

bool BaseUrl::is_loopback() const {
    return host_kind == HostKind::name
               ? equals_ignoring_case(host, "localhost")
               : host == "::1" || (host_kind == HostKind::ipv4 && host.starts_with("127."));
}

std::optional<Authority> parse_authority(std::string_view text) {
    Authority authority;
    std::string_view after_host;
    if (text.starts_with('[')) {
        const size_t bracket = text.find(']');
        if (bracket == std::string_view::npos || !is_ipv6(text.substr(1, bracket - 1))) {
            return std::nullopt;
        }
        authority.host = text.substr(1, bracket - 1);
        authority.kind = HostKind::ipv6;
        after_host = text.substr(bracket + 1);
    } else {
        authority.host = text.substr(0, text.find(':'));
        const std::optional<HostKind> kind = classify_host(authority.host);
        if (!kind) {
            return std::nullopt;
        }
        authority.kind = *kind;
        after_host = text.substr(authority.host.size());
    }
    if (after_host.empty()) {
        return authority;
    }
    if (after_host.front() != ':') {
        return std::nullopt;
    }
    authority.port = parse_port(after_host.substr(1));
    return authority.port ? std::optional(authority) : std::nullopt;
}

bool same_authority(const Authority& a, const Authority& b, Scheme scheme) {
    return a.kind == b.kind && equals_ignoring_case(a.host, b.host) &&
           a.port.value_or(default_port(scheme)) == b.port.value_or(default_port(scheme));
}

std::string authority_text(const BaseUrl& url) {
    std::string text;
    const bool needs_brackets = url.host_kind == HostKind::ipv6;
    text.append(needs_brackets ? "[" : "").append(url.host).append(needs_brackets ? "]" : "");
    if (url.port != default_port(url.scheme)) {
        text += ':';
        append_decimal(text, url.port);
    }
    return text;
}

std::string_view join_target(Arena& arena,
                             std::string_view path_prefix,
                             std::string_view path,
                             std::string_view query) {
    return arena.join({path_prefix, path, query.empty() ? "" : "?", query});
}

PathAndQuery split_query(std::string_view target) {
    const size_t mark = target.find('?');
    if (mark == std::string_view::npos) {
        return {.path = target, .query = {}, .has_query = false};
    }
    return {.path = target.substr(0, mark), .query = target.substr(mark + 1), .has_query = true};
}

std::optional<QueryItem> next_query_item(std::string_view& rest) {
    while (!rest.empty()) {
        const size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view item = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!item.empty()) {
            const size_t equals = std::min(item.find('='), item.size());
            return QueryItem{.name = item.substr(0, equals),
                             .value = item.substr(std::min(equals + 1, item.size()))};
        }
    }
    return std::nullopt;
}

bool is_percent_encoding_valid(std::string_view text) {
    for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
        if (decoded_byte(text.substr(at)) < 0) {
            return false;
        }
    }
    return true;
}

std::optional<std::string_view> percent_decode(Arena& arena, std::string_view text) {
    if (text.find('%') == std::string_view::npos) {
        return text;
    }
    auto* const to = static_cast<char*>(arena.allocate(text.size(), 1));
    size_t length = 0;
    while (!text.empty()) {
        char c = text.front();
        size_t taken = 1;
        if (c == '%') {
            const int byte = decoded_byte(text);
            if (byte < 0) {
                return std::nullopt;
            }
            c = static_cast<char>(byte);
            taken = 3;
        }
        to[length++] = c;
        text.remove_prefix(taken);
    }
    return std::string_view(to, length);
}

bool has_dot_segments(std::string_view path) {
    size_t dots = 0;           // Of the segment so far, while it has nothing else.
    bool is_only_dots = true;  // Also true for an empty segment.
    while (!path.empty()) {
        const int decoded = decoded_byte(path);
        const char c = decoded < 0 ? path.front() : static_cast<char>(decoded);
        path.remove_prefix(decoded < 0 ? 1 : 3);
        // ';' begins parameters, which some servers cut off before they resolve dots.
        if (c == '/' || c == '\\' || c == ';') {
            if (is_only_dots && (dots == 1 || dots == 2)) {
                return true;
            }
            dots = 0;
            is_only_dots = c != ';';
        } else if (c == '.') {
            ++dots;
        } else {
            is_only_dots = false;
        }
    }
    return is_only_dots && (dots == 1 || dots == 2);
}

}  // namespace sluice::http
