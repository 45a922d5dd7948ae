// Which fields pass the gateway, in both directions, and above all which do not.
#include "pipeline/forward_headers.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/secret.h"
#include "gtest/gtest.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "upstream_fixture.h"

namespace sluice::pipeline {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

class ForwardHeadersTest : public UpstreamTest {
protected:
    // What the upstream gets when the client sends `fields`.
    std::string request(const Fields& fields) {
        http::RequestHead head;
        head.headers = map_of(fields);
        http::HeadWriter writer(arena_);
        writer.request_line("POST", "/v1");
        upstream::KeyRing keys(upstream_->options(), nullptr);
        const Service service(upstream_->options(), keys);
        const upstream::KeyRing::Choice choice = keys.choose("", 0, Instant());
        write_request_fields(writer, head,
                             {.upstream = *upstream_,
                              .service = service,
                              .key = choice.key,
                              .request_id = "req_1",
                              .edits = nullptr,
                              .traceparent = traceparent_,
                              .keeps_tracestate = keeps_tracestate_});
        return fields_of(writer);
    }
    // What the client gets when the upstream sends `fields`.
    std::string response(const Fields& fields) {
        http::ResponseHead head;
        head.headers = map_of(fields);
        http::HeadWriter writer(arena_);
        writer.status_line(200);
        write_response_fields(writer, head, nullptr);
        return fields_of(writer);
    }

private:
    http::HeaderMap map_of(const Fields& fields) {
        http::HeaderMap map(storage_);
        for (const auto& [name, value] : fields) {
            EXPECT_TRUE(map.add(arena_.copy(name), arena_.copy(value)));
        }
        return map;
    }
    static std::string fields_of(http::HeadWriter& writer) {
        const std::string head(writer.finish().value());
        const size_t begin = head.find("\r\n") + 2;
        return head.substr(begin, head.size() - begin - 2);
    }

