// URLs that requests and redirects name: where to connect, and what to ask for there.
//
// Unlike base URLs (http/url.h) they come from strangers and from pages, so what browsers put up
// with is mended: blanks and letters beyond ASCII are percent-encoded, "." and ".." resolved, the
// fragment is dropped. User names, control characters and doubtful hosts are refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/url.h"

namespace sluice::http {

struct WebUrl {
    Scheme scheme = Scheme::https;
    std::string origin;  // "https://example.org:8443", as parse_base_url() takes it.
    std::string target;  // Path and query as they go on the wire; begins with a slash.
};

// Absolute, http or https; nullopt for anything else.
std::optional<WebUrl> parse_web_url(std::string_view text);
// What a Location field means in the answer to `from` (RFC 9110 section 10.2.2, RFC 3986 section
// 5.2); nullopt when it is empty or leads to something else than http or https.
std::optional<WebUrl> resolve_location(const WebUrl& from, std::string_view location);

}  // namespace sluice::http
