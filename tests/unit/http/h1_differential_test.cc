// The real parser against the plain reference on a great many near-misses: both must take or
// refuse the same heads, and read the same out of them.
#include <cstddef>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "http/framing.h"
#include "support/mutate.h"
#include "support/plain_http.h"
#include "support/read_http.h"
#include "support/splits.h"

namespace sluice::test {

// Found by GoogleTest beside the type.
// NOLINTNEXTLINE(misc-use-internal-linkage): so it must be in the type's namespace.
inline std::ostream& operator<<(std::ostream& to, const PlainHead& head) {
    to << head.first << ' ' << head.second << ' ' << head.third;
    for (const auto& [name, value] : head.fields) {
        to << " | " << name << ": " << value;
    }
    return to << " | " << head.framing;
}

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kWords[] = {
    "\r\n"sv,
    "\r\n\r\n"sv,
    "\r"sv,
    "\n"sv,
    "\0"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    ": "sv,
    ","sv,
    "/"sv,
    "?"sv,
    "#"sv,
    "*"sv,
    "@"sv,
    "%00"sv,
    "\x7f"sv,
    "\xFF"sv,
    "\x0b"sv,
    "[::1]"sv,
    ":80"sv,
    ":443"sv,
    ":0"sv,
    "127.0.0.1"sv,
    "1.2.3"sv,
    "http://a"sv,
    "https://a"sv,
    "//"sv,
    ".."sv,
    "Host: a\r\n"sv,
    "Host: b\r\n"sv,
    "Content-Length: 5\r\n"sv,
    "Content-Length: 0\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "chunked"sv,
    "Expect: 100-continue\r\n"sv,
    "Connection: close\r\n"sv,
    "Connection: a,b,c,d,e,f,g,h,i\r\n"sv,
    "HTTP/1.0"sv,
    "HTTP/1.1"sv,
    "HTTP/2.0"sv,
    "GET"sv,
    "OPTIONS"sv,
    "CONNECT"sv,
    "204"sv,
    "304"sv,
    "100"sv,
    "599"sv,
    "+"sv,
    "0x"sv,
    "99999999999999999"sv,
    "a.b.c"sv,
};

constexpr std::string_view kExpecting =
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
    "Expect: 100-continue\r\n\r\n";
constexpr std::string_view kRequests[] = {
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "GET http://a:80/x?y HTTP/1.1\r\nhost: a\r\nConnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    kExpecting,
    "GET / HTTP/1.0\r\n\r\n",
    "\r\n\r\nHEAD /a%20b?c=d&e HTTP/1.1\r\nHost: a.b.c.\r\nX-Y: \t v v \t\r\nEmpty:\r\n\r\n",
};

constexpr std::string_view kResponses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\nX: \t v v \t\r\nEmpty:\r\n\r\n",
    "HTTP/1.1 204\r\n\r\n",
    "HTTP/1.1 304 \r\nContent-Length: 10\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
};

std::string framing_text(const ReadMessage& message, uint64_t length) {
    switch (message.body_kind) {
        case http::BodyKind::none:
            return "none";
        case http::BodyKind::chunked:
            return "chunked";
        case http::BodyKind::until_close:
            return "until close";
        case http::BodyKind::length:
            return "length " + std::to_string(length);
    }
    return "";
}

// The start line in its three parts; a reason phrase may hold blanks.
PlainHead as_plain(const ReadMessage& message) {
    const std::string& line = message.start_line;
    const size_t first = line.find(' ');
    const size_t second = line.find(' ', first + 1);
    PlainHead head{line.substr(0, first),
                   line.substr(first + 1, second - first - 1),
                   line.substr(second + 1),
                   message.fields,
                   {}};
    uint64_t length = 0;
    for (const auto& [name, value] : message.fields) {
        if (plain::lower(name) == "content-length") {
            length = std::stoull(value);
        }
    }
    head.framing = framing_text(message, length);
    return head;
}

// A head that was taken; errors in a body are not the matter here.
bool has_head(const ReadMessage& message) {
    return !message.start_line.empty() &&
           (message.error == ErrorKind::none || message.body_kind == http::BodyKind::chunked);
}

template <class Read, class PlainRead>
void compare(std::span<const std::string_view> seeds, Read read, PlainRead plain_read) {
    constexpr int kRounds = 8000;
    constexpr uint32_t kChangesMax = 3;
    Prng prng(2024);
    int taken = 0;
    for (int round = 0; round < kRounds; ++round) {
        std::string bytes(seeds[prng.below(static_cast<uint32_t>(seeds.size()))]);
        for (uint32_t changes = prng.below(kChangesMax + 1); changes > 0; --changes) {
            mutate(bytes, kWords, prng);
        }
        const ReadMessage ours = read(random_pieces(bytes, 3, prng));
        const std::optional<PlainHead> reference = plain_read(bytes);
        ASSERT_EQ(has_head(ours), reference.has_value()) << testing::PrintToString(bytes) << ours;
        if (reference) {
            ASSERT_EQ(as_plain(ours), *reference) << testing::PrintToString(bytes);
            ++taken;
        }
    }
    // Both sides of the border must have been visited.
    EXPECT_GT(taken, kRounds / 10);
    EXPECT_LT(taken, kRounds * 9 / 10);
}

TEST(H1Differential, Requests) {
    compare(
        kRequests, [](const Pieces& pieces) { return read_request(pieces); },
        [](const std::string& bytes) { return plain_request(bytes); });
}

TEST(H1Differential, Responses) {
    compare(
        kResponses, [](const Pieces& pieces) { return read_response(pieces); },
        [](const std::string& bytes) { return plain_response(bytes); });
}

}  // namespace
}  // namespace sluice::test
