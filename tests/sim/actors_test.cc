// The actors against each other, without a gateway in between.
#include "sim/actors.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "sim/http_text.h"
#include "sim/sim.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

const std::string kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";

class Actors : public testing::Test {
protected:
    static bool has_response(std::string_view received) {
        return read_response(received, false).state == ReadState::complete;
    }
    ClientScript asking() const {
        return {.to = at_, .parts = {{kRequest, {}}}, .is_satisfied = &has_response};
    }
    bool run_until_done(const Client& client, Duration limit = Duration::seconds(300)) {
        return world_.run_until([&] { return client.is_done(); }, limit);
    }

    World world_{1};
    const net::Address at_ = *net::Address::parse("10.0.0.1", 8000);
};

TEST_F(Actors, AnAnswerReachesItsClientAndTheConnectionIsKept) {
    UpstreamActor upstream(world_, at_,
                           [](const UpstreamRequest&) { return json_answer(R"({"ok":true})"); });
    Client client(world_, {.to = at_, .parts = {{kRequest + kRequest, {}}}});
    world_.run_for(Duration::seconds(5));
    ASSERT_EQ(upstream.requests().size(), 2U);
    EXPECT_EQ(upstream.requests()[1]->message.body, "body");
    EXPECT_EQ(upstream.requests()[1]->on_connection, 1U);
    EXPECT_EQ(upstream.requests()[1]->message.second_word(), "/v1/chat/completions");
    EXPECT_EQ(upstream.answers_completed(), 2U);
    EXPECT_EQ(upstream.connections(), 1U);
    const HttpRead first = read_response(client.received(), false);
    EXPECT_EQ(first.message.body, R"({"ok":true})");
    EXPECT_EQ(first.used_bytes * 2, client.received().size());
}

TEST_F(Actors, AStreamArrivesAtItsPaceInEveryDelimiting) {
    const std::vector<std::string> events = {"data: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"};
    for (const Delimiting delimiting :
         {Delimiting::chunked, Delimiting::content_length, Delimiting::until_close}) {
        UpstreamActor upstream(world_, at_, [&](const UpstreamRequest&) {
            return sse_answer(events, delimiting, Duration::milliseconds(500));
        });
        const Instant start = world_.now();
        Client client(world_, {.to = at_, .parts = {{kRequest, {}}}});
        world_.run_for(Duration::seconds(5));
        const HttpRead read = read_response(client.received(), client.saw_end());
        EXPECT_EQ(read.state, ReadState::complete);
        EXPECT_EQ(read.message.body, events[0] + events[1] + events[2]);
        EXPECT_EQ(read.message.is_until_close, delimiting == Delimiting::until_close);
        EXPECT_LT(client.first_byte_at() - start, Duration::milliseconds(100));
        if (delimiting == Delimiting::until_close) {
            EXPECT_GE(client.done_at() - start, Duration::milliseconds(1500));
        }
    }
}

TEST_F(Actors, AnswersAreCutResetAndStalled) {
    struct Case {
        UpstreamAnswer::Ending ending;
        bool is_done;
        int error;
        bool saw_end;
    };
    for (const Case& c : {Case{UpstreamAnswer::Ending::close, true, 0, true},
                          Case{UpstreamAnswer::Ending::reset, true, ECONNRESET, false},
                          Case{UpstreamAnswer::Ending::stall, false, 0, false}}) {
        UpstreamActor upstream(world_, at_, [&](const UpstreamRequest&) {
            UpstreamAnswer answer = json_answer(std::string(1000, ' '));
            answer.cut_at_bytes = 500;
            answer.ending = c.ending;
            return answer;
        });
        Client client(world_, asking());
        EXPECT_EQ(run_until_done(client, Duration::seconds(60)), c.is_done);
        EXPECT_FALSE(client.is_satisfied());
        EXPECT_EQ(client.received().size(), 500U);
        EXPECT_EQ(client.error(), c.error);
        EXPECT_EQ(client.saw_end(), c.saw_end);
    }
}

