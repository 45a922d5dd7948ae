// Single stories of sending a request: what is sent twice and what is not, bodies that flow,
// routes.
#include <cstdint>
#include <memory>
#include <optional>
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

std::string large_body() {
    return R"({"model":"m","text":")" + std::string(50'000, 'x') + R"("})";
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class DispatchStory : public GatewayStory {
protected:
    void start_good() {
        start([](const UpstreamRequest&) { return json_answer(kAnswer); });
    }
    HttpRead ask(const std::string& text) {
        Client client(world_, {.to = at(),
                               .parts = {{text, {}}},
                               .ends_with_peer = true,
                               .is_satisfied = wants_answers(1)});
        EXPECT_TRUE(run_until_done(client));
        return answer_to(client);
    }
    const UpstreamRequest& last_request() const { return *upstream_->requests().back(); }

    // The upstream ends its idle connections after a second; a client asks again just then.
    // Returns how many of those second requests failed.
    uint32_t ask_while_connections_die(const std::string& second, uint32_t beside) {
        world_.profile().delay_min = world_.profile().delay_max = ms(5);
        start_good();
        upstream_->set_idle_limit(ms(1000), 0);
        uint32_t failures = 0;
        for (int64_t pause = 990; pause < 1030; pause += 2) {
            std::vector<std::unique_ptr<Client>> others;
            others.reserve(beside);
            for (uint32_t i = 0; i < beside; ++i) {
                others.push_back(std::make_unique<Client>(
                    world_, ClientScript{.to = at(),
                                         .parts = {{post(kChat), {}}},
                                         .is_satisfied = wants_answers(1)}));
            }
            Client client(world_, {.to = at(),
                                   .parts = {{post(kChat), {}}, {second, ms(pause)}},
                                   .ends_with_peer = true,
                                   .is_satisfied = wants_answers(2)});
            EXPECT_TRUE(run_until_done(client));
            const HttpRead first = read_response(client.received(), false);
            const HttpRead read =
                read_response(std::string_view(client.received()).substr(first.used_bytes), false);
            failures += read.message.second_word() == "200" ? 0 : 1;
            world_.run_for(ms(3000));
        }
        return failures;
    }
};

// The gateway's own question met a connection that had died while it was idle, and the list lacked
// an upstream that was well.
TEST_F(DispatchStory, AListOfModelsIsWholeAlthoughAConnectionHasDied) {
    world_.profile().delay_min = world_.profile().delay_max = ms(5);
    llm().models.push_back({.alias = "ours", .model = "theirs"});
    start([](const UpstreamRequest&) { return json_answer(R"({"data":[{"id":"theirs"}]})"); });
    upstream_->set_idle_limit(ms(1000), 0);
    for (int64_t pause = 990; pause < 1030; pause += 2) {
        Client client(world_, {.to = at(),
                               .parts = {{get("/v1/models"), {}}, {get("/v1/models"), ms(pause)}},
                               .ends_with_peer = true,
                               .is_satisfied = wants_answers(2)});
        ASSERT_TRUE(run_until_done(client));
        const HttpRead first = read_response(client.received(), false);
        const HttpRead second =
            read_response(std::string_view(client.received()).substr(first.used_bytes), false);
        EXPECT_NE(second.message.body.find("theirs"), std::string::npos) << pause;
        world_.run_for(ms(3000));
    }
}

TEST_F(DispatchStory, AListOfModelsDoesNotWaitForAConnectionForLong) {
    llm().models.push_back({.alias = "ours", .model = "theirs"});
    llm().pool.connections_max = 1;
    llm().pool.wait_timeout_ms = 60'000;
    llm().timeouts.first_byte_ms = 60'000;
    start([](const UpstreamRequest&) {
        return UpstreamAnswer{.ending = UpstreamAnswer::Ending::stall, .cut_at_bytes = 0};
    });
    const Client busy(world_, {.to = at(), .parts = {{post(kChat), {}}}});
    world_.run_for(ms(100));
    Client client(
        world_, {.to = at(), .parts = {{get("/v1/models"), {}}}, .is_satisfied = wants_answers(1)});
    const Instant begin = world_.now();
    ASSERT_TRUE(run_until_done(client));
    EXPECT_NE(answer_to(client).message.body.find("ours"), std::string::npos);
    EXPECT_LT(client.done_at() - begin, ms(5500));
}

TEST_F(DispatchStory, WhatTheUpstreamMayHaveSeenIsNotSentAgain) {
    start([](const UpstreamRequest& request) {
        UpstreamAnswer answer = json_answer(kAnswer);
        if (request.on_connection > 0) {
            answer.cut_at_bytes = 0;
            answer.ending = UpstreamAnswer::Ending::reset;
        }
        return answer;
    });
    EXPECT_EQ(ask(post(kChat)).message.second_word(), "200");
    EXPECT_EQ(ask(post(kChat)).message.second_word(), "502");
    EXPECT_EQ(upstream_->requests().size(), 2U);
}

TEST_F(DispatchStory, WhatMeetsADeadConnectionIsSentOnANewOne) {
    llm().pool.idle_death_retries_max = 1;
    EXPECT_EQ(ask_while_connections_die(post(kChat), 3), 0U);
}

// Its place among the connections is given up first.
TEST_F(DispatchStory, TheNewOneMayBeTheOnlyOne) {
    llm().pool.connections_max = 1;
    EXPECT_EQ(ask_while_connections_die(post(kChat), 0), 0U);
}

TEST_F(DispatchStory, WithoutRetriesNothingIsSentAgain) {
    llm().pool.idle_death_retries_max = 0;
    EXPECT_GT(ask_while_connections_die(post(kChat), 0), 0U);
}

// What has flowed on is gone.
TEST_F(DispatchStory, ABodyThatFlowsIsNotSentAgain) {
    config_.server.http.request_hold_bytes_max = 1000;
    world_.profile().receive_queue_bytes = 4096;
    EXPECT_GT(ask_while_connections_die(post(kChat, large_body()), 0), 0U);
    for (const auto& request : upstream_->requests()) {
        EXPECT_TRUE(!request->is_whole || request->message.body == large_body() ||
                    request->message.body.size() < 100);
    }
}

TEST_F(DispatchStory, ALargeBodyFlowsInBothFramings) {
    config_.server.http.request_hold_bytes_max = 1000;
    start_good();
    const std::string body = large_body();
    std::string chunks =
        "POST " + std::string(kChat) + " HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for (size_t i = 0; i < body.size(); i += 7000) {
        chunks += chunk(std::string_view(body).substr(i, 7000));
    }
    for (const std::string& text : {post(kChat, body), chunks + "0\r\n\r\n"}) {
        std::vector<TimedBytes> parts;
        for (size_t i = 0; i < text.size(); i += 6000) {
            parts.push_back({text.substr(i, 6000), ms(10)});
        }
        Client client(world_, {.to = at(), .parts = parts, .is_satisfied = wants_answers(1)});
        ASSERT_TRUE(run_until_done(client));
        EXPECT_EQ(answer_to(client).message.second_word(), "200");
        EXPECT_TRUE(last_request().message.body == body);
        EXPECT_LT(last_request().arrived_at - client.done_at(), ms(-50)) << "it was held";
    }
    EXPECT_TRUE(last_request().message.is_chunked);
}

