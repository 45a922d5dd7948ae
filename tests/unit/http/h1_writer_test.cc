// HeadWriter: what it writes, that it parses back, and what it refuses.
#include "http/h1_writer.h"

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "http/h1_parser.h"
#include "http/header_map.h"
#include "http/message.h"

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

TEST(HeadWriter, Request) {
    Arena arena;
    HeadWriter writer(arena);
    writer.request_line(Method::post, "/v1/chat?x=1");
    writer.field(HeaderId::host, "api.example");
    writer.field("X-Custom", " \t spaced out\t ");
    writer.field("X-Empty", "");
    writer.content_length(18446744073709551615U);
    EXPECT_EQ(writer.finish().value(),
              "POST /v1/chat?x=1 HTTP/1.1\r\n"
              "host: api.example\r\n"
              "X-Custom: spaced out\r\n"
              "X-Empty: \r\n"
              "content-length: 18446744073709551615\r\n"
              "\r\n");
}

TEST(HeadWriter, Response) {
    Arena arena;
    HeadWriter writer(arena);
    writer.status_line(429);
    writer.field(HeaderId::retry_after, "7");
    writer.transfer_encoding_chunked();
    EXPECT_EQ(writer.finish().value(),
              "HTTP/1.1 429 Too Many Requests\r\n"
              "retry-after: 7\r\n"
              "transfer-encoding: chunked\r\n"
              "\r\n");
    HeadWriter own_reason(arena);
    own_reason.status_line(200, "Fine");
    EXPECT_EQ(own_reason.finish().value(), "HTTP/1.1 200 Fine\r\n\r\n");
    HeadWriter no_reason(arena);
    no_reason.status_line(299);
    EXPECT_EQ(no_reason.finish().value(), "HTTP/1.1 299 \r\n\r\n");
}

TEST(HeadWriter, GrowsInTheArena) {
    for (const size_t hint : {0U, 1U, 50U, 4000U}) {
        Arena arena;
        HeadWriter writer(arena, hint);
        std::string expected = "HTTP/1.1 200 OK\r\n";
        writer.status_line(200);
        for (size_t i = 0; i < 100; ++i) {
            const std::string value(i * 7, 'v');
            writer.field("Name", value);
            expected.append("Name: ").append(value).append("\r\n");
        }
        EXPECT_EQ(writer.size(), expected.size());
        EXPECT_EQ(writer.finish().value(), expected + "\r\n") << hint;
    }
}

