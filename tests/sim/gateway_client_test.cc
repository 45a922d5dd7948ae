// Single stories of a client's connection: how long it lives, what its answers say of that, and
// what ends it.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "sim/actors.h"
#include "sim/gateway_story.h"
#include "sim/http_text.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

constexpr std::string_view kChat = "/v1/chat/completions";
const std::string kAnswer = R"({"ok":true})";

constexpr Duration ms(int64_t count) {
    return Duration::milliseconds(count);
}

size_t count_of(std::string_view text, std::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class ClientStory : public GatewayStory {
protected:
    void start_good() {
        start([](const UpstreamRequest&) { return json_answer(kAnswer); });
    }
    // Everything that a client gets that stays until the gateway ends the connection, or for 5 s.
    std::string all_for(const std::vector<TimedBytes>& parts, bool half_closes = false) {
        Client client(world_, {.to = at(),
                               .parts = parts,
                               .half_closes = half_closes,
                               .ends_with_peer = true,
                               .leaves_after = ms(5000)});
        EXPECT_TRUE(run_until_done(client));
        was_ended_ = client.saw_end() && !client.has_left();
        return client.received();
    }
    // The answer to what ends, or begins, when draining has begun.
    void expect_last_answer(const Client& client) {
        world_.run_for(ms(100));
        gateway_->drain(ms(10'000));
        ASSERT_TRUE(run_until_done(client));
        const HttpRead read = answer_to(client);
        EXPECT_EQ(read.message.second_word(), "200");
        EXPECT_EQ(read.message.field("connection"), "close");
    }
    int64_t connections() const { return gateway_->metric("sluice_client_connections"); }

    bool was_ended_ = false;
};

std::string in_http_1_0(std::string text) {
    text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
    return text;
}

TEST_F(ClientStory, AConnectionLivesAsLongAsItsRequestsSay) {
    start_good();
    const std::string more = post(kChat);
    std::string text = all_for({{post(kChat, "{}", "connection: close\r\n") + more, {}}});
    EXPECT_TRUE(was_ended_);
    EXPECT_EQ(count_of(text, kAnswer), 1U) << text;
    EXPECT_EQ(count_of(text, "connection: close"), 1U);
    text = all_for({{in_http_1_0(more) + in_http_1_0(more), {}}});
    EXPECT_TRUE(was_ended_);
    EXPECT_EQ(count_of(text, kAnswer), 1U) << text;
    const std::string kept = in_http_1_0(post(kChat, "{}", "connection: keep-alive\r\n"));
    text = all_for({{kept + kept, {}}});
    EXPECT_FALSE(was_ended_);
    EXPECT_EQ(count_of(text, kAnswer), 2U) << text;
    EXPECT_EQ(count_of(text, "connection: keep-alive"), 2U);
}

TEST_F(ClientStory, ABodyUntilCloseEndsAConnectionThatWasToBeKept) {
    start([](const UpstreamRequest&) { return streamed({{"data: [DONE]\n\n", {}}}); });
    const std::string kept = in_http_1_0(post(kChat, "{}", "connection: keep-alive\r\n"));
    const std::string text = all_for({{kept + kept, {}}});
    EXPECT_TRUE(was_ended_);
    EXPECT_TRUE(text.ends_with("connection: close\r\n\r\ndata: [DONE]\n\n")) << text;
    EXPECT_EQ(count_of(text, "HTTP/1.1 200"), 1U);
}

TEST_F(ClientStory, AConnectionServesSoManyRequests) {
    config_.server.http.requests_per_connection_max = 2;
    start_good();
    const std::string text = all_for({{post(kChat) + post(kChat) + post(kChat), {}}});
    EXPECT_TRUE(was_ended_);
    EXPECT_EQ(count_of(text, kAnswer), 2U) << text;
    EXPECT_EQ(count_of(text, "connection: close"), 1U);
}

TEST_F(ClientStory, WhatArrivesWhileDrainingIsTheLast) {
    start_good();
    const std::string request = post(kChat);
    Client client(world_, {.to = at(),
                           .parts = {{request.substr(0, 20), {}}, {request.substr(20), ms(200)}},
                           .ends_with_peer = true});
    expect_last_answer(client);
}

// Its request may be on its way already; a gateway that took the connection should answer it.
TEST_F(ClientStory, ANewConnectionMayStillAskWhenDrainingBegins) {
    start_good();
    Client client(world_, {.to = at(), .parts = {{post(kChat), ms(250)}}, .ends_with_peer = true});
    expect_last_answer(client);
}

TEST_F(ClientStory, ANewConnectionThatAsksNothingDoesNotHoldUpADrain) {
    start_good();
    Client client(world_, {.to = at(),
                           .parts = {{post(kChat), ms(5000)}},
                           .ends_with_peer = true,
                           .leaves_after = ms(10'000)});
    world_.run_for(ms(100));
    gateway_->drain(ms(10'000));
    world_.run_for(ms(150));
    EXPECT_EQ(connections(), 1);
    world_.run_for(ms(100));
    EXPECT_EQ(connections(), 0);
    ASSERT_TRUE(run_until_done(client));
    EXPECT_TRUE(client.saw_end() && !client.has_left());
    EXPECT_EQ(client.received(), "");
}

TEST_F(ClientStory, AKeptConnectionEndsAsSoonAsDrainingBegins) {
    start_good();
    Client client(world_, {.to = at(),
                           .parts = {{post(kChat), {}}, {post(kChat), ms(5000)}},
                           .ends_with_peer = true,
                           .leaves_after = ms(10'000)});
    world_.run_for(ms(100));
    gateway_->drain(ms(10'000));
    world_.run_for(ms(50));
    EXPECT_EQ(connections(), 0);
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(count_of(client.received(), kAnswer), 1U);
}

TEST_F(ClientStory, IsToldToGoOnOnceAndOnlyWhereItWaits) {
    start_good();
    const std::string request = post(kChat, R"({"a":1})", "expect: 100-continue\r\n");
    const size_t body = request.size() - 7;
    std::string text = all_for({{request.substr(0, body), {}},
                                {request.substr(body, 3), ms(100)},
                                {request.substr(body + 3), ms(100)}});
    EXPECT_EQ(count_of(text, "HTTP/1.1 100"), 1U) << text;
    EXPECT_EQ(count_of(text, kAnswer), 1U);
    text = all_for({{request, {}}});
    EXPECT_EQ(count_of(text, "HTTP/1.1 100"), 0U) << text;
    EXPECT_EQ(count_of(text, kAnswer), 1U);
}

TEST_F(ClientStory, OneOfHttp10IsNotAskedWhetherItStillReads) {
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer(kAnswer);
        answer.parts.front().pause = ms(1000);
        return answer;
    });
    const std::string text = all_for({{in_http_1_0(post(kChat)), {}}}, true);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200")) << text;
}

TEST_F(ClientStory, AnAnswerToHeadHasALengthAndNoBody) {
    start_good();
    const std::string text =
        all_for({{"HEAD /v1/models HTTP/1.1\r\nhost: a\r\n\r\n" + post(kChat), {}}});
    const size_t end = text.find("\r\n\r\n");
    ASSERT_NE(end, std::string::npos);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 405")) << text;
    EXPECT_NE(text.substr(0, end).find("content-length: "), std::string::npos);
    EXPECT_TRUE(text.substr(end + 4).starts_with("HTTP/1.1 200")) << text;
}

TEST_F(ClientStory, AHeadThatDoesNotComeIsGivenUp) {
    config_.server.http.head_timeout_ms = 1000;
    start_good();
    const std::string text = all_for({{post(kChat).substr(0, 20), {}}});
    EXPECT_TRUE(was_ended_);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 408")) << text;
}

TEST_F(ClientStory, AnIdleOneThatLeavesIsGoneAtOnce) {
    start_good();
    for (const bool with_reset : {false, true}) {
        Client client(world_, {.to = at(),
                               .parts = {{post(kChat), {}}},
                               .leaves_after = ms(500),
                               .leaves_with_reset = with_reset});
        world_.run_for(ms(400));
        EXPECT_EQ(connections(), 1);
        world_.run_for(ms(2000));
        EXPECT_TRUE(client.is_done());
        EXPECT_EQ(connections(), 0);
    }
}

// An orderly end would wait behind what it does not take.
TEST_F(ClientStory, OneThatDoesNotTakeTheEndOfItsAnswerIsReset) {
    world_.profile().receive_queue_bytes = 4096;
    world_.profile().send_queue_bytes = 4096;
    config_.server.http.send_timeout_ms = 1000;
    start([](const UpstreamRequest&) { return json_answer(std::string(40'000, 'x')); });
    Client client(world_, {.to = at(), .parts = {{post(kChat), {}}}, .reads_until_bytes = 1000});
    world_.run_for(ms(900));
    EXPECT_EQ(connections(), 1);
    EXPECT_FALSE(client.socket().is_over());
    world_.run_for(ms(2000));
    EXPECT_EQ(connections(), 0);
    EXPECT_TRUE(client.socket().is_over());
    EXPECT_EQ(client.socket().error, ECONNRESET);
}

}  // namespace

}  // namespace sluice::sim
