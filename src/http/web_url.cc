// Cut at the authority, mend the rest.
#include "http/web_url.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/url.h"

namespace sluice::http {

namespace {

constexpr std::string_view kAfterScheme = "://";
// What may not stand in a target although it is printable (RFC 3986 section 2).
constexpr std::string_view kToEncode = " \"<>\\^`{|}";

bool is_control(char c) {
    return (c >= '\0' && c < ' ') || c == '\x7f';
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && kToEncode.find(c) == kToEncode.npos) {
            encoded += c;
        } else {
            encoded += '%';
            encoded += kHex[byte >> 4U];
            encoded += kHex[byte & 0xFU];
        }
    }
    return encoded;
}

// RFC 3986 section 5.2.4. `path` begins with a slash.
std::string without_dot_segments(std::string_view path) {
    std::string result;
    bool ends_in_dots = false;
    while (!path.empty()) {
        const std::string_view segment = path.substr(0, path.find('/', 1));
        path.remove_prefix(segment.size());
        ends_in_dots = segment == "/." || segment == "/..";
        if (segment == "/..") {
            result.resize(std::min(result.rfind('/'), result.size()));
        } else if (segment != "/.") {
            result += segment;
        }
    }
    return ends_in_dots || result.empty() ? result + '/' : result;
}

// Where the path ends.
size_t path_bytes(std::string_view target) {
    return std::min(target.find('?'), target.size());
}

}  // namespace

std::optional<WebUrl> parse_web_url(std::string_view text) {
    text = text.substr(0, text.find('#'));
    const size_t scheme_end = text.find(kAfterScheme);
    if (scheme_end == text.npos || std::ranges::any_of(text, is_control)) {
        return std::nullopt;
    }
    const size_t host_at = scheme_end + kAfterScheme.size();
    const size_t host_end = std::min(text.find_first_of("/?", host_at), text.size());
    WebUrl url;
    url.origin = text.substr(0, host_end);
    const auto origin = parse_base_url(url.origin);
    if (!origin) {
        return std::nullopt;
    }
    url.scheme = origin->scheme;
    url.origin.replace(0, scheme_end, origin->is_https() ? "https" : "http");
    const std::string_view rest = text.substr(host_end);
    const size_t path_end = path_bytes(rest);
    url.target = percent_encoded(without_dot_segments(rest.substr(0, path_end)));
    url.target += percent_encoded(rest.substr(path_end));
    return url;
}

std::optional<WebUrl> resolve_location(const WebUrl& from, std::string_view location) {
    location = trim_ows(location);
    location = location.substr(0, location.find('#'));
    if (location.empty()) {
        return std::nullopt;
    }
    if (location.starts_with("//")) {
        return parse_web_url((from.scheme == Scheme::https ? "https:" : "http:") +
                             std::string(location));
    }
    if (location.starts_with('/')) {
        return parse_web_url(from.origin + std::string(location));
    }
    const size_t mark = location.find_first_of(":/?");
    if (mark != location.npos && location[mark] == ':') {
        return parse_web_url(location);
    }
    std::string_view base(from.target);
    base = base.substr(0, path_bytes(base));
    if (!location.starts_with('?')) {
        base = base.substr(0, base.rfind('/') + 1);
    }
    return parse_web_url(from.origin + std::string(base) + std::string(location));
}

}  // namespace sluice::http
