// Single stories of streams that break off after part of them was passed on: told as an error, or
// begun anew at another target behind a mark.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/target_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "base/time.h"
#include "gtest/gtest.h"
#include "sim/actors.h"
#include "sim/http_text.h"
#include "sim/pool_story.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

using Ending = UpstreamAnswer::Ending;

constexpr std::string_view kMark = "\"choices\":[],\"sluice\":{\"restarted\":true}}";
const std::string kDone = "data: [DONE]\n\n";

std::string delta(std::string_view text) {
    return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",)"
           R"("choices":[{"index":0,"delta":{"content":")" +
           std::string(text) + "\"}}]}\n\n";
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class MidStreamStory : public PoolStory {
protected:
    MidStreamStory() {
        config_.server.shards = 1;
        config_.pools.front().strategy = balance::Strategy::priority;
        config_.pools.front().fail_over.mid_stream = balance::MidStream::restart;
    }

    static UpstreamActor::Script streams(std::string_view text) {
        return [text = std::string(text)](const UpstreamRequest&) {
            return streamed({{delta(text), ms(10)}, {delta(text), ms(10)}, {kDone, ms(10)}});
        };
    }
    // One event, the front of a second one, and then this.
    static UpstreamActor::Script breaks(std::string_view text, Ending ending) {
        return [text = std::string(text), ending](const UpstreamRequest&) {
            return streamed({{delta(text), ms(10)}, {"data: {\"id\":", ms(10)}, {"", ms(10)}},
                            ending);
        };
    }
    std::string ask(std::string_view path = kChat,
                    std::string_view body = R"({"model":"m","stream":true})") {
        clients_.push_back(
            std::make_unique<Client>(world_, ClientScript{.to = at(),
                                                          .parts = {{post(path, body), {}}},
                                                          .ends_with_peer = true,
                                                          .is_satisfied = wants_answers(1)}));
        EXPECT_TRUE(run_until_done(*clients_.back()));
        world_.run_for(ms(20));
        const HttpRead read = answer_to(*clients_.back());
        EXPECT_EQ(read.message.second_word(), "200");
        is_whole_ = read.state == ReadState::complete;
        return read.message.body;
    }
    // Takes `front` off a body that must begin with it.
    static void take(std::string& body, std::string_view front) {
        EXPECT_TRUE(body.starts_with(front)) << body;
        body.erase(0, front.size());
    }
    static void take_mark(std::string& body) {
        const size_t end = body.find("\n\n");
        ASSERT_NE(end, std::string::npos) << body;
        EXPECT_TRUE(body.substr(0, end).ends_with(kMark)) << body;
        EXPECT_TRUE(body.starts_with("data: {\"id\":\"")) << body;
        EXPECT_NE(body.find("\"object\":\"chat.completion.chunk\""), std::string::npos);
        body.erase(0, end + 2);
    }
    static bool is_error(std::string_view event) {
        return event.starts_with("data: {\"error\"") && event.ends_with("\n\n");
    }
    int64_t restarts() const { return gateway_->metric("sluice_retries_total", "restart"); }

    bool is_whole_ = false;
};

TEST_F(MidStreamStory, AnotherTargetAnswersFromTheBeginning) {
    for (const Ending ending : {Ending::reset, Ending::close}) {
        if (gateway_ == nullptr) {
            start_pool(breaks("llm", ending), streams("other"));
        } else {
            start(breaks("llm", ending));
        }
        std::string body = ask();
        EXPECT_TRUE(is_whole_);
        take(body, delta("llm"));
        take_mark(body);
        EXPECT_EQ(body, delta("other") + delta("other") + kDone);
    }
    EXPECT_EQ(restarts(), 2);
    EXPECT_EQ(gateway_->metric("sluice_retries_total"), 2);
    EXPECT_EQ(gateway_->metric("sluice_requests_total"), 2);
    EXPECT_EQ(gateway_->metric("sluice_errors_total"), 0);
    // Both parts are accounted for, each where it was made.
    EXPECT_GT(gateway_->metric("sluice_tokens_total", "upstream=\"llm\",kind=\"prompt\""), 0);
    EXPECT_EQ(gateway_->pool(0).targets()[0].state->faults_total.load(), 2U);
    expect_nothing_held();
}

