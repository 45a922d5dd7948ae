// URLs of strangers: what is cut, what is mended, what is refused, and where a Location leads.
#include "http/web_url.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace sluice::http {

namespace {

// "origin target", or "-".
std::string shown(const std::optional<WebUrl>& url) {
    return url ? url->origin + " " + url->target : "-";
}

TEST(WebUrl, IsCutAtItsAuthority) {
    const std::pair<const char*, const char*> cases[] = {
        {"https://example.org/a/b.png?x=1&y#top", "https://example.org /a/b.png?x=1&y"},
        {"HTTPS://example.org", "https://example.org /"},
        {"http://example.org:8080?q=/../", "http://example.org:8080 /?q=/../"},
        {"https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443 /x"},
        {"https://192.0.2.1/", "https://192.0.2.1 /"},
        {"https://example.org#https://other.org/", "https://example.org /"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(shown(parse_web_url(text)), expected) << text;
    }
    EXPECT_EQ(parse_web_url("http://a/")->scheme, Scheme::http);
    EXPECT_EQ(parse_web_url("https://a/")->scheme, Scheme::https);
}

TEST(WebUrl, IsMendedAsBrowsersDo) {
    const std::pair<const char*, const char*> cases[] = {
        {"https://a/b c.png", "https://a /b%20c.png"},
        {"https://a/caf\xC3\xA9?n=\xC3\xA9", "https://a /caf%C3%A9?n=%C3%A9"},
        {"https://a/%20%zz", "https://a /%20%zz"},
        {"https://a/b/./c/../d", "https://a /b/d"},
        {"https://a/../../b", "https://a /b"},
        {"https://a/b/..", "https://a /"},
        {"https://a/b/.", "https://a /b/"},
        {"https://a/b//c", "https://a /b//c"},
        {"https://a/{b}\\c", "https://a /%7Bb%7D%5Cc"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(shown(parse_web_url(text)), expected) << text;
    }
}

TEST(WebUrl, IsRefusedWhenItIsDoubtful) {
    for (const char* text : {"",
                             "example.org/x",
                             "//example.org/x",
                             "ftp://example.org/",
                             "file:///etc/passwd",
                             "https:///x",
                             "https://",
                             "https://user@example.org/",
                             "https://u:p@example.org/",
                             "https://0x7f.1/",
                             "https://127.1/",
                             "https://2130706433/",
                             "https://exa mple.org/",
                             "https://example.org:0/",
                             "https://example.org:99999/",
                             "https://ex\xC3\xA4mple.org/",
                             "https://good.org\\@evil.org/",
                             "https://example.org/\r\nX: 1",
                             "https://a/\x01",
                             "https://[::1",
                             "https://[fe80::1%25eth0]/",
                             "gopher://a/"}) {
        EXPECT_EQ(shown(parse_web_url(text)), "-") << text;
    }
}

TEST(WebUrl, ALocationIsResolved) {
    const WebUrl from = *parse_web_url("https://example.org:8443/a/b?c=d");
    const std::pair<const char*, const char*> cases[] = {
        {"https://other.org/x", "https://other.org /x"},
        {"http://other.org/x", "http://other.org /x"},
        {"//other.org/x", "https://other.org /x"},
        {"/x?y=z#f", "https://example.org:8443 /x?y=z"},
        {"x", "https://example.org:8443 /a/x"},
        {"../x", "https://example.org:8443 /x"},
        {"?e", "https://example.org:8443 /a/b?e"},
        {" /x ", "https://example.org:8443 /x"},
        {"x?u=http://h/", "https://example.org:8443 /a/x?u=http://h/"},
        {"", "-"},
        {"#f", "-"},
        {"file:///etc/passwd", "-"},
        {"data:image/png;base64,AAAA", "-"},
        {"https://u@h/", "-"},
    };
    for (const auto& [location, expected] : cases) {
        EXPECT_EQ(shown(resolve_location(from, location)), expected) << location;
    }
}

}  // namespace

}  // namespace sluice::http
