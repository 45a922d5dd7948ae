// URLs: what is taken can be written and read again with the same meaning; what is decoded was
// valid; a target joined from its parts comes apart into them.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "http/url.h"

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

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    fuzz::check_base_url(input);
    fuzz::check_authority(input);
    fuzz::check_query(input);
    return 0;
}
