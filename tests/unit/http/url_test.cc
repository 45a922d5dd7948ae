// Base URLs, authorities, paths and queries.
#include "http/url.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::http {
namespace {

struct BaseCase {
    const char* text;
    Scheme scheme;
    HostKind kind;
    const char* host;
    uint16_t port;
    const char* path_prefix;
    const char* authority;
};

TEST(BaseUrl, WellFormed) {
    constexpr BaseCase kCases[] = {
        {"https://api.openai.com/v1", Scheme::https, HostKind::name, "api.openai.com", 443, "/v1",
         "api.openai.com"},
        {"http://localhost", Scheme::http, HostKind::name, "localhost", 80, "", "localhost"},
        {"http://localhost/", Scheme::http, HostKind::name, "localhost", 80, "", "localhost"},
        {"http://a:8000/v1/", Scheme::http, HostKind::name, "a", 8000, "/v1", "a:8000"},
        {"HTTPS://A.b:443", Scheme::https, HostKind::name, "A.b", 443, "", "A.b"},
        {"http://a:443", Scheme::http, HostKind::name, "a", 443, "", "a:443"},
        {"https://a:80", Scheme::https, HostKind::name, "a", 80, "", "a:80"},
        {"http://127.0.0.1:1", Scheme::http, HostKind::ipv4, "127.0.0.1", 1, "", "127.0.0.1:1"},
        {"http://[::1]:65535/a/b", Scheme::http, HostKind::ipv6, "::1", 65535, "/a/b",
         "[::1]:65535"},
        {"https://[2001:DB8::1]", Scheme::https, HostKind::ipv6, "2001:DB8::1", 443, "",
         "[2001:DB8::1]"},
        {"https://a/openai/%7Edeployments:x=@y", Scheme::https, HostKind::name, "a", 443,
         "/openai/%7Edeployments:x=@y", "a"},
        {"https://my_host-1.example./v1", Scheme::https, HostKind::name, "my_host-1.example.", 443,
         "/v1", "my_host-1.example."},
    };
    for (const BaseCase& test : kCases) {
        const Result<BaseUrl> url = parse_base_url(test.text);
        ASSERT_TRUE(url.has_value()) << test.text << ": " << url.error().where;
        EXPECT_EQ(url->scheme, test.scheme) << test.text;
        EXPECT_EQ(url->is_https(), test.scheme == Scheme::https) << test.text;
        EXPECT_EQ(url->host_kind, test.kind) << test.text;
        EXPECT_EQ(url->host, test.host) << test.text;
        EXPECT_EQ(url->port, test.port) << test.text;
        EXPECT_EQ(url->path_prefix, test.path_prefix) << test.text;
        EXPECT_EQ(authority_text(*url), test.authority) << test.text;
    }
}

struct RefusedCase {
    const char* text;
    const char* reason;  // A part of it.
};

TEST(BaseUrl, Refused) {
    constexpr RefusedCase kCases[] = {
        {"", "begin with http"},
        {"api.openai.com", "begin with http"},
        {"//api.openai.com", "begin with http"},
        {"ftp://a", "begin with http"},
        {"httpx://a", "begin with http"},
        {"://a", "begin with http"},
        {"http:/a", "begin with http"},
        {"http://", "host or port"},
        {"http:///v1", "host or port"},
        {"http://:80", "host or port"},
        {"http://a:", "host or port"},
        {"http://a:0", "host or port"},
        {"http://a:65536", "host or port"},
        {"http://a:000080", "host or port"},
        {"http://a:8o", "host or port"},
        {"http://a:+80", "host or port"},
        {"http://a:1:2", "host or port"},
        {"http://[::1", "host or port"},
        {"http://::1", "host or port"},
        {"http://[::1%25eth0]", "host or port"},
        {"http://[127.0.0.1]", "host or port"},
        {"http://a..b", "host or port"},
        {"http://.a", "host or port"},
        {"http://256.0.0.1", "host or port"},
        {"http://127.1", "host or port"},
        {"http://0x7f.1", "host or port"},
        {"http://2130706433", "host or port"},
        {"http://a%2eb", "host or port"},
        {"http://user:secret@a", "user name or password"},
        {"http://user@a", "user name or password"},
        {"http://@a", "user name or password"},
        {"http://a?x=1", "query"},
        {"http://a/v1?", "query"},
        {"http://a/#x", "fragment"},
        {"http://a/v1//x", "empty segments"},
        {"http://a//", "empty segments"},
        {"http://a/../v1", ". or .."},
        {"http://a/v1/%2E%2e", ". or .."},
        {"http://a/%", "hexadecimal"},
        {"http://a/%4", "hexadecimal"},
        {"http://a/%4g", "hexadecimal"},
        {" http://a", "blanks"},
        {"http://a ", "blanks"},
        {"http://a/\tb", "blanks"},
        {"http://a\\b", "blanks"},
        {"http://\xC3\xA4", "blanks"},
        {"http://a/{x}", "blanks"},
    };
    for (const RefusedCase& test : kCases) {
        const Result<BaseUrl> url = parse_base_url(test.text);
        ASSERT_FALSE(url.has_value()) << test.text;
        EXPECT_NE(std::string_view(url.error().where).find(test.reason), std::string_view::npos)
            << test.text << ": " << url.error().where;
    }
}

TEST(Authority, LengthsOfNamesAndLabels) {
    const std::string label(63, 'a');
    EXPECT_TRUE(parse_authority(label).has_value());
    EXPECT_FALSE(parse_authority(label + "a").has_value());
    const std::string long_name = label + "." + label + "." + label + "." + std::string(61, 'a');
    EXPECT_EQ(long_name.size(), 253U);
    EXPECT_TRUE(parse_authority(long_name).has_value());
    EXPECT_FALSE(parse_authority(long_name + "a").has_value());
    EXPECT_FALSE(parse_authority(".").has_value());
    EXPECT_FALSE(parse_authority("a..").has_value());
    EXPECT_TRUE(parse_authority("1a.b").has_value());
    EXPECT_FALSE(parse_authority("b.1a").has_value());
    EXPECT_FALSE(parse_authority("[]").has_value());
    // One byte more than the longest address of either kind.
    EXPECT_TRUE(parse_authority("255.255.255.255").has_value());
    EXPECT_FALSE(parse_authority("255.255.255.2550").has_value());
    EXPECT_TRUE(parse_authority("[1111:2222:3333:4444:5555:6666:255.255.255.255]").has_value());
    EXPECT_FALSE(parse_authority("[1111:2222:3333:4444:5555:6666:255.255.255.2550]").has_value());
    EXPECT_FALSE(parse_authority("[::1]80").has_value());
    EXPECT_FALSE(parse_authority(std::string_view("a\0", 2)).has_value());
    EXPECT_FALSE(parse_authority(std::string_view("[::1\0]", 6)).has_value());
    EXPECT_FALSE(parse_authority(std::string_view("1.2.3.4\0", 8)).has_value());
}

TEST(Authority, Equality) {
    const auto same = [](std::string_view a, std::string_view b, Scheme scheme) {
        return same_authority(parse_authority(a).value(), parse_authority(b).value(), scheme);
    };
    EXPECT_TRUE(same("a", "A:80", Scheme::http));
    EXPECT_TRUE(same("a:443", "a", Scheme::https));
    EXPECT_FALSE(same("a", "a:443", Scheme::http));
    EXPECT_FALSE(same("a", "b", Scheme::http));
    EXPECT_FALSE(same("a:1", "a:2", Scheme::http));
    EXPECT_TRUE(same("[::A]", "[::a]:80", Scheme::http));
}

TEST(Url, JoinsTargets) {
    Arena arena;
    EXPECT_EQ(join_target(arena, "/v1", "/chat"), "/v1/chat");
    EXPECT_EQ(join_target(arena, "", "/chat", "a=b"), "/chat?a=b");
    EXPECT_EQ(join_target(arena, "/v1", "/", ""), "/v1/");
}

TEST(Url, SplitsQueries) {
    EXPECT_EQ(split_query("/a").path, "/a");
    EXPECT_FALSE(split_query("/a").has_query);
    EXPECT_EQ(split_query("/a?b?c").path, "/a");
    EXPECT_EQ(split_query("/a?b?c").query, "b?c");
    EXPECT_TRUE(split_query("/a?").has_query);
    EXPECT_EQ(split_query("/a?").query, "");
}

TEST(Url, WalksQueryItems) {
    std::string_view rest = "&a=1&&b&=c&d==e&f=";
    std::vector<std::string> items;
    while (const std::optional<QueryItem> item = next_query_item(rest)) {
        items.push_back(std::string(item->name) + "|" + std::string(item->value));
    }
    EXPECT_EQ(items, (std::vector<std::string>{"a|1", "b|", "|c", "d|=e", "f|"}));
}

TEST(Url, PercentEncoding) {
    Arena arena;
    EXPECT_EQ(percent_decode(arena, "abc+d").value(), "abc+d");
    EXPECT_EQ(percent_decode(arena, "").value(), "");
    EXPECT_EQ(percent_decode(arena, "%41%7a%2F%00x").value(), std::string_view("Az/\0x", 5));
    EXPECT_EQ(percent_decode(arena, "%25%32%35").value(), "%25");
    for (const char* bad : {"%", "a%", "%4", "%g0", "%0g", "%%41", "%+1", "% 1"}) {
        EXPECT_FALSE(percent_decode(arena, bad).has_value()) << bad;
        EXPECT_FALSE(is_percent_encoding_valid(bad)) << bad;
    }
    EXPECT_TRUE(is_percent_encoding_valid("%41%ff"));
    EXPECT_TRUE(is_percent_encoding_valid("none"));
}

TEST(Url, DotSegments) {
    for (const char* path :
         {"/.", "/..", "/./a", "/a/..", "/a/../b", ".", "..", "/%2e", "/%2E%2e/a", "/.%2e",
          "/a%2f../b", "/..%2fa", "/..\\a", "/a\\..", "/..%5Ca", "/..;/a", "/..;x=1", "/.;"}) {
        EXPECT_TRUE(has_dot_segments(path)) << path;
    }
    for (const char* path :
         {"", "/", "//", "/a", "/...", "/a.b", "/.a", "/a.", "/..a", "/a..", "/%2e%2e%2e", "/a;..",
          "/;/", "/%2ea", "/v1/models/gpt-4.1", "/a;/b", "/..x;/"}) {
        EXPECT_FALSE(has_dot_segments(path)) << path;
    }
}

}  // namespace
}  // namespace sluice::http
