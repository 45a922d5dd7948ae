// Single stories of hedges: two targets are asked for one answer, and time is simulated. `llm` is
// the one that is asked first, and keeps everybody waiting.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/target_state.h"
#include "base/prng.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "sim/actors.h"
#include "sim/http_text.h"
#include "sim/pool_story.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

const std::string kDone = "data: [DONE]\n\n";
const std::string kRefusal = R"({"error":{"message":"no","type":"server_error"}})";

std::string delta(std::string_view text) {
    return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",)"
           R"("choices":[{"index":0,"delta":{"content":")" +
           std::string(text) + "\"}}]}\n\n";
}

std::string whole(std::string_view text) {
    return R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
           R"("message":{"role":"assistant","content":")" +
           std::string(text) + R"("},"finish_reason":"stop"}]})";
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class HedgeStory : public PoolStory {
protected:
    HedgeStory() {
        config_.server.shards = 1;
        pool().strategy = balance::Strategy::priority;
        pool().hedge = {
            .enabled = true, .percentile = 0, .delay_ms_min = 300, .budget_percent = 100};
    }

    balance::PoolOptions& pool() { return config_.pools.front(); }
    // Two events of one text, the first after so long, and the end.
    static UpstreamActor::Script streams(std::string_view text, Duration first) {
        return [text = std::string(text), first](const UpstreamRequest&) {
            return streamed({{delta(text), first}, {delta(text), ms(50)}, {kDone, ms(50)}});
        };
    }
    static UpstreamActor::Script refuses(Duration after) {
        return [after](const UpstreamRequest&) {
            UpstreamAnswer answer = json_answer(kRefusal, 500);
            answer.parts.front().pause = after;
            return answer;
        };
    }
    static UpstreamActor::Script answers(std::string_view text, Duration after) {
        return [text = std::string(text), after](const UpstreamRequest&) {
            UpstreamAnswer answer = json_answer(whole(text));
            answer.parts.front().pause = after;
            return answer;
        };
    }
    static UpstreamActor::Script hangs() {
        return [](const UpstreamRequest&) {
            return UpstreamAnswer{.ending = UpstreamAnswer::Ending::stall, .cut_at_bytes = 0};
        };
    }
    Client& ask(std::string_view body = R"({"model":"m","stream":true})",
                std::string_view path = kChat) {
        clients_.push_back(
            std::make_unique<Client>(world_, ClientScript{.to = at(),
                                                          .parts = {{post(path, body), {}}},
                                                          .ends_with_peer = true,
                                                          .is_satisfied = wants_answers(1)}));
        EXPECT_TRUE(run_until_done(*clients_.back()));
        world_.run_for(ms(20));
        return *clients_.back();
    }
    int64_t hedges(std::string_view outcome) const {
        return gateway_->metric("sluice_hedges_total", outcome);
    }
    const balance::TargetState& state(size_t target) {
        return *gateway_->pool(0).targets()[target].state;
    }
    // Whole events of one of the two, its end or an error, and nothing else; what a client that
    // left has seen of an event may be cut.
    static bool is_of_one(std::string_view body) {
        const size_t error = body.find("data: {\"error\"");
        const std::string_view front = body.substr(0, error);
        const bool is_broken_off = error != std::string_view::npos;
        if (is_broken_off && !(front.ends_with("\n\n") && body.ends_with("\n\n"))) {
            return false;
        }
        for (const std::string_view text : {"llm", "other"}) {
            if ((delta(text) + delta(text) + kDone).starts_with(front)) {
                return true;
            }
        }
        return false;
    }
    // A stream of these two texts and its end, nothing else.
    static void expect_stream(const Client& client, std::string_view text) {
        const HttpRead read = answer_to(client);
        EXPECT_EQ(read.state, ReadState::complete);
        EXPECT_EQ(read.message.second_word(), "200");
        EXPECT_EQ(read.message.body, delta(text) + delta(text) + kDone);
    }
};

