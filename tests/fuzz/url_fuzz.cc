// URLs: what is taken can be written and read again with the same meaning; what is decoded was
// valid; a target joined from its parts comes apart into them; what was mended stays so.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "http/url.h"
#include "http/web_url.h"

namespace sluice::fuzz {
namespace {

void check_base_url(std::string_view input) {
    const Result<http::BaseUrl> url = http::parse_base_url(input);
    if (!url) {
        require(std::string_view(url.error().where).size() > 10, "a refusal says why");
        return;
    }
    require(url->port != 0 && !url->host.empty(), "host and port are there");
    require(!url->path_prefix.ends_with('/'), "a prefix does not end with a slash");
    require(!http::has_dot_segments(url->path_prefix), "a prefix has no dots");
    std::string text = url->is_https() ? "https://" : "http://";
    text.append(http::authority_text(*url)).append(url->path_prefix);
    const Result<http::BaseUrl> again = http::parse_base_url(text);
    require(again.has_value(), "what was taken can be written");
    require(again->scheme == url->scheme && again->host == url->host &&
                again->host_kind == url->host_kind && again->port == url->port &&
                again->path_prefix == url->path_prefix,
            "what was written is read again");
}

void check_authority(std::string_view input) {
    const std::optional<http::Authority> authority = http::parse_authority(input);
    if (authority) {
        require(http::same_authority(*authority, *authority, http::Scheme::http),
                "an authority is the same as itself");
        require(input.find_first_of(" \t\r\n/@?#,") == std::string_view::npos,
                "no authority holds a delimiter");
    }
}

void check_query(std::string_view input) {
    const http::PathAndQuery parts = http::split_query(input);
    require(parts.path.find('?') == std::string_view::npos, "a path has no query");
    std::string_view rest = parts.query;
    while (const std::optional<http::QueryItem> item = http::next_query_item(rest)) {
        require(item->name.find_first_of("&=") == std::string_view::npos, "a name is a name");
        require(item->value.find('&') == std::string_view::npos, "a value is a value");
    }
    Arena arena;
    const std::string_view joined = http::join_target(arena, "/v1", parts.path, parts.query);
    require(joined.starts_with("/v1") && joined.size() <= input.size() + 3, "targets are joined");
    const std::optional<std::string_view> decoded = http::percent_decode(arena, input);
    require(decoded.has_value() == http::is_percent_encoding_valid(input),
            "what is valid can be decoded");
    require(!decoded || decoded->size() <= input.size(), "decoding makes nothing longer");
    (void)http::has_dot_segments(input);
}

void check_web_url(std::string_view input) {
    const std::optional<http::WebUrl> url = http::parse_web_url(input);
    const http::WebUrl from = *http::parse_web_url("https://example.org/a/b?c");
    const std::optional<http::WebUrl> there = http::resolve_location(from, input);
    for (const std::optional<http::WebUrl>& made : {url, there}) {
        if (!made) {
            continue;
        }
        const Result<http::BaseUrl> origin = http::parse_base_url(made->origin);
        require(origin && origin->scheme == made->scheme && origin->path_prefix.empty(),
                "an origin is a base URL without a path");
        require(made->target.starts_with('/') &&
                    made->target.find_first_of(" \t\r\n#") == std::string::npos,
                "a target fits into a request line");
        const std::optional<http::WebUrl> again = http::parse_web_url(made->origin + made->target);
        require(again && again->origin == made->origin && again->target == made->target,
                "what was mended needs no mending");
    }
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    fuzz::check_base_url(input);
    fuzz::check_authority(input);
    fuzz::check_query(input);
    fuzz::check_web_url(input);
    return 0;
}
