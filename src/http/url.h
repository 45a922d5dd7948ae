// URLs as a gateway meets them: base URLs of the configuration, authorities, paths and queries
// (RFC 3986, RFC 9110 section 4.2).
//
// Nothing is repaired or normalised: what is not well-formed is refused with a text for the person
// who wrote it. Results are views into the given text, except where a function says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::http {

enum class Scheme : uint8_t { http, https };
enum class HostKind : uint8_t { name, ipv4, ipv6 };

constexpr uint16_t default_port(Scheme scheme) {
    return scheme == Scheme::https ? 443 : 80;
}

struct Authority {
    std::string_view host;  // IPv6 without its brackets.
    HostKind kind = HostKind::name;
    std::optional<uint16_t> port;
};

struct BaseUrl {
    Scheme scheme = Scheme::https;
    HostKind host_kind = HostKind::name;
    uint16_t port = 443;
    std::string_view host;         // IPv6 without its brackets.
    std::string_view path_prefix;  // "" or "/v1": begins with a slash and does not end with one.

    bool is_https() const { return scheme == Scheme::https; }
    // Whether the host is this machine, as far as its text tells.
    bool is_loopback() const;
};

// Error::where is a whole clause for the user, for example "user names and passwords are not
// allowed in a base URL".
Result<BaseUrl> parse_base_url(std::string_view text);

// host [ ":" port ]; a port is 1 to 65535. No user information.
std::optional<Authority> parse_authority(std::string_view text);
// Whether both name the same host and, with the scheme's default, the same port.
bool same_authority(const Authority& a, const Authority& b, Scheme scheme);
// What belongs into the Host field: brackets for IPv6, no port where it is the default.
std::string authority_text(const BaseUrl& url);

// path_prefix + path [ "?" query ] in the arena. `path` begins with a slash.
std::string_view join_target(Arena& arena,
                             std::string_view path_prefix,
                             std::string_view path,
                             std::string_view query = {});

struct PathAndQuery {
    std::string_view path;
    std::string_view query;
    bool has_query = false;
};
PathAndQuery split_query(std::string_view target);

struct QueryItem {
    std::string_view name;   // Both as written, not decoded.
    std::string_view value;  // Empty also where there was no '='.
};
// The next non-empty name=value of a query; `rest` is advanced.
std::optional<QueryItem> next_query_item(std::string_view& rest);

// Every '%' is followed by two hexadecimal digits.
bool is_percent_encoding_valid(std::string_view text);
// Decoded text in the arena (the given text where there is nothing to decode), or nullopt when the
// encoding is not valid. '+' stays as it is.
std::optional<std::string_view> percent_decode(Arena& arena, std::string_view text);
// Whether a path holds a "." or ".." segment, also percent-encoded: it could leave its prefix.
bool has_dot_segments(std::string_view path);

}  // namespace sluice::http