TEST_F(Actors, InterimAndEarlyAnswersAreGiven) {
    UpstreamActor upstream(world_, at_, [](const UpstreamRequest&) {
        return with_interim(json_answer("{}"), 103, Duration::milliseconds(10));
    });
    Client client(world_, asking());
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(read_response(client.received(), false).message.second_word(), "103");

    upstream.set_early_script([](const UpstreamRequest&) -> std::optional<UpstreamAnswer> {
        return json_answer("{}", 413);
    });
    ClientScript slow = asking();
    slow.parts = {{kRequest.substr(0, kRequest.size() - 2), {}}};
    Client early(world_, slow);
    ASSERT_TRUE(run_until_done(early));
    EXPECT_EQ(read_response(early.received(), false).message.second_word(), "413");
}

TEST_F(Actors, IdleConnectionsAreClosed) {
    UpstreamActor upstream(world_, at_, [](const UpstreamRequest&) { return json_answer("{}"); });
    upstream.set_idle_limit(Duration::seconds(5), 0);
    ClientScript stays = asking();
    stays.is_satisfied = nullptr;
    Client client(world_, stays);
    const Instant start = world_.now();
    ASSERT_TRUE(run_until_done(client));
    EXPECT_TRUE(client.saw_end());
    EXPECT_GE(client.done_at() - start, Duration::seconds(5));
    EXPECT_EQ(upstream.open_connections(), 0U);
}

TEST_F(Actors, ClientsLeaveWhenTheirScriptSaysSo) {
    UpstreamActor upstream(world_, at_, [](const UpstreamRequest&) {
        return sse_answer(std::vector<std::string>(100, "data: x\n\n"), Delimiting::chunked,
                          Duration::milliseconds(100));
    });
    ClientScript script = asking();
    script.leaves_at_received_bytes = 200;
    Client by_bytes(world_, script);
    script = asking();
    script.leaves_after = Duration::seconds(1);
    script.leaves_with_reset = true;
    Client by_time(world_, script);
    script = asking();
    script.leaves_at_sent_bytes = 10;
    Client by_sent(world_, script);
    ASSERT_TRUE(run_until_done(by_bytes));
    ASSERT_TRUE(run_until_done(by_time));
    ASSERT_TRUE(run_until_done(by_sent));
    world_.run_for(Duration::seconds(2));
    EXPECT_TRUE(by_bytes.has_left() && by_time.has_left() && by_sent.has_left());
    EXPECT_EQ(by_sent.sent_bytes(), 10U);
    EXPECT_EQ(upstream.requests().size(), 2U);
    EXPECT_EQ(upstream.open_connections(), 0U);
    EXPECT_EQ(upstream.answers_completed(), 0U);
}

TEST_F(Actors, ANonReaderStopsItsServer) {
    UpstreamActor upstream(world_, at_, [](const UpstreamRequest&) {
        return json_answer(std::string(4'000'000, ' '));
    });
    ClientScript script = asking();
    script.reads_until_bytes = 1000;
    script.read_bytes_max = 100;
    Client client(world_, script);
    world_.run_for(Duration::seconds(60));
    EXPECT_EQ(client.received().size(), 1000U);
    EXPECT_EQ(upstream.answers_completed(), 0U);
}

TEST_F(Actors, NobodyListeningIsRefused) {
    UpstreamActor upstream(world_, at_, [](const UpstreamRequest&) { return json_answer("{}"); });
    upstream.set_listening(false);
    Client refused(world_, asking());
    ASSERT_TRUE(run_until_done(refused));
    EXPECT_EQ(refused.error(), ECONNREFUSED);
    EXPECT_FALSE(refused.was_connected());
    upstream.set_listening(true);
    Client served(world_, asking());
    ASSERT_TRUE(run_until_done(served));
    EXPECT_TRUE(served.is_satisfied());
}

TEST(HttpText, RefusesWhatIsMalformed) {
    constexpr const char* kFramedTwice =
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n"
        "transfer-encoding: chunked\r\n\r\n";
    for (const char* text : {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                             "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
                             "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
                             kFramedTwice, "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx"}) {
        EXPECT_EQ(read_response(text, false).state, ReadState::broken) << text;
    }
}

}  // namespace

}  // namespace sluice::sim
