// Every error has an answer in the shape of OpenAI's API, and every text of it is valid JSON.
#include "pipeline/respond_error.h"

#include <string>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "gtest/gtest.h"
#include "json/document.h"
#include "json/field_watch.h"
#include "pipeline/stream_watch.h"

namespace sluice::pipeline {

namespace {

constexpr auto kLastKind = static_cast<uint8_t>(ErrorKind::internal);

Error error_of(ErrorKind kind, ErrorSource source) {
    return {.kind = kind, .source = source, .where = "here"};
}

template <class Function>
void for_every_error(Function function) {
    for (uint8_t kind = 1; kind <= kLastKind; ++kind) {
        for (const ErrorSource source :
             {ErrorSource::gateway, ErrorSource::client, ErrorSource::upstream}) {
            SCOPED_TRACE(std::string(error_kind_name(ErrorKind{kind})) + " of " +
                         std::string(error_source_name(source)));
            function(error_of(ErrorKind{kind}, source));
        }
    }
}

// Of a text member; "null" for null, "-" for anything else.
std::string member(json::Document& document, const char* path) {
    if (document.type(path) == json::ValueType::null) {
        return "null";
    }
    const auto text = document.string(path);
    return text ? std::string(*text) : "-";
}

using Row = std::tuple<ErrorKind, ErrorSource, uint16_t, std::string_view, std::string_view>;

TEST(RespondError, StatusTypeAndCodeAreThoseOfTheTable) {
    using enum ErrorKind;
    constexpr std::string_view kRequest = "invalid_request_error";
    constexpr std::string_view kServer = "server_error";
    constexpr std::string_view kTimeout = "timeout_error";
    constexpr ErrorSource kClient = ErrorSource::client;
    constexpr ErrorSource kUpstream = ErrorSource::upstream;
    constexpr ErrorSource kGateway = ErrorSource::gateway;
    for (const auto& [kind, source, status, type, code] : {
             Row{malformed, kClient, 400, kRequest, ""},
             Row{invalid_field, kClient, 400, kRequest, ""},
             Row{closed_early, kClient, 400, kRequest, ""},
             Row{invalid_json, kClient, 400, kRequest, "invalid_json"},
             Row{streaming_not_allowed, kClient, 400, kRequest, "streaming_not_allowed"},
             Row{streaming_required, kClient, 400, kRequest, "streaming_required"},
             Row{unauthorized, kClient, 401, kRequest, "invalid_api_key"},
             Row{no_route, kClient, 404, kRequest, "unknown_url"},
             Row{no_model, kClient, 404, kRequest, "model_not_found"},
             Row{no_operation, kClient, 404, kRequest, "unsupported_operation"},
             Row{method_not_allowed, kClient, 405, kRequest, "method_not_allowed"},
             Row{head_timeout, kClient, 408, kRequest, "request_timeout"},
             Row{body_timeout, kClient, 408, kRequest, "request_timeout"},
             Row{body_too_large, kClient, 413, kRequest, "request_too_large"},
             Row{uri_too_long, kClient, 414, kRequest, "uri_too_long"},
             Row{unsupported_encoding, kClient, 415, kRequest, "unsupported_encoding"},
             Row{unsupported_expectation, kClient, 417, kRequest, "expectation_failed"},
             Row{head_too_large, kClient, 431, kRequest, "request_header_fields_too_large"},
             Row{cancelled, kClient, 499, kRequest, "client_closed_request"},
             Row{unsupported_version, kClient, 505, kRequest, "http_version_not_supported"},
             Row{connect_refused, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{connect_failed, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{dns_failed, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{tls_handshake, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{tls_verify, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{reset, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{closed_early, kUpstream, 502, kServer, "upstream_connection_error"},
             Row{malformed, kUpstream, 502, kServer, "upstream_invalid_response"},
             Row{head_too_large, kUpstream, 502, kServer, "upstream_invalid_response"},
             Row{body_too_large, kUpstream, 502, kServer, "upstream_invalid_response"},
             Row{connect_timeout, kUpstream, 504, kTimeout, "upstream_timeout"},
             Row{first_byte_timeout, kUpstream, 504, kTimeout, "upstream_timeout"},
             Row{silence_timeout, kUpstream, 504, kTimeout, "upstream_timeout"},
             Row{total_timeout, kUpstream, 504, kTimeout, "upstream_timeout"},
             Row{overloaded, kGateway, 503, kServer, "overloaded"},
             Row{out_of_fds, kUpstream, 503, kServer, "overloaded"},
             Row{unavailable, kUpstream, 503, kServer, "no_healthy_upstream"},
             Row{shutting_down, kGateway, 503, kServer, "shutting_down"},
             Row{internal, kGateway, 500, kServer, "internal_error"},
         }) {
        const ErrorAnswer answer = answer_for(error_of(kind, source));
        EXPECT_EQ(answer.status, status) << error_kind_name(kind);
        EXPECT_EQ(answer.type, type) << error_kind_name(kind);
        EXPECT_EQ(answer.code, code) << error_kind_name(kind);
    }
}

TEST(RespondError, EveryErrorHasAnAnswer) {
    for_every_error([](const Error& error) {
        const ErrorAnswer answer = answer_for(error);
        EXPECT_GE(answer.status, 400);
        EXPECT_LT(answer.status, 600);
        EXPECT_FALSE(answer.type.empty());
        EXPECT_EQ(answer.status >= 500 && answer.status != 505,
                  answer.type == "server_error" || answer.type == "timeout_error");
        EXPECT_GT(error_message(error, "x").size(), 10U);
    });
}

TEST(RespondError, AStatusOfTheErrorsOwnWins) {
    Error error = error_of(ErrorKind::unsupported_encoding, ErrorSource::client);
    error.status = 501;
    EXPECT_EQ(answer_for(error).status, 501);
    EXPECT_EQ(answer_for(error).code, "unsupported_encoding");
}

TEST(RespondError, MembersThatTheErrorIsAboutAreNamed) {
    EXPECT_EQ(answer_for(error_of(ErrorKind::no_model, ErrorSource::client)).param, "model");
    EXPECT_EQ(answer_for(error_of(ErrorKind::streaming_required, ErrorSource::client)).param,
              "stream");
    EXPECT_EQ(answer_for(error_of(ErrorKind::no_route, ErrorSource::client)).param, "");
}

TEST(RespondError, WhatWasAskedForIsInTheMessage) {
    for (const ErrorKind kind :
         {ErrorKind::no_route, ErrorKind::no_model, ErrorKind::method_not_allowed,
          ErrorKind::invalid_json, ErrorKind::malformed}) {
        const std::string message = error_message(error_of(kind, ErrorSource::client), "the-thing");
        EXPECT_NE(message.find("the-thing"), std::string::npos) << message;
    }
}

TEST(RespondError, BodiesHaveTheShapeForEveryError) {
    for_every_error([](const Error& error) {
        const ErrorAnswer answer = answer_for(error);
        const std::string message = error_message(error, "x");
        json::Document document;
        ASSERT_TRUE(document.parse(error_body(answer, message)));
        EXPECT_EQ(document.size("").value(), 1U);
        EXPECT_EQ(document.size("/error").value(), 4U);
        EXPECT_EQ(member(document, "/error/message"), message);
        EXPECT_EQ(member(document, "/error/type"), answer.type);
        EXPECT_EQ(member(document, "/error/code"), answer.code.empty() ? "null" : answer.code);
        EXPECT_EQ(member(document, "/error/param"), answer.param.empty() ? "null" : answer.param);
    });
}

// The data of the one event that `text` must be.
std::string data_of(std::string_view text, std::string_view before) {
    EXPECT_TRUE(text.starts_with(before)) << text;
    EXPECT_TRUE(text.ends_with("\n\n")) << text;
    text.remove_prefix(before.size());
    text.remove_suffix(2);
    EXPECT_EQ(text.find_first_of("\r\n"), std::string_view::npos) << "one line of data";
    return std::string(text);
}

TEST(RespondError, TextsAreValidWhateverTheDetail) {
    const Error error = error_of(ErrorKind::no_model, ErrorSource::client);
    const ErrorAnswer answer = answer_for(error);
    std::string all_bytes;
    for (int byte = 0; byte < 256; ++byte) {
        all_bytes += static_cast<char>(byte);
    }
    for (const std::string& detail :
         {std::string(), std::string("\"},\"a\":{\"\\"), all_bytes, std::string("\xC3"),
          std::string("\xED\xA0\x80"), std::string("\xF0\x9F\x98\x80"), std::string("a\r\n\r\nb"),
          std::string("\xE2\x80\xA8"), std::string(100'000, '"')}) {
        const std::string message = error_message(error, detail);
        json::Document document({.text_bytes_max = 1'000'000});
        ASSERT_TRUE(document.parse(error_body(answer, message))) << detail;
        EXPECT_EQ(document.size("/error").value(), 4U);
        ASSERT_TRUE(
            document.parse(data_of(error_event(answer, message, Terminator::done), "data: ")));
        EXPECT_EQ(document.size("/error").value(), 4U);
        ASSERT_TRUE(document.parse(
            data_of(error_event(answer, message, Terminator::responses), "event: error\ndata: ")));
        EXPECT_EQ(document.size("").value(), 5U);
    }
}

TEST(RespondError, TextIsToldAsItIs) {
    const std::string message = "say \"hi\" \\ \xF0\x9F\x98\x80\t";
    json::Document document;
    ASSERT_TRUE(document.parse(error_body({400, "t", {}, {}}, message)));
    EXPECT_EQ(member(document, "/error/message"), message);
}

TEST(RespondError, StreamsEndInTheFormOfTheirProtocol) {
    const ErrorAnswer answer = {502, "server_error", "stream_truncated", {}};
    for (const Terminator protocol : {Terminator::done, Terminator::none}) {
        EXPECT_EQ(error_event(answer, "cut", protocol),
                  "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,"
                  "\"code\":\"stream_truncated\"}}\n\n");
    }
    EXPECT_EQ(error_event(answer, "cut", Terminator::responses, 7),
              "event: error\ndata: {\"type\":\"error\",\"code\":\"stream_truncated\","
              "\"message\":\"cut\",\"param\":null,\"sequence_number\":7}\n\n");
}

}  // namespace

}  // namespace sluice::pipeline