// It takes what its window allows, and frames the rest as the beginning.
TEST_F(DispatchStory, AnUpstreamThatTakesABodySlowlyHoldsItsClientBack) {
    config_.server.http.request_hold_bytes_max = 1000;
    start_good();
    const std::string body = R"({"model":"m","text":")" + std::string(2'000'000, 'x') + R"("})";
    const std::string head = "POST " + std::string(kChat) + " HTTP/1.1\r\nhost: a\r\n";
    Client client(world_, {.to = at(),
                           .parts = {{head, {}},
                                     {"transfer-encoding: chunked\r\n\r\n", ms(10)},
                                     {chunk(body) + "0\r\n\r\n", {}}},
                           .is_satisfied = wants_answers(1)});
    world_.run_for(ms(5));
    world_.profile().receive_queue_bytes = 8192;  // From now on: the upstream's connection.
    world_.profile().send_queue_bytes = 8192;
    world_.profile().delay_min = world_.profile().delay_max = ms(1);
    world_.run_for(ms(100));
    EXPECT_LT(client.sent_bytes(), 1'600'000U);
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(answer_to(client).message.second_word(), "200");
    EXPECT_TRUE(last_request().message.body == body);
}

// The rest of the request would be taken for the next one.
TEST_F(DispatchStory, AConnectionWhoseRequestWasNotSentWholeServesNobodyElse) {
    config_.server.http.request_hold_bytes_max = 1000;
    start_good();
    upstream_->set_early_script([](const UpstreamRequest& request) {
        return request.message.field("x-early").empty() ? std::nullopt
                                                        : std::optional(json_answer(kAnswer));
    });
    const std::string text = post(kChat, large_body(), "x-early: 1\r\n");
    Client client(world_, {.to = at(),
                           .parts = {{text.substr(0, 2000), {}}, {text.substr(2000), ms(500)}},
                           .ends_with_peer = true,
                           .is_satisfied = wants_answers(1)});
    ASSERT_TRUE(run_until_done(client));
    EXPECT_EQ(answer_to(client).message.second_word(), "200");
    EXPECT_EQ(ask(post(kChat)).message.second_word(), "200");
    EXPECT_EQ(last_request().connection, 1U);
}