    Arena arena_;
    std::array<http::HeaderField, 16> storage_;

protected:
    std::string_view traceparent_;
    bool keeps_tracestate_ = true;
};

const std::string kOwn =
    "host: 127.0.0.1:1\r\naccept-encoding: identity\r\nx-request-id: req_1\r\n";

std::string mixed_case(std::string name) {
    for (size_t i = 0; i < name.size(); i += 2) {
        name[i] = static_cast<char>(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    }
    return name;
}

TEST_F(ForwardHeadersTest, RequestsWithNothingGetOurOwnFields) {
    EXPECT_EQ(request({}), kOwn);
}

TEST_F(ForwardHeadersTest, WhatIsNotDeniedPassesAsWrittenAndInOrder) {
    EXPECT_EQ(request({{"X-Custom", "1"},
                       {"Content-Type", "application/json"},
                       {"x-custom", "2"},
                       {"OpenAI-Beta", "assistants=v2"},
                       {"traceparent", "00-1"},
                       {"User-Agent", "sdk"}}),
              "host: 127.0.0.1:1\r\nX-Custom: 1\r\nContent-Type: application/json\r\n"
              "x-custom: 2\r\nOpenAI-Beta: assistants=v2\r\ntraceparent: 00-1\r\n"
              "User-Agent: sdk\r\naccept-encoding: identity\r\nx-request-id: req_1\r\n");
}

TEST_F(ForwardHeadersTest, OurTraceStandsForTheClients) {
    traceparent_ = "00-ours";
    EXPECT_EQ(request({{"traceparent", "00-1"}, {"TraceState", "a=b"}, {"traceparent", "00-2"}}),
              "host: 127.0.0.1:1\r\nTraceState: a=b\r\naccept-encoding: identity\r\n"
              "x-request-id: req_1\r\ntraceparent: 00-ours\r\n");
    keeps_tracestate_ = false;
    EXPECT_EQ(request({{"tracestate", "a=b"}}), kOwn + "traceparent: 00-ours\r\n");
}

TEST_F(ForwardHeadersTest, CredentialsOfClientsNeverPass) {
    for (const std::string name :
         {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key",
          "cookie", "openai-organization", "openai-project"}) {
        EXPECT_EQ(request({{name, "secret"}}), kOwn);
        EXPECT_EQ(request({{mixed_case(name), "secret"}, {name, "second"}}), kOwn);
    }
}

TEST_F(ForwardHeadersTest, HopByHopFieldsFramingAndWhatIsOursDoNotPass) {
    for (const std::string name :
         {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
          "upgrade", "content-length", "expect", "host", "accept-encoding", "x-request-id",
          "origin", "referer", "access-control-request-headers", "access-control-request-method",
          "http2-settings"}) {
        EXPECT_EQ(request({{mixed_case(name), "7"}}), kOwn) << name;
    }
}

TEST_F(ForwardHeadersTest, FieldsNamedByConnectionDoNotPass) {
    EXPECT_EQ(request({{"X-One", "1"},
                       {"Connection", "close, x-one"},
                       {"connection", "X-TWO"},
                       {"x-two", "2"}}),
              kOwn);
    EXPECT_EQ(response({{"X-One", "1"}, {"Connection", "x-one"}, {"x-two", "2"}}), "x-two: 2\r\n");
}

TEST_F(ForwardHeadersTest, ConnectionCannotStripWhatTheBodyMeans) {
    const std::string kept = "Content-Type: a/b\r\nContent-Encoding: gzip\r\n";
    const Fields fields = {{"Connection", "content-type, content-encoding"},
                           {"Content-Type", "a/b"},
                           {"Content-Encoding", "gzip"}};
    EXPECT_NE(request(fields).find(kept), std::string::npos);
    EXPECT_EQ(response(fields), kept);
}

TEST_F(ForwardHeadersTest, TheUpstreamsOwnCredentialsAreAdded) {
    make_upstream({.name = "u",
                   .base_url = "http://llm.example",
                   .token = Secret("sk-ours"),
                   .organization = "org-ours",
                   .project = "proj-ours",
                   .headers = {{.name = "x-team", .value = "blue"}}});
    EXPECT_EQ(request({{"Authorization", "Bearer sk-client"},
                       {"OpenAI-Organization", "org-client"},
                       {"OpenAI-Project", "proj-client"}}),
              "host: llm.example\r\nauthorization: Bearer sk-ours\r\n"
              "openai-organization: org-ours\r\nopenai-project: proj-ours\r\nx-team: blue\r\n"
              "accept-encoding: identity\r\nx-request-id: req_1\r\n");
}

TEST_F(ForwardHeadersTest, AFieldOfTheSettingsIsNeverTakenFromTheClient) {
    make_upstream({.name = "u",
                   .base_url = "http://127.0.0.1:1",
                   .headers = {{.name = "x-team", .value = "blue"}}});
    const std::string fields = request({{"X-Team", "red"}});
    EXPECT_EQ(fields.find("red"), std::string::npos) << fields;
    EXPECT_NE(fields.find("x-team: blue\r\n"), std::string::npos) << fields;
}

TEST_F(ForwardHeadersTest, ResponsesPassButForWhatConcernsTheUpstreamAlone) {
    for (const std::string name : {"connection",
                                   "keep-alive",
                                   "proxy-connection",
                                   "te",
                                   "trailer",
                                   "transfer-encoding",
                                   "upgrade",
                                   "content-length",
                                   "proxy-authenticate",
                                   "proxy-authentication-info",
                                   "set-cookie",
                                   "alt-svc",
                                   "server",
                                   "cf-ray",
                                   "strict-transport-security",
                                   "via",
                                   "access-control-allow-credentials",
                                   "access-control-allow-headers",
                                   "access-control-allow-methods",
                                   "access-control-allow-origin",
                                   "access-control-expose-headers",
                                   "access-control-max-age",
                                   "server-timing"}) {
        EXPECT_EQ(response({{mixed_case(name), "7"}, {name, "8"}}), "") << name;
    }
    EXPECT_EQ(response({{"Content-Type", "text/event-stream"},
                        {"OpenAI-Processing-MS", "12"},
                        {"x-ratelimit-remaining-tokens", "3"},
                        {"Retry-After", "1"},
                        {"X-Unknown", "1"}}),
              "Content-Type: text/event-stream\r\nOpenAI-Processing-MS: 12\r\n"
              "x-ratelimit-remaining-tokens: 3\r\nRetry-After: 1\r\nX-Unknown: 1\r\n");
}

TEST_F(ForwardHeadersTest, TheUpstreamsRequestIdGetsAnotherName) {
    EXPECT_EQ(response({{"X-Request-Id", "req_theirs"}}), "x-upstream-request-id: req_theirs\r\n");
}

}  // namespace

}  // namespace sluice::pipeline
