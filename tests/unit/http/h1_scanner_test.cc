// HeadScanner: where a head ends, which limit it breaks, and that splits change neither.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/h1_parser.h"
#include "http/limits.h"
#include "support/splits.h"

namespace sluice::http {
namespace {

using Kind = HeadScanner::Kind;

// The last answer, each call being given everything so far in a block of its own.
Result<HeadExtent> scan_pieces(Kind kind, const MessageLimits& limits, const test::Pieces& pieces) {
    HeadScanner scanner(kind, limits);
    std::vector<char> received;
    Result<HeadExtent> extent = HeadExtent{};
    for (size_t i = 0; i < pieces.size() && extent && !extent->is_complete(); ++i) {
        received.insert(received.end(), pieces[i].begin(), pieces[i].end());
        const std::vector<char> exact(received);
        extent = scanner.scan({exact.data(), exact.size()});
    }
    return extent;
}

Result<HeadExtent> scan(Kind kind, const MessageLimits& limits, std::string_view bytes) {
    const Result<HeadExtent> whole = scan_pieces(kind, limits, test::whole(bytes));
    test::for_each_split(bytes, [&](const test::Pieces& pieces) {
        const Result<HeadExtent> split = scan_pieces(kind, limits, pieces);
        ASSERT_EQ(split.has_value(), whole.has_value()) << pieces.describe();
        if (whole) {
            EXPECT_EQ(split->begin, whole->begin) << pieces.describe();
            EXPECT_EQ(split->end, whole->end) << pieces.describe();
        } else {
            EXPECT_EQ(split.error().kind, whole.error().kind) << pieces.describe();
            EXPECT_STREQ(split.error().where, whole.error().where) << pieces.describe();
        }
    });
    return whole;
}

TEST(HeadScanner, FindsTheEndOfHeadsOfEveryLength) {
    // The lengths around 64 meet every place where a line end can fall in a group of bytes.
    for (size_t length = 0; length < 140; ++length) {
        std::string head = "GET / HTTP/1.1\r\nA: ";
        head.append(length, 'x').append("\r\nB: y\r\n\r\n");
        const std::string short_rest = "body\r\n\r\n";
        const std::string long_rest = "GET / HTTP/1.1\r\nC: " + std::string(200, 'z') + "\r\n";
        for (const std::string& rest : {short_rest, long_rest}) {
            const Result<HeadExtent> extent = scan(Kind::request, {}, head + rest);
            ASSERT_TRUE(extent.has_value());
            EXPECT_EQ(extent->begin, 0U);
            EXPECT_EQ(extent->end, head.size());
        }
    }
}

TEST(HeadScanner, FindsEachFaultWhereverItStands) {
    const std::string good = "HTTP/1.1 200 OK\r\nA: " + std::string(90, 'x') +
                             "\r\nB: " + std::string(70, 'y') + "\r\n\r\n";
    const size_t fields = good.find("A:");
    for (size_t at = fields; at < good.size() - 4; ++at) {
        for (const char fault : {'\r', '\n', '\0'}) {
            std::string bad = good;
            bad[at] = fault;
            const bool changes_nothing = bad == good;
            const bool makes_an_empty_line = at >= 2 && bad.compare(at - 2, 4, "\r\n\r\n") == 0;
            if (changes_nothing || makes_an_empty_line) {
                continue;
            }
            const Result<HeadExtent> extent = scan_pieces(Kind::response, {}, test::whole(bad));
            ASSERT_FALSE(extent.has_value()) << at << " " << int{fault};
            EXPECT_EQ(extent.error().kind, ErrorKind::malformed);
            EXPECT_EQ(extent.error().source, ErrorSource::upstream);
        }
    }
}

TEST(HeadScanner, KeepsItsAnswerUntilReset) {
    const std::string head = "GET / HTTP/1.1\r\n\r\n";
    HeadScanner scanner(Kind::request, {});
    EXPECT_FALSE(scanner.has_begun());
    EXPECT_FALSE(scanner.scan("\r\n")->is_complete());
    EXPECT_FALSE(scanner.has_begun());
    EXPECT_FALSE(scanner.scan("\r\nG")->is_complete());
    EXPECT_TRUE(scanner.has_begun());
    EXPECT_EQ(scanner.scan("\r\n" + head)->end, head.size() + 2);
    EXPECT_EQ(scanner.scan("\r\n" + head + "more\n")->end, head.size() + 2);
    EXPECT_EQ(scanner.scan("\r\n" + head)->begin, 2U);
    scanner.reset();
    EXPECT_FALSE(scanner.has_begun());
    EXPECT_EQ(scanner.scan(head)->end, head.size());
    EXPECT_EQ(scanner.scan(head)->begin, 0U);
}

TEST(HeadScanner, RefusesATlsHandshakeWithItsFirstByte) {
    HeadScanner scanner(Kind::request, {});
    const Result<HeadExtent> extent = scanner.scan("\x16");
    ASSERT_FALSE(extent.has_value());
    EXPECT_EQ(extent.error().source, ErrorSource::client);
    EXPECT_NE(std::string_view(extent.error().where).find("TLS"), std::string_view::npos);
}

TEST(HeadScanner, RefusesWhatCannotBecomeAHeadAtOnce) {
    for (const std::string_view bytes : {"\n", "\t", "{", "\x80", "\rx"}) {
        EXPECT_FALSE(scan(Kind::request, {}, bytes).has_value()) << bytes;
    }
    for (const std::string_view bytes : {"h", "HTTQ", "\r", "<", "HTTP1"}) {
        EXPECT_FALSE(scan(Kind::response, {}, bytes).has_value()) << bytes;
    }
}

struct LimitCase {
    const char* name;
    uint32_t head_bytes_max;
    uint32_t request_line_bytes_max;
    ErrorKind expected;
};

// "GET / HTTP/1.1" has 14 bytes and the whole head 24.
TEST(HeadScanner, LimitsAreExact) {
    const std::string head = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
    constexpr LimitCase kCases[] = {
        {"just enough", 24, 14, ErrorKind::none},
        {"line too long by one", 24, 13, ErrorKind::uri_too_long},
        {"line far too long", 24, 2, ErrorKind::uri_too_long},
        {"head too long by one", 23, 14, ErrorKind::head_too_large},
        {"head ends in the last CR", 22, 14, ErrorKind::head_too_large},
        {"head ends inside the line", 10, 14, ErrorKind::head_too_large},
        {"nothing allowed", 0, 0, ErrorKind::head_too_large},
    };
    for (const LimitCase& test : kCases) {
        const MessageLimits limits{.head_bytes_max = test.head_bytes_max,
                                   .request_line_bytes_max = test.request_line_bytes_max};
        const Result<HeadExtent> extent = scan(Kind::request, limits, head);
        EXPECT_EQ(extent ? ErrorKind::none : extent.error().kind, test.expected) << test.name;
        // What follows must not matter, nor what a limit cuts off.
        const Result<HeadExtent> longer = scan(Kind::request, limits, head + std::string(80, '\n'));
        EXPECT_EQ(longer ? ErrorKind::none : longer.error().kind, test.expected) << test.name;
    }
}

TEST(HeadScanner, LeadingEmptyLinesDoNotCountAgainstTheHead) {
    const MessageLimits limits{.head_bytes_max = 18, .request_line_bytes_max = 14};
    const Result<HeadExtent> extent = scan(Kind::request, limits, "\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(extent.has_value());
    EXPECT_EQ(extent->begin, 4U);
    EXPECT_EQ(extent->end, 22U);
}

TEST(HeadScanner, StatusLinesHaveNoLimitOfTheirOwn) {
    const MessageLimits limits{.request_line_bytes_max = 5};
    EXPECT_TRUE(scan(Kind::response, limits, "HTTP/1.1 200 OK\r\n\r\n").has_value());
}

TEST(HeadScanner, FieldsWithoutEndAreRefusedAtTheLimit) {
    const MessageLimits limits{.head_bytes_max = 1000};
    std::string bytes = "GET / HTTP/1.1\r\n";
    while (bytes.size() < 1000) {
        bytes += "A: b\r\n";
    }
    const Result<HeadExtent> extent = scan(Kind::request, limits, bytes);
    ASSERT_FALSE(extent.has_value());
    EXPECT_EQ(extent.error().kind, ErrorKind::head_too_large);
    bytes.resize(999);
    EXPECT_TRUE(scan(Kind::request, limits, bytes).has_value());
}

// Byte by byte must cost what the bytes cost, not their square. What earlier calls have seen is
// overwritten with NULs here, which a second look would refuse; only the first bytes, by which a
// request is told from other protocols, and a CR that waits for its LF may be read again.
TEST(HeadScanner, EachByteIsLookedAtOnce) {
    constexpr size_t kStartBytes = 5;
    constexpr size_t kWaitingBytes = 2;
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 50; ++i) {
        head.append("Name: ").append(static_cast<size_t>(i) * 3, 'v').append("\r\n");
    }
    head += "\r\n";
    HeadScanner scanner(Kind::request, {});
    for (size_t length = 1; length <= head.size(); ++length) {
        std::vector<char> bytes(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(length));
        for (size_t i = kStartBytes; i + kWaitingBytes < length; ++i) {
            bytes[i] = '\0';
        }
        const Result<HeadExtent> extent = scanner.scan({bytes.data(), bytes.size()});
        ASSERT_TRUE(extent.has_value()) << length;
        EXPECT_EQ(extent->is_complete(), length == head.size());
    }
}

}  // namespace
}  // namespace sluice::http
