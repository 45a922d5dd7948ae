// What the head parser reads out of well-formed heads, and the limits it keeps. What it refuses is
// in smuggling_test.cc.
#include "http/h1_parser.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/limits.h"
#include "http/message.h"

namespace sluice::http {
namespace {

// Holds the bytes in a block of just their size, and the storage of the fields.
template <class Head, auto kParse>
struct Parsed {
    explicit Parsed(std::string_view text, const MessageLimits& limits = {})
        : bytes(text.begin(), text.end()),
          status(kParse({bytes.data(), bytes.size()}, limits, storage, head)) {}

    ErrorKind error() const { return status ? ErrorKind::none : status.error().kind; }

    std::vector<char> bytes;
    std::array<HeaderField, 100> storage;
    Head head;
    Status status;
};
using Request = Parsed<RequestHead, parse_request_head>;
using Response = Parsed<ResponseHead, parse_response_head>;

TEST(RequestHeadParser, ReadsEveryPart) {
    const Request request(
        "POST /v1/chat?stream=1&x HTTP/1.1\r\n"
        "Host: api.example:8080\r\n"
        "Content-Type:application/json\r\n"
        "X-Spaces: \t a  b \t\r\n"
        "X-Empty:\r\n"
        "X-Blank:   \r\n"
        "\r\n");
    ASSERT_TRUE(request.status.has_value());
    const RequestHead& head = request.head;
    EXPECT_EQ(head.method, Method::post);
    EXPECT_EQ(head.method_text, "POST");
    EXPECT_EQ(head.version, Version::http_1_1);
    EXPECT_EQ(head.target, "/v1/chat?stream=1&x");
    EXPECT_EQ(head.path, "/v1/chat");
    EXPECT_EQ(head.query, "stream=1&x");
    EXPECT_EQ(head.authority, "api.example:8080");
    ASSERT_EQ(head.headers.size(), 5U);
    EXPECT_EQ(head.headers[1].name, "Content-Type");
    EXPECT_EQ(head.headers[1].value, "application/json");
    EXPECT_EQ(head.headers[1].id, HeaderId::content_type);
    EXPECT_EQ(head.headers[2].value, "a  b");
    EXPECT_EQ(head.headers[3].value, "");
    EXPECT_EQ(head.headers[4].value, "");
}

TEST(RequestHeadParser, ViewsLookIntoTheBytesGiven) {
    const Request request("GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n");
    ASSERT_TRUE(request.status.has_value());
    const char* const begin = request.bytes.data();
    const char* const end = begin + request.bytes.size();
    for (const std::string_view view :
         {request.head.path, request.head.query, request.head.authority,
          request.head.headers[0].name, request.head.headers[0].value}) {
        EXPECT_TRUE(view.data() >= begin && view.data() + view.size() <= end) << view;
    }
}

struct TargetCase {
    const char* target;
    const char* path;
    const char* query;
    const char* authority;
};

TEST(RequestHeadParser, TargetForms) {
    constexpr TargetCase kCases[] = {
        {"/", "/", "", "a:80"},
        {"/a/b", "/a/b", "", "a:80"},
        {"/?", "/", "", "a:80"},
        {"/a?b?c", "/a", "b?c", "a:80"},
        {"//a//b", "//a//b", "", "a:80"},
        {"/a%20%00", "/a%20%00", "", "a:80"},
        {"/\"<>[]\\^`{|}", "/\"<>[]\\^`{|}", "", "a:80"},
        {"http://a/b?c", "/b", "c", "a"},
        {"http://a", "/", "", "a"},
        {"http://A:80?c/d", "/", "c/d", "A:80"},
        {"HtTp://a/", "/", "", "a"},
    };
    for (const TargetCase& test : kCases) {
        const std::string bytes =
            std::string("GET ") + test.target + " HTTP/1.1\r\nHost: a:80\r\n\r\n";
        const Request request(bytes);
        ASSERT_TRUE(request.status.has_value()) << test.target;
        EXPECT_EQ(request.head.target, test.target);
        EXPECT_EQ(request.head.path, test.path) << test.target;
        EXPECT_EQ(request.head.query, test.query) << test.target;
        EXPECT_EQ(request.head.authority, test.authority) << test.target;
    }
    const Request options("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(options.status.has_value());
    EXPECT_EQ(options.head.path, "*");
    EXPECT_EQ(options.head.query, "");
}

TEST(RequestHeadParser, AuthorityMayBeMissingInOldRequests) {
    const Request request("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(request.status.has_value());
    EXPECT_EQ(request.head.version, Version::http_1_0);
    EXPECT_EQ(request.head.authority, "");
    EXPECT_TRUE(request.head.headers.empty());
}

TEST(RequestHeadParser, UnknownMethodsKeepTheirText) {
    const Request request("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(request.status.has_value());
    EXPECT_EQ(request.head.method, Method::other);
    EXPECT_EQ(request.head.method_text, "PROPFIND");
}

TEST(RequestHeadParser, ConnectIsRefusedWith501) {
    const Request request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    ASSERT_FALSE(request.status.has_value());
    EXPECT_EQ(request.status.error().status, 501);
    EXPECT_EQ(request.status.error().source, ErrorSource::client);
}

TEST(RequestHeadParser, TheHeadMustBeTheWholeInput) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(Request(head).error(), ErrorKind::none);
    EXPECT_EQ(Request(head + "x").error(), ErrorKind::malformed);
    EXPECT_EQ(Request(head + "\r\n").error(), ErrorKind::malformed);
    for (size_t length = 0; length < head.size(); ++length) {
        EXPECT_EQ(Request(head.substr(0, length)).error(), ErrorKind::malformed) << length;
    }
}

TEST(ResponseHeadParser, ReadsEveryPart) {
    const Response response(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nServer: x\r\n\r\n");
    ASSERT_TRUE(response.status.has_value());
    EXPECT_EQ(response.head.version, Version::http_1_1);
    EXPECT_EQ(response.head.status, 429);
    EXPECT_EQ(response.head.reason, "Too Many Requests");
    EXPECT_EQ(response.head.headers.value(HeaderId::retry_after), "7");
    EXPECT_EQ(Response("HTTP/1.0 200\r\n\r\n").head.version, Version::http_1_0);
    EXPECT_EQ(Response("HTTP/1.1 100 \r\n\r\n").head.reason, "");
    EXPECT_EQ(Response("HTTP/1.1 599 a\tb \r\n\r\n").head.reason, "a\tb ");
}

TEST(HeadParser, NothingIsLeftOfWhatTheHeadHeldBefore) {
    std::array<HeaderField, 4> storage;
    ResponseHead response;
    ASSERT_TRUE(parse_response_head("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", {}, storage, response));
    ASSERT_TRUE(parse_response_head("HTTP/1.1 201\r\n\r\n", {}, storage, response));
    EXPECT_EQ(response.reason, "");
    EXPECT_TRUE(response.headers.empty());
    RequestHead request;
    ASSERT_TRUE(parse_request_head("GET /?a HTTP/1.1\r\nHost: a\r\n\r\n", {}, storage, request));
    ASSERT_TRUE(parse_request_head("GET / HTTP/1.0\r\n\r\n", {}, storage, request));
    EXPECT_EQ(request.query, "");
    EXPECT_EQ(request.authority, "");
}

TEST(ResponseHeadParser, TheHeadMustBeTheWholeInput) {
    const std::string head = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    EXPECT_EQ(Response(head).error(), ErrorKind::none);
    EXPECT_EQ(Response(head + "x").error(), ErrorKind::malformed);
    for (size_t length = 0; length < head.size(); ++length) {
        EXPECT_EQ(Response(head.substr(0, length)).error(), ErrorKind::malformed) << length;
    }
    EXPECT_EQ(Response("x").status.error().source, ErrorSource::upstream);
}

TEST(HeadParser, CountOfFieldsIsLimitedExactly) {
    const auto head_with = [](size_t fields) {
        std::string head = "HTTP/1.1 200 OK\r\n";
        for (size_t i = 0; i < fields; ++i) {
            head += "Cookie: a=b\r\n";
        }
        return head + "\r\n";
    };
    const MessageLimits limits{.fields_max = 10};
    EXPECT_EQ(Response(head_with(10), limits).error(), ErrorKind::none);
    EXPECT_EQ(Response(head_with(11), limits).error(), ErrorKind::head_too_large);
    // The storage of this test holds 100.
    const MessageLimits more{.fields_max = 1000};
    EXPECT_EQ(Response(head_with(100), more).error(), ErrorKind::none);
    EXPECT_EQ(Response(head_with(101), more).error(), ErrorKind::head_too_large);
}

TEST(HeadParser, BytesOfAFieldAreLimitedExactly) {
    const MessageLimits limits{.field_bytes_max = 20};
    const auto head_with = [](size_t value_bytes) {
        return "HTTP/1.1 200 OK\r\nName: " + std::string(value_bytes, 'v') + "\r\n\r\n";
    };
    EXPECT_EQ(Response(head_with(14), limits).error(), ErrorKind::none);
    EXPECT_EQ(Response(head_with(15), limits).error(), ErrorKind::head_too_large);
}

TEST(HeadParser, BytesOfTheLineAndTheHeadAreLimitedExactly) {
    const std::string head = "GET /abc HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(Request(head, {.request_line_bytes_max = 17}).error(), ErrorKind::none);
    EXPECT_EQ(Request(head, {.request_line_bytes_max = 16}).error(), ErrorKind::uri_too_long);
    EXPECT_EQ(Request(head, {.head_bytes_max = 30}).error(), ErrorKind::none);
    EXPECT_EQ(Request(head, {.head_bytes_max = 29}).error(), ErrorKind::head_too_large);
    const std::string answer = "HTTP/1.1 200 OK\r\n\r\n";
    EXPECT_EQ(Response(answer, {.head_bytes_max = 19}).error(), ErrorKind::none);
    EXPECT_EQ(Response(answer, {.head_bytes_max = 18}).error(), ErrorKind::head_too_large);
}

TEST(HeadParser, NamesTheRuleThatWasBroken) {
    const auto where = [](std::string_view field) {
        return std::string(
            Response("HTTP/1.1 200 OK\r\n" + std::string(field) + "\r\n\r\n").status.error().where);
    };
    EXPECT_EQ(where("A : b"), "blank before a colon");
    EXPECT_EQ(where(" A: b"), "line folding in a head");
    EXPECT_EQ(where(": b"), "empty field name");
    EXPECT_EQ(where("A(: b"), "character in a field name");
    EXPECT_EQ(where("A: \x01"), "control character in a field value");
}

}  // namespace
}  // namespace sluice::http
