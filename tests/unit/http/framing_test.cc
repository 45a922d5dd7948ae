// Lengths of bodies and lives of connections; what is refused is in smuggling_test.cc too.
#include "http/framing.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/h1_parser.h"
#include "http/message.h"

namespace sluice::http {
namespace {

Result<RequestFraming> frame_request(std::string_view fields, std::string_view version = "1.1") {
    std::array<HeaderField, 64> storage;
    RequestHead head;
    std::string bytes = "POST / HTTP/";
    bytes.append(version).append("\r\nHost: a\r\n").append(fields).append("\r\n");
    EXPECT_TRUE(parse_request_head(bytes, {}, storage, head).has_value()) << bytes;
    return request_framing(head);
}

Result<ResponseFraming> frame_response(std::string_view start,
                                       std::string_view fields = {},
                                       Method method = Method::post) {
    std::array<HeaderField, 64> storage;
    ResponseHead head;
    std::string bytes(start);
    bytes.append("\r\n").append(fields).append("\r\n");
    EXPECT_TRUE(parse_response_head(bytes, {}, storage, head).has_value()) << bytes;
    return response_framing(head, method);
}

TEST(RequestFraming, Bodies) {
    EXPECT_EQ(frame_request("")->body.kind, BodyKind::none);
    EXPECT_EQ(frame_request("Content-Length: 0\r\n")->body.kind, BodyKind::none);
    EXPECT_EQ(frame_request("Content-Length: 5\r\n")->body.kind, BodyKind::length);
    EXPECT_EQ(frame_request("Content-Length: 5\r\n")->body.length_bytes, 5U);
    EXPECT_EQ(frame_request("Content-Length: 999999999999999\r\n")->body.length_bytes,
              999'999'999'999'999U);
    EXPECT_EQ(frame_request("Transfer-Encoding: chunked\r\n")->body.kind, BodyKind::chunked);
    EXPECT_EQ(frame_request("", "1.0")->body.kind, BodyKind::none);
    EXPECT_EQ(frame_request("Content-Length: 5\r\n", "1.0")->body.kind, BodyKind::length);
}

TEST(RequestFraming, ErrorsSayWhoseTheyAreAndWhatToAnswer) {
    const Error both = frame_request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n").error();
    EXPECT_EQ(both.kind, ErrorKind::malformed);
    EXPECT_EQ(both.source, ErrorSource::client);
    EXPECT_EQ(both.status, 0);
    const Error coding = frame_request("Transfer-Encoding: gzip\r\n").error();
    EXPECT_EQ(coding.kind, ErrorKind::unsupported_encoding);
    EXPECT_EQ(coding.status, 501);
    const Error expect = frame_request("Expect: more\r\n").error();
    EXPECT_EQ(expect.kind, ErrorKind::unsupported_expectation);
    EXPECT_EQ(expect.source, ErrorSource::client);
}

TEST(RequestFraming, Expectations) {
    EXPECT_TRUE(frame_request("Expect: 100-continue\r\nContent-Length: 1\r\n")->expects_continue);
    EXPECT_TRUE(
        frame_request("Expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n")->expects_continue);
    EXPECT_FALSE(frame_request("Content-Length: 1\r\n")->expects_continue);
    // Without a body nobody waits, and HTTP/1.0 does not know the word.
    EXPECT_FALSE(frame_request("Expect: 100-continue\r\n")->expects_continue);
    EXPECT_FALSE(
        frame_request("Expect: 100-continue\r\nContent-Length: 1\r\n", "1.0")->expects_continue);
}

struct KeepAliveCase {
    const char* fields;
    bool in_1_1;
    bool in_1_0;
};

constexpr KeepAliveCase kKeepAliveCases[] = {
    {"", true, false},
    {"Connection: keep-alive\r\n", true, true},
    {"Connection: Keep-Alive\r\n", true, true},
    {"Connection: close\r\n", false, false},
    {"Connection: CLOSE\r\n", false, false},
    {"Connection: x, close\r\n", false, false},
    {"Connection: close, keep-alive\r\n", false, false},
    {"Connection: keep-alive\r\nConnection: close\r\n", false, false},
    {"Connection: x\r\nConnection: keep-alive\r\n", true, true},
    {"Connection: closed\r\n", true, false},
    {"Connection:\r\n", true, false},
    {"Proxy-Connection: close\r\n", true, false},
};

TEST(RequestFraming, KeepAlive) {
    for (const KeepAliveCase& test : kKeepAliveCases) {
        EXPECT_EQ(frame_request(test.fields, "1.1")->keep_alive, test.in_1_1) << test.fields;
        EXPECT_EQ(frame_request(test.fields, "1.0")->keep_alive, test.in_1_0) << test.fields;
    }
}

TEST(ResponseFraming, KeepAlive) {
    const std::string length = "Content-Length: 1\r\n";
    for (const KeepAliveCase& test : kKeepAliveCases) {
        EXPECT_EQ(frame_response("HTTP/1.1 200 OK", length + test.fields)->keep_alive, test.in_1_1)
            << test.fields;
        EXPECT_EQ(frame_response("HTTP/1.0 200 OK", length + test.fields)->keep_alive, test.in_1_0)
            << test.fields;
        // A body that ends with the connection ends the connection.
        EXPECT_FALSE(frame_response("HTTP/1.1 200 OK", test.fields)->keep_alive) << test.fields;
    }
}

TEST(RequestFraming, ConnectionOptionsAreLimited) {
    std::string fields = "Connection: a";
    for (uint32_t i = 1; i < kConnectionOptionsMax; ++i) {
        fields += ", a";
    }
    EXPECT_TRUE(frame_request(fields + "\r\n").has_value());
    EXPECT_FALSE(frame_request(fields + ", b\r\n").has_value());
    EXPECT_FALSE(frame_request(fields + "\r\nConnection: b\r\n").has_value());
}

TEST(ResponseFraming, Bodies) {
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK")->body.kind, BodyKind::until_close);
    EXPECT_EQ(frame_response("HTTP/1.1 500 No")->body.kind, BodyKind::until_close);
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK", "Content-Length: 0\r\n")->body.kind,
              BodyKind::none);
    EXPECT_TRUE(frame_response("HTTP/1.1 200 OK", "Content-Length: 0\r\n")->keep_alive);
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK", "Content-Length: 7\r\n")->body.length_bytes, 7U);
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n")->body.kind,
              BodyKind::chunked);
    EXPECT_TRUE(frame_response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n")->keep_alive);
}

TEST(ResponseFraming, SomeAnswersNeverHaveABody) {
    const std::string length = "Content-Length: 7\r\n";
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    for (const std::string& fields : {std::string(), length, chunked}) {
        for (const char* start :
             {"HTTP/1.1 100 C", "HTTP/1.1 103 E", "HTTP/1.1 204 N", "HTTP/1.1 304 N"}) {
            EXPECT_EQ(frame_response(start, fields)->body.kind, BodyKind::none) << start << fields;
        }
        const Result<ResponseFraming> head_answer =
            frame_response("HTTP/1.1 200 OK", fields, Method::head);
        EXPECT_EQ(head_answer->body.kind, BodyKind::none);
        EXPECT_EQ(head_answer->body.length_bytes, 0U);
        EXPECT_TRUE(head_answer->keep_alive);
        EXPECT_TRUE(frame_response("HTTP/1.1 304 N", fields)->keep_alive);
    }
    EXPECT_TRUE(frame_response("HTTP/1.1 204 N")->keep_alive);
    // It may send what it must not declare.
    EXPECT_FALSE(frame_response("HTTP/1.1 204 N", length)->keep_alive);
    EXPECT_FALSE(frame_response("HTTP/1.1 204 N", chunked)->keep_alive);
    EXPECT_TRUE(frame_response("HTTP/1.1 204 N", "Content-Length: 0\r\n")->keep_alive);
}

TEST(ResponseFraming, ErrorsAreTheUpstreams) {
    const std::string both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK", both).error().source, ErrorSource::upstream);
    EXPECT_EQ(frame_response("HTTP/1.1 304 N", both).error().kind, ErrorKind::malformed);
    EXPECT_EQ(frame_response("HTTP/1.1 200 OK", both, Method::head).error().kind,
              ErrorKind::malformed);
    EXPECT_EQ(frame_response("HTTP/1.1 101 S", "").error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace sluice::http