TEST(HeadWriter, ASliceOutlivesTheArena) {
    Slice head;
    {
        Arena arena;
        HeadWriter writer(arena);
        writer.status_line(200);
        head = writer.finish_slice().value();
        EXPECT_EQ(writer.size(), 0U);
        HeadWriter refused(arena);
        refused.status_line(0);
        EXPECT_FALSE(refused.finish_slice().has_value());
    }
    EXPECT_EQ(head.view(), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST(HeadWriter, CopiedFieldsBringNoFraming) {
    std::array<HeaderField, 8> storage;
    HeaderMap headers(storage);
    ASSERT_TRUE(headers.add("A", "1"));
    ASSERT_TRUE(headers.add("Content-Length", "5"));
    ASSERT_TRUE(headers.add("transfer-encoding", "chunked"));
    ASSERT_TRUE(headers.add("B", "2"));
    Arena arena;
    HeadWriter writer(arena);
    writer.request_line("GET", "/");
    writer.fields(headers);
    EXPECT_EQ(writer.finish().value(), "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n");
}

TEST(HeadWriter, WhatIsWrittenParsesBack) {
    Arena arena;
    HeadWriter writer(arena);
    writer.request_line("M-SEARCH", "/%20?!$&'()*+,;=:@");
    writer.field(HeaderId::host, "[::1]:8080");
    std::string every_value_byte;
    for (int byte = 0x20; byte < 0x100; ++byte) {
        every_value_byte += byte == 0x7f ? '\t' : static_cast<char>(byte);
    }
    writer.field("!#$%&'*+-.^_`|~", every_value_byte);
    const std::string_view text = writer.finish().value();
    std::array<HeaderField, 8> headers;
    RequestHead head;
    ASSERT_TRUE(parse_request_head(text, {}, headers, head).has_value());
    EXPECT_EQ(head.method_text, "M-SEARCH");
    EXPECT_EQ(head.target, "/%20?!$&'()*+,;=:@");
    ASSERT_EQ(head.headers.size(), 2U);
    EXPECT_EQ(head.headers[1].name, "!#$%&'*+-.^_`|~");
    EXPECT_EQ(head.headers[1].value, every_value_byte.substr(1));  // Its leading blank is none.
}

struct Refusal {
    const char* name;
    std::function<void(HeadWriter&)> write;
};

void start(HeadWriter& writer) {
    writer.status_line(200);
}

TEST(HeadWriter, Refusals) {
    const Refusal refusals[] = {
        {"empty method", [](HeadWriter& w) { w.request_line("", "/"); }},
        {"method other", [](HeadWriter& w) { w.request_line(Method::other, "/"); }},
        {"blank in method", [](HeadWriter& w) { w.request_line("GET /", "/"); }},
        {"empty target", [](HeadWriter& w) { w.request_line("GET", ""); }},
        {"blank in target", [](HeadWriter& w) { w.request_line("GET", "/ HTTP/1.1"); }},
        {"CRLF in target", [](HeadWriter& w) { w.request_line("GET", "/\r\nA: b"); }},
        {"NUL in target", [](HeadWriter& w) { w.request_line("GET", "/\0"sv); }},
        {"fragment in target", [](HeadWriter& w) { w.request_line("GET", "/#a"); }},
        {"high byte in target", [](HeadWriter& w) { w.request_line("GET", "/\xFF"); }},
        {"status 99", [](HeadWriter& w) { w.status_line(99); }},
        {"status 600", [](HeadWriter& w) { w.status_line(600); }},
        {"LF in reason", [](HeadWriter& w) { w.status_line(200, "O\nK"); }},
        {"empty name", [](HeadWriter& w) { start(w), w.field("", "x"); }},
        {"colon in name", [](HeadWriter& w) { start(w), w.field("a:", "x"); }},
        {"blank in name", [](HeadWriter& w) { start(w), w.field("a ", "x"); }},
        {"CRLF in name", [](HeadWriter& w) { start(w), w.field("a\r\nb", "x"); }},
        {"NUL in name", [](HeadWriter& w) { start(w), w.field("a\0"sv, "x"); }},
        {"CR in value", [](HeadWriter& w) { start(w), w.field("a", "x\ry"); }},
        {"LF in value", [](HeadWriter& w) { start(w), w.field("a", "x\ny"); }},
        {"CRLF at the end of a value", [](HeadWriter& w) { start(w), w.field("a", "x\r\n"); }},
        {"NUL in value", [](HeadWriter& w) { start(w), w.field("a", "\0"sv); }},
        {"DEL in value", [](HeadWriter& w) { start(w), w.field("a", "\x7f"); }},
        {"LF in a known field", [](HeadWriter& w) { start(w), w.field(HeaderId::via, "\n"); }},
        {"length by name", [](HeadWriter& w) { start(w), w.field("Content-Length", "5"); }},
        {"coding by name", [](HeadWriter& w) { start(w), w.field("transfer-Encoding", "x"); }},
    };
    for (const Refusal& refusal : refusals) {
        Arena arena;
        HeadWriter writer(arena);
        refusal.write(writer);
        const std::string first = writer.finish() ? "" : writer.finish().error().where;
        EXPECT_NE(first, "") << refusal.name;
        // Nothing that follows makes it good again.
        writer.field("b", "y");
        writer.field("c", "\n");
        const Result<std::string_view> after = writer.finish();
        ASSERT_FALSE(after.has_value()) << refusal.name;
        EXPECT_EQ(after.error().kind, ErrorKind::internal);
        EXPECT_EQ(after.error().where, first) << refusal.name;
    }
}

TEST(HeadWriterDeathTest, FramingIsWrittenOnce) {
    Arena arena;
    HeadWriter writer(arena);
    writer.status_line(200);
    writer.content_length(5);
    EXPECT_DEATH(writer.transfer_encoding_chunked(), "is_framed_");
    EXPECT_DEATH(writer.field(HeaderId::content_length, "5"), "is_framing");
}

}  // namespace
}  // namespace sluice::http
