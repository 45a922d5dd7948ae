// Single stories of the relay: clocks, brakes, events that are held back, ends of streams.
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

using Ending = UpstreamAnswer::Ending;

constexpr std::string_view kChat = "/v1/chat/completions";
const std::string kDone = "data: [DONE]\n\n";

constexpr Duration ms(int64_t count) {
    return Duration::milliseconds(count);
}

std::string event(size_t bytes) {
    return "data: " + std::string(bytes, 'x') + "\n\n";
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class RelayStory : public GatewayStory {
protected:
    void answer_with(const std::vector<TimedBytes>& pieces, Ending ending = Ending::keep) {
        start([=](const UpstreamRequest&) { return streamed(pieces, ending); });
    }
    void answer_with(std::string_view text, Ending ending = Ending::keep) {
        start([text = std::string(text), ending](const UpstreamRequest&) {
            return UpstreamAnswer{.parts = {{text, {}}}, .ending = ending};
        });
    }
    ClientScript chat() const {
        return {.to = at(),
                .parts = {{post(kChat), {}}},
                .ends_with_peer = true,
                .is_satisfied = wants_answers(1)};
    }
    // Queues so small that a client which reads little is a brake soon.
    void make_queues_small() {
        world_.profile().receive_queue_bytes = 4096;
        world_.profile().send_queue_bytes = 4096;
        config_.server.sockets.queue_low_bytes = 512;
        config_.server.sockets.queue_high_bytes = 1024;
    }
    // What the client must have got when its stream was broken off after `whole`.
    void expect_broken(const Client& client, const std::string& whole, std::string_view code) {
        const HttpRead read = answer_to(client);
        EXPECT_EQ(read.state, ReadState::incomplete);
        const std::string& body = read.message.body;
        ASSERT_EQ(body.substr(0, whole.size()), whole);
        const std::string rest = body.substr(whole.size());
        EXPECT_TRUE(rest.starts_with("data: {\"error\":")) << rest;
        EXPECT_NE(rest.find(code), std::string::npos) << rest;
    }
    void expect_whole(const Client& client, const std::string& body) {
        const HttpRead read = answer_to(client);
        EXPECT_EQ(read.state, ReadState::complete);
        EXPECT_TRUE(read.message.body == body) << read.message.body.substr(0, 500);
    }
};

TEST_F(RelayStory, SilenceCountsFromTheLastByte) {
    llm().timeouts.silence_ms = 1000;
    answer_with({{"data: 0\n\n", {}}, {"data: 1\n\n", ms(700)}, {"data: 2\n\n", ms(700)}},
                Ending::stall);
    Client client(world_, chat());
    const Instant begin = world_.now();
    ASSERT_TRUE(run_until_done(client));
    expect_broken(client, "data: 0\n\ndata: 1\n\ndata: 2\n\n", "upstream_timeout");
    EXPECT_GE(client.done_at() - begin, ms(2400));
    EXPECT_LT(client.done_at() - begin, ms(2500));
}

// While the client is the brake, the upstream is silent because we do not listen; and when we
// listen again it has all the time that there is.
TEST_F(RelayStory, TheSilenceOfAnUpstreamThatIsHeldBackDoesNotCount) {
    make_queues_small();
    llm().timeouts.silence_ms = 1000;
    for (int64_t pause = 8100; pause <= 9700; pause += 400) {
        start([=](const UpstreamRequest&) {
            return streamed({{event(20'000), {}}, {kDone, ms(pause)}});
        });
        ClientScript script = chat();
        script.read_pause = ms(2900);
        Client client(world_, script);
        ASSERT_TRUE(run_until_done(client));
        expect_whole(client, event(20'000) + kDone);
    }
}

TEST_F(RelayStory, AClientThatReadsSlowlyIsNotCut) {
    make_queues_small();
    config_.server.http.send_timeout_ms = 1000;
    std::vector<TimedBytes> pieces;
    std::string body;
    for (int i = 0; i < 30; ++i) {
        pieces.push_back({event(2000), {}});
        body += event(2000);
    }
    pieces.push_back({kDone, {}});
    answer_with(pieces);
    ClientScript script = chat();
    script.read_bytes_max = 4096;
    script.read_pause = ms(600);
    Client client(world_, script);
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, body + kDone);
}

// Also one that has read, and has stopped others, before.
TEST_F(RelayStory, AClientThatReadsNothingIsCutAndHoldsTheUpstreamBack) {
    make_queues_small();
    config_.server.http.send_timeout_ms = 1000;
    std::vector<TimedBytes> pieces = {{event(20'000), {}}, {event(100), ms(3000)}};
    for (int i = 0; i < 200; ++i) {
        pieces.push_back({event(20'000), {}});
    }
    answer_with(pieces);
    ClientScript script = chat();
    script.is_satisfied = nullptr;
    script.reads_until_bytes = 20'500;
    Client client(world_, script);
    world_.run_for(ms(3900));
    EXPECT_EQ(gateway_->metric("sluice_exchanges"), 1);
    EXPECT_EQ(upstream_->answers_completed(), 0U);
    world_.run_for(ms(1200));
    EXPECT_TRUE(upstream_->left_at(0).is_set());
    EXPECT_EQ(upstream_->answers_completed(), 0U);
    EXPECT_TRUE(client.socket().is_over()) << "an orderly end would wait behind what is unread";
    world_.run_for(ms(1200));
    EXPECT_EQ(gateway_->metric("sluice_exchanges"), 0);
}

TEST_F(RelayStory, ALargeEventPassesInPartsAndAnErrorEndsIt) {
    llm().timeouts.silence_ms = 1000;
    config_.server.http.stream_keepalive_ms = 200;
    std::vector<TimedBytes> pieces = {{"data: ", {}}};
    for (int i = 0; i < 30; ++i) {
        pieces.push_back({std::string(10'000, 'x'), {}});
    }
    answer_with(pieces, Ending::stall);
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    const std::string body = answer_to(client).message.body;
    const size_t end = body.find_first_not_of('x', std::string_view("data: ").size());
    EXPECT_GT(end, 250'000U);
    EXPECT_TRUE(body.substr(end).starts_with("\n\ndata: {\"error\":")) << body.substr(end);
}

// Whether its end comes alone or with the beginning of the next event.
TEST_F(RelayStory, ALargeEventThatHasEndedIsOverForErrorsToo) {
    for (const std::string last : {"\n\n", "\n\ndata: y"}) {
        start([=](const UpstreamRequest&) {
            return streamed({{"data: " + std::string(300'000, 'x'), {}}, {last, ms(10)}},
                            Ending::close);
        });
        Client client(world_, chat());
        ASSERT_TRUE(run_until_done(client));
        expect_broken(client, event(300'000), "stream_truncated");
    }
}

TEST_F(RelayStory, AnEventLeavesAlthoughTheNextHasBegun) {
    answer_with({{"data: 1\n\ndata: 2", {}}, {"\n\n" + kDone, ms(1000)}});
    Client client(world_, chat());
    world_.run_for(ms(500));
    EXPECT_TRUE(client.received().ends_with("data: 1\n\n\r\n")) << client.received();
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, "data: 1\n\ndata: 2\n\n" + kDone);
}

TEST_F(RelayStory, ATerminatorThatLacksItsEmptyLineIsPassedOn) {
    answer_with({{"data: 1\n\ndata: [DONE]\n", {}}});
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, "data: 1\n\ndata: [DONE]\n");
}

TEST_F(RelayStory, AResetOfTheUpstreamIsATruncatedStream) {
    answer_with({{"data: 1\n\n", {}}, {"data: 2", ms(10)}}, Ending::reset);
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_broken(client, "data: 1\n\n", "stream_truncated");
}

TEST_F(RelayStory, ACommentKeepsAConnectionAliveWhileAnEventIsHeldBack) {
    config_.server.http.stream_keepalive_ms = 100;
    answer_with({{"data: 1\n\ndata: 2", {}}, {"\n\n" + kDone, ms(150)}});
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, "data: 1\n\n:\n\ndata: 2\n\n" + kDone);
}

TEST_F(RelayStory, ACommentIsNoPartOfJson) {
    config_.server.http.stream_keepalive_ms = 100;
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer("{\"a\":1}");
        answer.parts.push_back({answer.parts.front().bytes.substr(70), ms(500)});
        answer.parts.front().bytes.resize(70);
        return answer;
    });
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, "{\"a\":1}");
}

TEST_F(RelayStory, AStreamHasATotalTimeWhereOneIsSet) {
    llm().timeouts.total_ms = 1000;
    answer_with({{"data: 1\n\n", ms(400)},
                 {"data: 2\n\n", ms(400)},
                 {"data: 3\n\n", ms(400)},
                 {kDone, ms(400)}});
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_broken(client, "data: 1\n\ndata: 2\n\n", "upstream_timeout");
}

// A body is delimited by nothing there, whatever its type would be.
TEST_F(RelayStory, AnswersWithoutABodyAreNotFramedAsStreams) {
    for (const std::string status : {"204", "304"}) {
        const std::string text =
            "HTTP/1.1 " + status + " None\r\ncontent-type: text/event-stream\r\n\r\n";
        start([=](const UpstreamRequest&) { return UpstreamAnswer{.parts = {{text, {}}}}; });
        ClientScript script = chat();
        script.is_satisfied = nullptr;
        script.leaves_after = ms(500);
        Client client(world_, script);
        ASSERT_TRUE(run_until_done(client));
        EXPECT_TRUE(client.received().starts_with("HTTP/1.1 " + status)) << client.received();
        EXPECT_EQ(client.received().find("transfer-encoding"), std::string::npos);
        EXPECT_EQ(client.received().find("content-length"), std::string::npos);
        EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
    }
}

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream";

// What we cannot look into we cannot find cut.
TEST_F(RelayStory, AnEncodedStreamPassesAsItIs) {
    answer_with(std::string(kHead) + "\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08",
                Ending::close);
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    expect_whole(client, "\x1f\x8b\x08");
}

TEST_F(RelayStory, AStreamIsOneWithParametersAndWithoutEncodingToo) {
    for (const std::string more : {"; charset=utf-8", "\r\ncontent-encoding: identity"}) {
        start([=](const UpstreamRequest&) {
            return UpstreamAnswer{
                .parts = {{std::string(kHead) + more + "\r\n\r\ndata: 1\n\ndata", {}}},
                .ending = Ending::close};
        });
        Client client(world_, chat());
        ASSERT_TRUE(run_until_done(client));
        expect_broken(client, "data: 1\n\n", "stream_truncated");
    }
}

TEST_F(RelayStory, AFailureThatComesAsAStreamIsToldAsAnAnswer) {
    answer_with(
        "HTTP/1.1 500 Sorry\r\ncontent-type: text/event-stream\r\ncontent-length: 36\r\n\r\n"
        "data: {\"error\":{\"message\":\"full\"}}\n\n");
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(answer_to(client).message.second_word(), "502");
    expect_whole(client, R"({"error":{"message":"full","type":"server_error","param":null,)"
                         R"("code":"upstream_error"}})");
}

// Nothing of an error is passed on before it is whole, its status neither.
TEST_F(RelayStory, AnErrorThatIsCutIsNotPassedOn) {
    answer_with(
        "HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: 60\r\n\r\n"
        R"({"error":{"message":"no","type":"odd"}})",
        Ending::close);
    Client client(world_, chat());
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(answer_to(client).message.second_word(), "502");
    EXPECT_EQ(answer_to(client).message.body.find("odd"), std::string::npos);
}

// The table of fields that heads are read into is everybody's.
TEST_F(RelayStory, AnErrorKeepsItsFieldsWhileOthersAreAnswered) {
    for (const std::string status : {"429", "503"}) {
        start([=](const UpstreamRequest& request) {
            if (request.message.second_word().ends_with("/embeddings")) {
                return json_answer("{}", 200, "x-of: others\r\nx-more: 2\r\nx-and: 3\r\n");
            }
            const std::string_view body = R"({"error":{"message":"no","type":"odd"}})";
            UpstreamAnswer answer = {
                .parts = {{"HTTP/1.1 " + status + " No\r\nretry-after: 7\r\nx-of: us\r\n" +
                               "content-length: " + std::to_string(body.size()) + "\r\n\r\n",
                           {}},
                          {std::string(body), ms(500)}}};
            return answer;
        });
        Client refused(world_, chat());
        world_.run_for(ms(100));
        ClientScript other = chat();
        other.parts = {{post("/v1/embeddings", "{}"), {}}};
        Client answered(world_, other);
        ASSERT_TRUE(run_until_done(answered));
        ASSERT_TRUE(run_until_done(refused));
        const HttpText answer = answer_to(refused).message;
        EXPECT_EQ(answer.second_word(), status);
        EXPECT_EQ(answer.field("retry-after"), "7") << refused.received();
        EXPECT_EQ(answer.field("x-of"), status == "429" ? "us" : "");
    }
}

TEST_F(RelayStory, WhatTheDrainCutsWasNotCancelledByItsClient) {
    answer_with({{"data: 1\n\n", {}}}, Ending::stall);
    Client client(world_, chat());
    world_.run_for(ms(100));
    gateway_->drain(ms(100));
    ASSERT_TRUE(run_until_done(client));
    ASSERT_TRUE(world_.run_until([&] { return gateway_->has_ended(); }, kLong));
    EXPECT_EQ(gateway_->metric("sluice_requests_total", "499"), 0);
    EXPECT_EQ(gateway_->metric("sluice_requests_total"), 1);
}

TEST_F(RelayStory, AClientThatLeavesHasCancelled) {
    answer_with({{"data: 1\n\n", {}}}, Ending::stall);
    ClientScript script = chat();
    script.leaves_after = ms(100);
    script.leaves_with_reset = true;
    Client client(world_, script);
    world_.run_for(ms(200));
    EXPECT_TRUE(upstream_->left_at(0).is_set());
    world_.run_for(ms(2000));
    EXPECT_EQ(gateway_->metric("sluice_requests_total", "499"), 1);
}

// Nothing is read from it any more, so its reset has to be watched for.
TEST_F(RelayStory, AClientThatIsGoneWhenItsRequestArrivesIsNoticed) {
    start([](const UpstreamRequest&) {
        return UpstreamAnswer{.ending = Ending::stall, .cut_at_bytes = 0};
    });
    ClientScript script = chat();
    script.leaves_at_sent_bytes = script.parts.front().bytes.size();
    Client client(world_, script);
    ASSERT_TRUE(run_until_done(client));
    ASSERT_FALSE(client.has_left_with_reset());
    world_.run_for(ms(50));
    EXPECT_EQ(gateway_->metric("sluice_exchanges"), 0);
}

TEST_F(RelayStory, AClientThatEndedItsDirectionIsAskedEveryFiveSeconds) {
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = streamed({{kDone, {}}});
        answer.parts.front().pause = ms(11'000);
        for (int i = 0; i < 10; ++i) {
            answer = with_interim(answer, 102, ms(i == 0 ? 11'000 : 100));
        }
        return answer;
    });
    ClientScript script = chat();
    script.half_closes = true;
    script.is_satisfied = nullptr;
    Client client(world_, script);
    ASSERT_TRUE(run_until_done(client));
    size_t asked = 0;
    for (size_t next = client.received().find("HTTP/1.1 100"); next != std::string::npos;
         next = client.received().find("HTTP/1.1 100", next + 1)) {
        ++asked;
    }
    EXPECT_EQ(asked, 3U) << client.received();
    expect_whole(client, kDone);
}

}  // namespace

}  // namespace sluice::sim