TEST_F(MidStreamStory, ATargetThatGoesSilentIsReplaced) {
    llm().timeouts.silence_ms = 500;
    start_pool(breaks("llm", Ending::stall), streams("other"));
    std::string body = ask();
    take(body, delta("llm"));
    take_mark(body);
    EXPECT_EQ(body, delta("other") + delta("other") + kDone);
    expect_nothing_held();
}

TEST_F(MidStreamStory, AnotherTargetGoesOnWithTheText) {
    config_.pools.front().fail_over.mid_stream = balance::MidStream::go_on;
    for (upstream::UpstreamOptions& upstream : config_.upstreams) {
        upstream.vendor.supports = {"prefill"};
    }
    llm().timeouts.silence_ms = 500;
    for (const Ending ending : {Ending::reset, Ending::close, Ending::stall}) {
        if (gateway_ == nullptr) {
            start_pool(breaks("llm", ending), streams("other"));
        } else {
            start(breaks("llm", ending));
        }
        const std::string body = ask(
            kChat, R"({"model":"m","stream":true,"messages":[{"role":"user","content":"go"}]})");
        EXPECT_TRUE(is_whole_);
        EXPECT_FALSE(body.contains("error")) << body;
        EXPECT_LT(body.find("llm"), body.find("other")) << body;
        EXPECT_TRUE(body.ends_with(kDone)) << body;
        ASSERT_FALSE(other_->requests().empty());
        EXPECT_TRUE(other_->requests().back()->message.body.contains(
            R"({"role":"assistant","content":"llm"})"));
    }
    EXPECT_EQ(gateway_->metric("sluice_retries_total", "continuation"), 3);
    EXPECT_EQ(gateway_->metric("sluice_errors_total"), 0);
    expect_nothing_held();
}

TEST_F(MidStreamStory, ByDefaultTheClientIsTold) {
    config_.pools.front().fail_over.mid_stream = balance::MidStream::error;
    start_pool(breaks("llm", Ending::reset), streams("other"));
    std::string body = ask();
    EXPECT_FALSE(is_whole_);
    take(body, delta("llm"));
    EXPECT_TRUE(is_error(body)) << body;
    EXPECT_EQ(other_->requests().size(), 0U);
    expect_nothing_held();
}

TEST_F(MidStreamStory, WhenNobodyIsLeftTheClientIsTold) {
    start_pool(breaks("llm", Ending::reset), breaks("other", Ending::reset));
    std::string body = ask();
    EXPECT_FALSE(is_whole_);
    take(body, delta("llm"));
    take_mark(body);
    take(body, delta("other"));
    EXPECT_TRUE(is_error(body)) << body;
    EXPECT_EQ(body.find("data: ", 1), std::string::npos) << "told once: " << body;
    EXPECT_EQ(restarts(), 1);
    EXPECT_EQ(gateway_->metric("sluice_errors_total"), 1);
    expect_nothing_held();
}

// No mark, because no answer begins.
TEST_F(MidStreamStory, ATargetThatRefusesBeginsNothing) {
    const auto refuses = [](const UpstreamRequest&) {
        return json_answer(R"({"error":{"message":"no","type":"server_error"}})", 500);
    };
    start_pool(breaks("llm", Ending::reset), refuses);
    std::string body = ask();
    EXPECT_FALSE(is_whole_);
    take(body, delta("llm"));
    EXPECT_TRUE(is_error(body)) << body;
    EXPECT_EQ(body.find("data: ", 1), std::string::npos) << body;
    EXPECT_EQ(other_->requests().size(), 1U);
    expect_nothing_held();
}

