// Single stories of a simulated gateway, each once a fault that the seeds had found.
#include <cerrno>
#include <string>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "sim/actors.h"
#include "sim/gateway_story.h"
#include "sim/http_text.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

// The options that an exchange goes by were those of a snapshot that nobody held yet.
TEST_F(GatewayStory, AReloadWhileAHeadArrivesLeavesTheExchangeItsOptions) {
    start([](const UpstreamRequest&) { return json_answer(R"({"ok":true})"); });
    const std::string text = post("/v1/chat/completions");
    Client client(world_,
                  {.to = at(),
                   .parts = {{text.substr(0, 10), {}}, {text.substr(10), Duration::seconds(2)}},
                   .half_closes = true});
    world_.run_for(Duration::seconds(1));
    gateway_->reload(config_);
    ASSERT_TRUE(run_until_done(client));
    EXPECT_NE(client.received().find(R"({"ok":true})"), std::string::npos) << client.received();
}

// With the upstream's length in the head, the error event came after the end of the message: the
// stream looked whole, and the event was read as the beginning of the next answer.
TEST_F(GatewayStory, AnEventStreamOfKnownLengthWithoutItsEndLooksCut) {
    for (const std::vector<std::string>& events :
         {std::vector<std::string>{"data: {\"n\":0}\n\n"}, std::vector<std::string>{}}) {
        start([&](const UpstreamRequest&) {
            return sse_answer(events, Delimiting::content_length, Duration());
        });
        Client client(world_, {.to = at(), .parts = {{post("/v1/chat/completions"), {}}}});
        ASSERT_TRUE(run_until_done(client));
        const HttpRead read = read_response(client.received(), client.saw_end());
        EXPECT_EQ(read.state, ReadState::incomplete) << client.received();
        EXPECT_NE(read.message.body.find("stream_truncated"), std::string::npos);
    }
}

// The close reset the connection, because requests behind this one were unread, and the reset took
// the error event with it.
TEST_F(GatewayStory, AnErrorEventReachesAClientThatHasSentMoreRequests) {
    world_.profile().receive_queue_bytes = 64;
    config_.server.sockets.queue_low_bytes = 512;
    config_.server.sockets.queue_high_bytes = 1024;
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = sse_answer({"data: {\"n\":0}\n\n", "data: {\"n\":1}\n\n"},
                                           Delimiting::chunked, Duration::milliseconds(10));
        answer.parts.pop_back();
        answer.ending = UpstreamAnswer::Ending::close;
        return answer;
    });
    std::string text;
    for (int i = 0; i < 20; ++i) {
        text += post("/v1/chat/completions");
    }
    Client client(world_, {.to = at(), .parts = {{text, {}}}, .ends_with_peer = true});
    ASSERT_TRUE(run_until_done(client));
    const HttpRead read = read_response(client.received(), client.saw_end());
    EXPECT_EQ(read.state, ReadState::incomplete) << client.received();
    EXPECT_NE(read.message.body.find("stream_truncated"), std::string::npos) << client.received();
}

// A body that only the end of the connection ends was cut by an orderly one.
TEST_F(GatewayStory, ACutAtTheDrainsDeadlineDoesNotLookWholeInHttp10) {
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer(R"({"ok":true,"more":"and more"})");
        answer.cut_at_bytes = answer.parts.front().bytes.size() - 8;
        answer.ending = UpstreamAnswer::Ending::stall;
        answer.parts.front().bytes.replace(answer.parts.front().bytes.find("content-length: 29"),
                                           18, "connection: close");
        return answer;
    });
    Client client(world_,
                  {.to = at(), .parts = {{"GET /v1/models HTTP/1.0\r\nhost: a\r\n\r\n", {}}}});
    world_.run_for(Duration::seconds(1));
    EXPECT_NE(client.received().find("more"), std::string::npos) << client.received();
    gateway_->drain(Duration::milliseconds(100));
    ASSERT_TRUE(run_until_done(client));
    EXPECT_FALSE(client.saw_end());
    EXPECT_EQ(client.error(), ECONNRESET);
}

// While the beginning of an event was held back, nobody asked the client whether it was still
// there.
TEST_F(GatewayStory, AClientThatLeavesInTheMiddleOfAnEventIsNoticed) {
    start([](const UpstreamRequest&) {
        return streamed({{"data: 1\n\n", {}}, {"data: 2", Duration::milliseconds(10)}},
                        UpstreamAnswer::Ending::stall);
    });
    Client client(world_, {.to = at(),
                           .parts = {{post("/v1/chat/completions"), {}}},
                           .leaves_after = Duration::milliseconds(100)});
    ASSERT_TRUE(run_until_done(client));
    ASSERT_FALSE(client.has_left_with_reset());
    world_.run_for(Duration::milliseconds(50));
    EXPECT_TRUE(upstream_->left_at(0).is_set());
}

// The gateway had closed at once, because it had read everything so far: a request that was still
// on its way reset the connection, and the end of the answer was lost.
TEST_F(GatewayStory, ARequestBehindTheLastOneDoesNotCutItsAnswer) {
    config_.server.http.requests_per_connection_max = 1;
    world_.profile().receive_queue_bytes = 1024;
    const std::string body(20'000, 'x');
    start([&](const UpstreamRequest&) { return json_answer(R"({"text":")" + body + R"("})"); });
    Client client(world_, {.to = at(),
                           .parts = {{post("/v1/embeddings"), {}},
                                     {post("/v1/embeddings"), Duration::milliseconds(300)}},
                           .ends_with_peer = true,
                           .read_bytes_max = 1000,
                           .read_pause = Duration::milliseconds(50)});
    ASSERT_TRUE(run_until_done(client));
    const HttpRead read = read_response(client.received(), client.saw_end());
    EXPECT_EQ(read.state, ReadState::complete) << client.received().size();
}

// The name of the terminal event was taken for the whole of it.
TEST_F(GatewayStory, AResponseCutInsideItsTerminalEventLooksCut) {
    start([](const UpstreamRequest&) {
        return sse_answer({"event: response.completed\n"}, Delimiting::until_close, Duration());
    });
    Client client(world_, {.to = at(), .parts = {{post("/v1/responses"), {}}}});
    ASSERT_TRUE(run_until_done(client));
    const HttpRead read = read_response(client.received(), client.saw_end());
    EXPECT_EQ(read.state, ReadState::incomplete) << client.received();
    EXPECT_NE(read.message.body.find("stream_truncated"), std::string::npos);
}

}  // namespace

}  // namespace sluice::sim