TEST_F(DispatchStory, APostWithoutABodySaysSoAndAGetDoesNot) {
    start_good();
    EXPECT_EQ(ask(post("/v1/responses/r1/cancel", "")).message.second_word(), "200");
    EXPECT_EQ(last_request().message.field("content-length"), "0");
    EXPECT_EQ(ask(get("/v1/responses")).message.second_word(), "200");
    EXPECT_EQ(last_request().message.field("content-length"), "");
    EXPECT_EQ(last_request().message.second_word(), "/v1/responses");
}

TEST_F(DispatchStory, OnlyAWholeSegmentIsTheVersion) {
    route().path_prefix = "/";
    start_good();
    EXPECT_EQ(ask(get("/v1beta/models")).message.second_word(), "200");
    EXPECT_EQ(last_request().message.second_word(), "/v1/v1beta/models");
}

TEST_F(DispatchStory, ARouteOfSomeModelsTakesWhatNamesNone) {
    route().models = {"gpt-*"};
    route().allow_non_streaming = false;
    start_good();
    EXPECT_EQ(ask(get("/v1/models")).message.second_word(), "200");
    const HttpRead read = ask(post(kChat, "{}"));
    EXPECT_EQ(read.message.second_word(), "400");
    EXPECT_NE(read.message.body.find("you must provide a model"), std::string::npos)
        << read.message.body;
}

TEST_F(DispatchStory, ErrorsHaveTheFieldsThatGoWithThem) {
    llm().pool.connections_max = 1;
    llm().pool.waiters_max = 0;
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer(kAnswer);
        answer.parts.front().pause = ms(1000);
        return answer;
    });
    Client first(world_,
                 {.to = at(), .parts = {{post(kChat), {}}}, .is_satisfied = wants_answers(1)});
    world_.run_for(ms(100));
    const HttpText overloaded = ask(post(kChat)).message;
    EXPECT_EQ(overloaded.second_word(), "503");
    EXPECT_EQ(overloaded.field("retry-after"), "1");
    EXPECT_FALSE(overloaded.field("x-request-id").empty());
    const HttpText refused = ask("PATCH /v1/models HTTP/1.1\r\nhost: a\r\n\r\n").message;
    EXPECT_EQ(refused.second_word(), "405");
    EXPECT_EQ(refused.field("allow"), "GET, POST, DELETE");
    EXPECT_EQ(refused.field("retry-after"), "");
    ASSERT_TRUE(run_until_done(first));
}

TEST_F(DispatchStory, ABodyThatIsNotEncodedMaySaySo) {
    start_good();
    const auto status = [&](std::string_view field) {
        return ask(post(kChat, "{}", field)).message.second_word();
    };
    EXPECT_EQ(status("content-encoding: identity\r\n"), "200");
    EXPECT_NE(status("content-encoding: gzip\r\n"), "200");
}

}  // namespace

}  // namespace sluice::sim
