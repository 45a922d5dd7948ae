// Single stories of pools: targets that flap, hang and break, over several shards, with time that
// is simulated; and that nothing is held of a target when nothing is under way.
#include <cstdint>
#include <memory>
#include <string>

#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "sim/actors.h"
#include "sim/pool_story.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

const std::string kAnswer = R"({"ok":true})";
const std::string kError = R"({"error":{"message":"no","type":"server_error"}})";
const std::string kEvent = "data: {\"choices\":[]}\n\n";
const std::string kDone = "data: [DONE]\n\n";

TEST_F(PoolStory, ATargetThatFlapsForAMinuteIsNotNoticed) {
    config_.pools.front().outliers.enabled = false;
    config_.pools.front().breaker.open_ms = config_.pools.front().breaker.open_ms_max = 1'000;
    const Instant begin = world_.now();
    start_pool(
        [&](const UpstreamRequest&) {
            const bool is_down = (world_.now() - begin).ms() / 5000 % 2 == 0;
            return is_down ? json_answer(kError, 500) : json_answer(kAnswer);
        },
        [](const UpstreamRequest&) { return json_answer(kAnswer); });
    send(1'200, ms(50), post(kChat, R"({"model":"m"})"));
    wait_for_all();
    EXPECT_EQ(successes(), 1'200U);
    // It is used as long as it is well.
    EXPECT_GT(upstream_->requests().size(), 100U);
    expect_nothing_held();
}

TEST_F(PoolStory, AnOpenBreakerLetsOneThroughOfAllShards) {
    config_.pools.front().outliers.enabled = false;
    config_.pools.front().breaker.failure_percent_max = 0;
    config_.pools.front().breaker.open_ms = config_.pools.front().breaker.open_ms_max = 10'000;
    llm().timeouts.first_byte_ms = 1'000;
    start_pool(
        [](const UpstreamRequest&) {
            return UpstreamAnswer{.ending = UpstreamAnswer::Ending::stall, .cut_at_bytes = 0};
        },
        [](const UpstreamRequest&) { return json_answer(kAnswer); });
    send(300, ms(10), post(kChat, R"({"model":"m"})"));
    const size_t until_open = upstream_->requests().size();
    EXPECT_LT(until_open, 120U);  // Those of the second until the first five had failed.
    send(3'500, ms(10), post(kChat, R"({"model":"m"})"));
    wait_for_all();
    // 38 s: a probe each 10 s, and one more where jitter lets it come early.
    EXPECT_GE(upstream_->requests().size() - until_open, 3U);
    EXPECT_LE(upstream_->requests().size() - until_open, 4U);
    EXPECT_EQ(successes(), 3'800U);
    expect_nothing_held();
}

TEST_F(PoolStory, NothingIsHeldWhateverEndsAnAttempt) {
    config_.pools.front().breaker.enabled = false;
    config_.pools.front().outliers.enabled = false;
    llm().timeouts.first_byte_ms = llm().timeouts.silence_ms = 300;
    uint32_t turn = 0;
    start_pool(
        [&turn](const UpstreamRequest&) {
            UpstreamAnswer answer = streamed({{kEvent, ms(20)}, {kEvent, ms(20)}, {kDone, ms(20)}});
            switch (turn++ % 6) {
                case 0:
                    return json_answer(kError, 503);
                case 1:
                    answer.ending = UpstreamAnswer::Ending::reset;
                    answer.cut_at_bytes = 10;
                    break;
                case 2:
                    answer.ending = UpstreamAnswer::Ending::stall;
                    answer.cut_at_bytes = 0;
                    break;
                case 3:
                    answer.ending = UpstreamAnswer::Ending::close;
                    answer.cut_at_bytes = 150;
                    break;
                case 4:
                    answer.ending = UpstreamAnswer::Ending::stall;
                    answer.cut_at_bytes = 220;
                    break;
                default:
                    break;
            }
            return answer;
        },
        [](const UpstreamRequest&) {
            return streamed({{kEvent, ms(20)}, {kEvent, ms(20)}, {kDone, ms(20)}});
        });
    for (uint32_t i = 0; i < 600; ++i) {
        ClientScript script = {.to = at(), .parts = {{post(kChat), {}}}, .ends_with_peer = true};
        script.is_satisfied = wants_answers(1);
        if (i % 3 == 0) {
            script.leaves_after = ms(1 + i % 90);
            script.leaves_with_reset = i % 2 == 0;
        }
        clients_.push_back(std::make_unique<Client>(world_, script));
        world_.run_for(ms(3));
    }
    wait_for_all();
    world_.run_for(Duration::seconds(2));
    expect_nothing_held();
    EXPECT_GT(gateway_->metric("sluice_retries_total", "fail_over"), 50);
}

TEST_F(PoolStory, AReloadKeepsWhatIsKnownAndCounted) {
    start_pool(
        [](const UpstreamRequest&) { return streamed({{kEvent, ms(10)}, {kDone, ms(2000)}}); },
        [](const UpstreamRequest&) { return streamed({{kEvent, ms(10)}, {kDone, ms(2000)}}); });
    send(20, ms(1), post(kChat));
    world_.run_for(ms(500));
    const balance::TargetState* const state = gateway_->pool(0).targets()[0].state.get();
    EXPECT_EQ(state->requests.load(), 10);
    gateway_->reload(config_);
    world_.run_for(ms(100));
    EXPECT_EQ(gateway_->pool(0).targets()[0].state.get(), state);
    EXPECT_EQ(state->requests.load(), 10);
    wait_for_all();
    world_.run_for(ms(100));
    expect_nothing_held();
}

}  // namespace
}  // namespace sluice::sim