TEST_F(MidStreamStory, WhatIsNoStreamBeginsNothing) {
    start_pool(breaks("llm", Ending::reset),
               [](const UpstreamRequest&) { return json_answer(R"({"choices":[]})"); });
    std::string body = ask();
    take(body, delta("llm"));
    EXPECT_TRUE(is_error(body)) << body;
    expect_nothing_held();
}

TEST_F(MidStreamStory, WhatTheTargetSaysOfItselfIsPassedOn) {
    const std::string error = "data: {\"error\":{\"message\":\"out of memory\"}}\n\n";
    start_pool(
        [error](const UpstreamRequest&) {
            return streamed({{delta("llm"), ms(10)}, {error, ms(10)}});
        },
        streams("other"));
    EXPECT_EQ(ask(), delta("llm") + error);
    EXPECT_EQ(other_->requests().size(), 0U);
    expect_nothing_held();
}

TEST_F(MidStreamStory, StreamsThatCannotBeginTwiceAreTold) {
    const std::string start = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n";
    config_.upstreams[0].provider = config_.upstreams[1].provider = "anthropic";
    config_.upstreams[0].base_url = "http://10.0.0.1:8000";
    config_.upstreams[1].base_url = "http://10.0.0.2:8000";
    start_pool(
        [start](const UpstreamRequest&) { return streamed({{start, ms(10)}}, Ending::reset); },
        streams("other"));
    std::string body = ask("/v1/messages", R"({"model":"m","stream":true,"max_tokens":5})");
    take(body, start);
    EXPECT_TRUE(body.starts_with("event: error\n")) << body;
    EXPECT_EQ(other_->requests().size(), 0U);
    expect_nothing_held();
}

TEST_F(MidStreamStory, TheSecondAnswerMayBeTranslated) {
    config_.upstreams[1].provider = "anthropic";
    config_.upstreams[1].base_url = "http://10.0.0.2:8000";
    start_pool(breaks("llm", Ending::reset), [](const UpstreamRequest&) {
        const auto event = [](std::string_view type, std::string_view rest) {
            return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) +
                   "\"" + std::string(rest) + "}\n\n";
        };
        return streamed(
            {{event("message_start",
                    R"(,"message":{"id":"i","type":"message","role":"assistant","model":"x",)"
                    R"("content":[],"usage":{"input_tokens":3,"output_tokens":1}})") +
                  event("content_block_start",
                        R"(,"index":0,"content_block":{"type":"text","text":""})") +
                  event("content_block_delta",
                        R"(,"index":0,"delta":{"type":"text_delta","text":"bonjour"})") +
                  event("content_block_stop", R"(,"index":0)") +
                  event("message_delta",
                        R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2})") +
                  event("message_stop", ""),
              ms(10)}});
    });
    std::string body = ask(
        kChat, R"({"model":"m","stream":true,"messages":[{"role":"user","content":"say it"}]})");
    EXPECT_TRUE(is_whole_);
    take(body, delta("llm"));
    take_mark(body);
    EXPECT_NE(body.find("bonjour"), std::string::npos) << body;
    EXPECT_TRUE(body.ends_with(kDone));
    expect_nothing_held();
}

TEST_F(MidStreamStory, AClientThatLeavesInBetweenEndsIt) {
    start_pool(breaks("llm", Ending::reset), [](const UpstreamRequest&) {
        return UpstreamAnswer{.ending = Ending::stall, .cut_at_bytes = 0};
    });
    ClientScript script = {.to = at(), .parts = {{post(kChat), {}}}, .ends_with_peer = true};
    script.leaves_after = ms(200);
    script.leaves_with_reset = true;
    clients_.push_back(std::make_unique<Client>(world_, script));
    wait_for_all();
    world_.run_for(ms(50));
    EXPECT_EQ(other_->requests().size(), 1U);
    EXPECT_EQ(other_->open_connections(), 0U);
    EXPECT_EQ(gateway_->metric("sluice_cancels_total"), 1);
    expect_nothing_held();
}

}  // namespace
}  // namespace sluice::sim