TEST_F(HedgeStory, AFirstTargetThatHangsIsOvertaken) {
    llm().timeouts.first_byte_ms = 60'000;
    start_pool(hangs(), streams("other", ms(100)));
    const Instant begin = world_.now();
    const Client& client = ask();
    expect_stream(client, "other");
    EXPECT_LT((client.first_byte_at() - begin).ms(), 450);
    EXPECT_GE((client.first_byte_at() - begin).ms(), 400);
    EXPECT_EQ(upstream_->requests().size(), 1U);
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(upstream_->requests()[0]->message.body, other_->requests()[0]->message.body);
    // It is told to stop when the other one begins, and is not blamed.
    ASSERT_TRUE(upstream_->left_at(0).is_set());
    EXPECT_LE((upstream_->left_at(0) - client.first_byte_at()).ms(), 20);
    EXPECT_EQ(hedges("won"), 1);
    EXPECT_EQ(gateway_->metric("sluice_hedges_total"), 1);
    EXPECT_EQ(gateway_->metric("sluice_requests_total", "upstream=\"other\""), 1);
    EXPECT_EQ(gateway_->metric("sluice_requests_total"), 1);
    EXPECT_EQ(gateway_->metric("sluice_retries_total"), 0);
    EXPECT_GT(gateway_->metric("sluice_hedge_prompt_tokens_total"), 0);
    EXPECT_EQ(state(0).faults_total.load(), 0U);
    EXPECT_EQ(state(0).neutral_total.load(), 1U);
    EXPECT_EQ(state(1).successes_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, AFirstTokenInTimeCostsNothing) {
    start_pool(streams("llm", ms(250)), streams("other", ms(1)));
    expect_stream(ask(), "llm");
    EXPECT_EQ(other_->requests().size(), 0U);
    EXPECT_EQ(gateway_->metric("sluice_hedges_total"), 0);
    expect_nothing_held();
}

TEST_F(HedgeStory, TheSlowerOneOfTwoIsCancelled) {
    start_pool(streams("llm", ms(500)), streams("other", ms(2'000)));
    const Client& client = ask();
    expect_stream(client, "llm");
    EXPECT_EQ(other_->requests().size(), 1U);
    ASSERT_TRUE(other_->left_at(0).is_set());
    EXPECT_LE((other_->left_at(0) - client.first_byte_at()).ms(), 20);
    EXPECT_EQ(hedges("lost"), 1);
    EXPECT_EQ(state(1).faults_total.load(), 0U);
    EXPECT_EQ(state(1).neutral_total.load(), 1U);
    expect_nothing_held();
}

// First token, not first head.
TEST_F(HedgeStory, AHeadWithoutAnEventIsNoAnswer) {
    const auto head_first = [](std::string_view text, Duration event) {
        return [text = std::string(text), event](const UpstreamRequest&) {
            UpstreamAnswer answer =
                streamed({{delta(text), event}, {delta(text), ms(50)}, {kDone, ms(50)}});
            answer.parts.front().pause = ms(1);
            return answer;
        };
    };
    start_pool(head_first("llm", ms(900)), head_first("other", ms(3'000)));
    expect_stream(ask(), "llm");
    EXPECT_EQ(hedges("lost"), 1);
    start(head_first("llm", ms(3'000)));
    other_ = nullptr;
    other_ = std::make_unique<UpstreamActor>(world_, *net::Address::parse("10.0.0.2", 8000),
                                             head_first("other", ms(200)));
    expect_stream(ask(), "other");
    EXPECT_EQ(hedges("won"), 1);
    expect_nothing_held();
}

TEST_F(HedgeStory, AFailureOfOneLeavesTheOther) {
    start_pool(refuses(ms(400)), streams("other", ms(800)));
    const Instant begin = world_.now();
    const Client& client = ask();
    expect_stream(client, "other");
    EXPECT_GE((client.first_byte_at() - begin).ms(), 1'100);  // It was asked once, at 300 ms.
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(hedges("won"), 1);
    EXPECT_EQ(state(0).faults_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, AFailureOfTheSecondLeavesTheFirst) {
    start_pool(streams("llm", ms(900)), refuses(ms(10)));
    expect_stream(ask(), "llm");
    EXPECT_EQ(upstream_->requests().size(), 1U);
    EXPECT_EQ(hedges("failed"), 1);
    EXPECT_EQ(state(1).faults_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, AnErrorAtTheBeginningOfAStreamDoesNotWin) {
    const auto breaks = [](const UpstreamRequest&) {
        return streamed({{"data: {\"error\":{\"message\":\"no\"}}\n\n", ms(10)}});
    };
    start_pool(streams("llm", ms(900)), breaks);
    expect_stream(ask(), "llm");
    EXPECT_EQ(hedges("failed"), 1);
    EXPECT_EQ(state(1).faults_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, WhenBothFailItIsAnError) {
    start_pool(refuses(ms(400)), refuses(ms(300)));
    const HttpRead read = answer_to(ask());
    EXPECT_EQ(read.message.second_word(), "502");
    EXPECT_EQ(upstream_->requests().size(), 1U);
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(hedges("failed"), 1);
    EXPECT_EQ(state(0).faults_total.load(), 1U);
    EXPECT_EQ(state(1).faults_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, ClientsThatLeaveEndBoth) {
    start_pool(hangs(), hangs());
    for (const int64_t after : {100, 500, 1'000}) {
        ClientScript script = {.to = at(), .parts = {{post(kChat), {}}}, .ends_with_peer = true};
        script.leaves_after = ms(after);
        script.leaves_with_reset = true;
        clients_.push_back(std::make_unique<Client>(world_, script));
    }
    wait_for_all();
    world_.run_for(ms(50));
    for (const UpstreamActor* const actor : {upstream_.get(), other_.get()}) {
        EXPECT_EQ(actor->open_connections(), 0U);
    }
    EXPECT_EQ(upstream_->requests().size(), 3U);
    EXPECT_EQ(other_->requests().size(), 2U);
    EXPECT_EQ(hedges("cancelled"), 2);
    EXPECT_EQ(gateway_->metric("sluice_cancels_total"), 3);
    expect_nothing_held();
}

TEST_F(HedgeStory, WhatIsNotStreamedIsWonByItsHead) {
    start_pool(hangs(), answers("other", ms(10)));
    EXPECT_EQ(answer_to(ask(R"({"model":"m"})")).message.body, whole("other"));
    EXPECT_EQ(hedges("won"), 1);
    expect_nothing_held();
}

TEST_F(HedgeStory, WhatLeavesSomethingBehindIsAskedOnce) {
    start_pool(answers("llm", ms(900)), answers("other", ms(1)));
    EXPECT_EQ(answer_to(ask(R"({"model":"m","store":true})")).message.body, whole("llm"));
    EXPECT_EQ(answer_to(ask(R"({"model":"m","n":2})")).message.body, whole("llm"));
    ask(R"({"model":"m","input":"a"})", "/v1/responses");
    EXPECT_EQ(other_->requests().size(), 0U);
    EXPECT_EQ(hedges("denied"), 3);
    expect_nothing_held();
}

TEST_F(HedgeStory, ABudgetBoundsWhatIsAskedTwice) {
    pool().hedge.budget_percent = 10;
    start_pool(streams("llm", ms(600)), streams("other", ms(10)));
    for (int i = 0; i < 100; ++i) {
        ask();
    }
    EXPECT_EQ(other_->requests().size(), 10U);
    EXPECT_EQ(hedges("won"), 10);
    EXPECT_EQ(hedges("denied"), 90);
    expect_nothing_held();
}

TEST_F(HedgeStory, ThereMustBeASecondTargetWithRoom) {
    pool().targets[1].concurrent_max = 1;
    start_pool(hangs(), streams("other", ms(5'000)));
    llm().timeouts.first_byte_ms = 60'000;
    send(2, ms(1), post(kChat));
    world_.run_for(ms(1'000));
    EXPECT_EQ(upstream_->requests().size(), 2U);
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(state(1).requests.load(), 1);
    clients_.clear();
    world_.run_for(ms(100));
    EXPECT_EQ(hedges("cancelled"), 1);
    EXPECT_EQ(hedges("denied"), 1);
    expect_nothing_held();
}

TEST_F(HedgeStory, ThePoolLearnsWhatIsLate) {
    pool().hedge = {.enabled = true, .percentile = 90, .delay_ms_min = 50, .budget_percent = 100};
    bool is_slow = false;
    start_pool(
        [&is_slow](const UpstreamRequest&) {
            return streamed({{delta("llm"), is_slow ? ms(5'000) : ms(100)},
                             {delta("llm"), ms(50)},
                             {kDone, ms(50)}});
        },
        streams("other", ms(100)));
    for (int i = 0; i < 60; ++i) {
        expect_stream(ask(), "llm");
    }
    is_slow = true;
    const Instant begin = world_.now();
    const Client& client = ask();
    expect_stream(client, "other");
    EXPECT_LT((client.first_byte_at() - begin).ms(), 1'000);
    expect_nothing_held();
}

TEST_F(HedgeStory, EachGetsTheRequestInItsOwnDialectAndName) {
    config_.upstreams[1].provider = "anthropic";
    config_.upstreams[1].base_url = "http://10.0.0.2:8000";
    pool().targets[0].model = "first-name";
    pool().targets[1].model = "second-name";
    start_pool(hangs(), [](const UpstreamRequest&) {
        const auto event = [](std::string_view type, std::string_view rest) {
            return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) +
                   "\"" + std::string(rest) + "}\n\n";
        };
        return streamed(
            {{event("message_start",
                    R"(,"message":{"id":"i","type":"message","role":"assistant","model":"x",)"
                    R"("content":[],"usage":{"input_tokens":3,"output_tokens":1}})"),
              ms(10)},
             {event("content_block_start",
                    R"(,"index":0,"content_block":{"type":"text","text":""})") +
                  event("content_block_delta",
                        R"(,"index":0,"delta":{"type":"text_delta","text":"bonjour"})"),
              ms(10)},
             {event("content_block_stop", R"(,"index":0)") +
                  event("message_delta",
                        R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
                  event("message_stop", ""),
              ms(10)}});
    });
    const HttpRead read = answer_to(
        ask(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"say it"}]})"));
    EXPECT_EQ(read.state, ReadState::complete);
    EXPECT_NE(read.message.body.find("bonjour"), std::string::npos) << read.message.body;
    EXPECT_TRUE(read.message.body.ends_with(kDone));
    ASSERT_EQ(other_->requests().size(), 1U);
    const HttpText& first = upstream_->requests()[0]->message;
    const HttpText& second = other_->requests()[0]->message;
    EXPECT_TRUE(first.second_word().ends_with("/chat/completions"));
    EXPECT_TRUE(second.second_word().ends_with("/messages"));
    EXPECT_NE(first.body.find("first-name"), std::string::npos);
    EXPECT_NE(second.body.find("second-name"), std::string::npos);
    EXPECT_NE(second.body.find("max_tokens"), std::string::npos);
    EXPECT_NE(second.body.find("say it"), std::string::npos);
    EXPECT_EQ(gateway_->metric("sluice_dialect_requests_total", "messages"), 1);
    EXPECT_EQ(hedges("won"), 1);
    expect_nothing_held();
}

// The first one is translated, and has come as far as its head.
TEST_F(HedgeStory, ATranslatedOneIsOvertakenByOneThatIsNot) {
    llm().provider = "anthropic";
    llm().base_url = "http://10.0.0.1:8000";
    start_pool(
        [](const UpstreamRequest&) {
            return streamed({{": nothing yet\n\n", ms(10)}}, UpstreamAnswer::Ending::stall);
        },
        streams("other", ms(100)));
    const std::string request =
        R"({"model":"m","stream":true,"messages":[{"role":"user","content":"say it"}]})";
    const Client& client = ask(request);
    expect_stream(client, "other");
    EXPECT_TRUE(upstream_->requests()[0]->message.second_word().ends_with("/messages"));
    // As it came, but for the usage that this provider is asked for and the client does not see.
    EXPECT_EQ(other_->requests()[0]->message.body,
              R"({"stream_options":{"include_usage":true},)" + request.substr(1));
    ASSERT_TRUE(upstream_->left_at(0).is_set());
    EXPECT_LE((upstream_->left_at(0) - client.first_byte_at()).ms(), 20);
    EXPECT_EQ(gateway_->metric("sluice_dialect_requests_total", "upstream=\"chat\""), 1);
    EXPECT_EQ(gateway_->metric("sluice_dialect_requests_total"), 1);
    EXPECT_EQ(hedges("won"), 1);
    EXPECT_EQ(state(0).neutral_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, OfAnAnswerThatBrokeBeforeItBeganNothingIsShown) {
    pool().fail_over.hold_events = 2;
    start_pool(streams("llm", ms(2'000)), [](const UpstreamRequest&) {
        return streamed({{delta("other"), ms(10)}}, UpstreamAnswer::Ending::reset);
    });
    expect_stream(ask(), "llm");
    EXPECT_EQ(hedges("failed"), 1);
    EXPECT_EQ(state(1).faults_total.load(), 1U);
    expect_nothing_held();
}

TEST_F(HedgeStory, AWinnerThatFailsUntoldIsReplacedOnceMore) {
    upstream::UpstreamOptions third = llm();
    third.name = "third";
    third.base_url = "http://10.0.0.3:8000/v1";
    config_.upstreams.push_back(third);
    config_.upstreams[1].provider = "anthropic";
    config_.upstreams[1].base_url = "http://10.0.0.2:8000";
    pool().targets.push_back({.llm = "third"});
    auto last = std::make_unique<UpstreamActor>(world_, *net::Address::parse("10.0.0.3", 8000),
                                                answers("third", ms(10)));
    start_pool(hangs(), [](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer(R"({"type":"message","content":[]})");
        answer.ending = UpstreamAnswer::Ending::reset;
        answer.cut_at_bytes = answer.parts.front().bytes.size() - 10;
        return answer;
    });
    const HttpRead read =
        answer_to(ask(R"({"model":"m","messages":[{"role":"user","content":"a"}]})"));
    EXPECT_EQ(read.message.body, whole("third"));
    EXPECT_EQ(upstream_->requests().size(), 1U);
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(last->requests().size(), 1U);
    EXPECT_EQ(hedges("won"), 1);
    EXPECT_EQ(gateway_->metric("sluice_retries_total", "fail_over"), 1);
    expect_nothing_held();
    gateway_->drain(ms(100));
    EXPECT_TRUE(world_.run_until([&] { return gateway_->has_ended(); }, kLong));
    world_.run_for(Duration::seconds(3));
    gateway_.reset();
}

// Whatever both do, and whenever the client leaves: one answer, whole or broken off as one, and
// nothing is left of the others.
TEST_F(HedgeStory, NothingIsHeldAndNothingIsMixed) {
    config_.server.shards = 2;
    pool().breaker.enabled = pool().outliers.enabled = false;
    pool().strategy = balance::Strategy::round_robin;
    pool().hedge.delay_ms_min = 40;
    llm().timeouts.first_byte_ms = llm().timeouts.silence_ms = 300;
    config_.upstreams[1].timeouts = llm().timeouts;
    const auto script = [this](std::string_view text) {
        return [this, text = std::string(text)](const UpstreamRequest&) {
            Prng& prng = world_.prng();
            const auto pause = [&prng] { return ms(prng.below(90)); };
            UpstreamAnswer answer =
                streamed({{delta(text), pause()}, {delta(text), pause()}, {kDone, pause()}});
            answer.parts.front().pause = pause();
            switch (prng.below(8)) {
                case 0:
                    return json_answer(kRefusal, 503);
                case 1:
                    answer.ending = UpstreamAnswer::Ending::reset;
                    answer.cut_at_bytes = prng.below(700);
                    break;
                case 2:
                    answer.ending = UpstreamAnswer::Ending::stall;
                    answer.cut_at_bytes = prng.below(700);
                    break;
                case 3:
                    answer.ending = UpstreamAnswer::Ending::close;
                    answer.cut_at_bytes = prng.below(700);
                    break;
                default:
                    break;
            }
            return answer;
        };
    };
    start_pool(script("llm"), script("other"));
    for (uint32_t i = 0; i < 800; ++i) {
        ClientScript client = {.to = at(), .parts = {{post(kChat), {}}}, .ends_with_peer = true};
        client.is_satisfied = wants_answers(1);
        if (i % 4 == 0) {
            client.leaves_after = ms(1 + world_.prng().below(200));
            client.leaves_with_reset = i % 8 == 0;
        }
        clients_.push_back(std::make_unique<Client>(world_, client));
        world_.run_for(ms(3));
    }
    wait_for_all();
    world_.run_for(Duration::seconds(2));
    for (const auto& client : clients_) {
        const HttpText answer = answer_to(*client).message;
        EXPECT_TRUE(answer.second_word() != "200" || is_of_one(answer.body)) << answer.body;
    }
    EXPECT_GT(successes(), 500U);
    EXPECT_GT(hedges("won"), 30);
    EXPECT_GT(hedges("lost"), 30);
    EXPECT_GT(hedges("failed"), 10);
    expect_nothing_held();
    EXPECT_EQ(upstream_->open_connections() + other_->open_connections(),
              static_cast<uint32_t>(gateway_->metric("sluice_upstream_connections")));
}

}  // namespace
}  // namespace sluice::sim
