// Stories of requests that wait for room in a pool, on four shards, with time that is simulated:
// who is next, who has to go, and a pool that has no target at first.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/waiting_room.h"
#include "base/priority.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "pipeline/options.h"
#include "sim/actors.h"
#include "sim/pool_story.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

namespace {

constexpr Duration kAnswerTime = ms(1'000);
const std::string kAnswer = R"({"ok":true})";

// One target that takes one request at a time, and as much time for each.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class QueueStory : public PoolStory {
protected:
    QueueStory() {
        pool().targets = {{.llm = "llm", .concurrent_max = 1}};
        pool().queue = {.waiting_max = 100, .wait_ms_max = 300'000};
        pool().outliers.enabled = pool().breaker.enabled = false;
        route().priority_header = pipeline::PriorityHeader::any;
    }

    balance::PoolOptions& pool() { return config_.pools.front(); }
    void start_slow() {
        start([](const UpstreamRequest&) {
            UpstreamAnswer answer = json_answer(kAnswer);
            answer.parts.front().pause = kAnswerTime;
            return answer;
        });
    }
    // The name is how the upstream knows it.
    Client& ask(const std::string& name, std::string_view priority = "normal") {
        const std::string body = R"({"model":")" + name + R"("})";
        const std::string fields = "x-sluice-priority: " + std::string(priority) + "\r\n";
        clients_.push_back(std::make_unique<Client>(
            world_, ClientScript{.to = at(),
                                 .parts = {{post(kChat, body, fields), {}}},
                                 .ends_with_peer = true,
                                 .is_satisfied = wants_answers(1)}));
        return *clients_.back();
    }
    // And waits until it is where it can be: at the target, in the queue, or refused.
    void ask_and_settle(const std::string& name, std::string_view priority = "normal") {
        Client& client = ask(name, priority);
        const size_t asked = upstream_->requests().size();
        const uint32_t waiting = waiting_now();
        EXPECT_TRUE(world_.run_until(
            [&] {
                return client.is_done() || upstream_->requests().size() > asked ||
                       waiting_now() > waiting || !client.received().empty();
            },
            Duration::seconds(1)));
    }
    uint32_t waiting_now() {
        const balance::WaitingRoom& room = gateway_->pool(0).state().room;
        return room.waiting(Priority::high) + room.waiting(Priority::normal) +
               room.waiting(Priority::low);
    }
    // Of the models, in the order in which the upstream was asked.
    std::vector<std::string> asked() const {
        std::vector<std::string> names;
        for (const auto& request : upstream_->requests()) {
            const std::string& body = request->message.body;
            const size_t begin = body.find(R"("model":")") + 9;
            names.push_back(body.substr(begin, body.find('"', begin) - begin));
        }
        return names;
    }
    std::string status_of(size_t client) const {
        return std::string(answer_to(*clients_[client]).message.second_word());
    }
    void expect_nobody_waits() {
        EXPECT_EQ(waiting_now(), 0U);
        expect_nothing_held();
    }
};

using Names = std::vector<std::string>;

TEST_F(QueueStory, ClassesAreServedInTheirOrderOverAllShards) {
    start_slow();
    for (const std::string name : {"first", "low-1", "normal-1", "low-2", "high-1", "high-2"}) {
        ask_and_settle(name, name == "first" ? "normal" : name.substr(0, name.find('-')));
    }
    EXPECT_EQ(waiting_now(), 5U);
    EXPECT_EQ(gateway_->pool(0).state().room.waiting(Priority::low), 2U);
    wait_for_all();
    EXPECT_EQ(asked(), (Names{"first", "high-1", "high-2", "normal-1", "low-1", "low-2"}));
    EXPECT_EQ(successes(), 6U);
    EXPECT_EQ(gateway_->metric("sluice_queue_wait_seconds_count", "high"), 2);
    EXPECT_EQ(gateway_->metric("sluice_queue_wait_seconds_count", "normal"), 1);
    expect_nobody_waits();
}

TEST_F(QueueStory, TheTargetIsNeverIdleWhileSomebodyWaits) {
    start_slow();
    const Instant began = world_.now();
    for (int i = 0; i < 40; ++i) {
        ask(std::to_string(i));
    }
    wait_for_all();
    EXPECT_EQ(successes(), 40U);
    // Without a look at the clock in between: the end of one is told to the shard of the next.
    EXPECT_LT((world_.now() - began).ms(), 40 * (kAnswerTime.ms() + 10));
    expect_nobody_waits();
}

TEST_F(QueueStory, WhoeverComesWhileOthersWaitIsBehindThem) {
    start_slow();
    for (int i = 0; i < 4; ++i) {
        ask_and_settle(std::to_string(i));
    }
    // New ones come all the time, also in the moments in which the target is free.
    for (int i = 4; i < 60; ++i) {
        ask(std::to_string(i));
        world_.run_for(ms(370));
    }
    wait_for_all();
    const Names names = asked();
    for (size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(names[i], std::to_string(i));
    }
    EXPECT_EQ(successes(), 60U);
}

TEST_F(QueueStory, AHeaderThatMayOnlyLowerRaisesNothing) {
    route().priority_header = pipeline::PriorityHeader::lower;
    start_slow();
    ask_and_settle("first");
    ask_and_settle("normal");
    ask_and_settle("low", "low");
    ask_and_settle("high", "high");
    wait_for_all();
    EXPECT_EQ(asked(), (Names{"first", "normal", "high", "low"}));
    Client& wrong = ask("wrong", "urgent");
    EXPECT_TRUE(run_until_done(wrong));
    EXPECT_EQ(status_of(4), "400");
}

TEST_F(QueueStory, AHeaderIsNothingWhereTheRouteDoesNotSaySo) {
    route().priority_header = pipeline::PriorityHeader::ignore;
    route().priority = Priority::low;
    start_slow();
    ask_and_settle("first");
    ask_and_settle("a", "normal");
    ask_and_settle("b", "high");
    ask_and_settle("c", "urgent");
    EXPECT_EQ(gateway_->pool(0).state().room.waiting(Priority::low), 3U);
    wait_for_all();
    EXPECT_EQ(asked(), (Names{"first", "a", "b", "c"}));
}

TEST_F(QueueStory, AFullQueueRefusesOrPushesOut) {
    pool().queue.waiting_max = 2;
    start_slow();
    ask_and_settle("first");
    ask_and_settle("a", "low");
    ask_and_settle("b", "low");
    Client& refused = ask("c", "low");
    EXPECT_TRUE(run_until_done(refused));
    Client& high = ask("d", "high");
    // The newest of the lowest class hears of it at once, on whatever shard it is.
    EXPECT_TRUE(world_.run_until([&] { return clients_[2]->is_done(); }, ms(20)));
    EXPECT_FALSE(high.is_done());
    wait_for_all();
    EXPECT_EQ(asked(), (Names{"first", "d", "a"}));
    for (const size_t client : {2U, 3U}) {
        const HttpRead answer = answer_to(*clients_[client]);
        EXPECT_EQ(answer.message.second_word(), "429");
        EXPECT_FALSE(answer.message.field("retry-after").empty());
    }
    EXPECT_EQ(gateway_->metric("sluice_queue_refusals_total", "pushed_out"), 1);
    EXPECT_EQ(gateway_->metric("sluice_queue_refusals_total", "full"), 1);
    expect_nobody_waits();
}

TEST_F(QueueStory, ADeadlineEndsTheWait) {
    pool().queue.wait_ms_max = 2'500;
    start_slow();
    for (int i = 0; i < 6; ++i) {
        ask_and_settle(std::to_string(i));
    }
    wait_for_all();
    // Two or three were served within that time; the others hear so when their time is over.
    const int64_t late = gateway_->metric("sluice_queue_refusals_total", "timeout");
    EXPECT_EQ(successes() + late, 6);
    EXPECT_GE(late, 2);
    EXPECT_EQ(status_of(5), "503");
    expect_nobody_waits();
}

TEST_F(QueueStory, WhatCannotBeServedInTimeIsToldWhenItComes) {
    pool().queue.wait_ms_max = 10'000;
    start_slow();
    for (int i = 0; i < 10; ++i) {
        ask_and_settle(std::to_string(i));
    }
    EXPECT_TRUE(world_.run_until([&] { return upstream_->requests().size() == 10; }, kLong));
    for (int i = 10; i < 30; ++i) {
        ask_and_settle(std::to_string(i));
    }
    wait_for_all();
    // One a second: those that came in the end were refused at once, and nobody waited in vain.
    EXPECT_GE(gateway_->metric("sluice_queue_refusals_total", "hopeless"), 8);
    EXPECT_LE(gateway_->metric("sluice_queue_refusals_total", "timeout"), 1);
    EXPECT_GE(successes(), 18U);
    EXPECT_EQ(status_of(29), "429");
    expect_nobody_waits();
}

TEST_F(QueueStory, ClientsThatLeaveWhileTheyWaitLeaveNothing) {
    start_slow();
    for (int i = 0; i < 60; ++i) {
        ClientScript script = {.to = at(), .parts = {{post(kChat), {}}}, .ends_with_peer = true};
        script.is_satisfied = wants_answers(1);
        if (i % 3 != 0) {
            script.leaves_after = ms(1 + i * 70 % 4'000);
            script.leaves_with_reset = i % 2 == 0;
        }
        clients_.push_back(std::make_unique<Client>(world_, script));
        world_.run_for(ms(2));
    }
    wait_for_all();
    world_.run_for(Duration::seconds(1));
    EXPECT_GE(successes(), 20U);
    expect_nobody_waits();
}

TEST_F(QueueStory, AReloadInTheMiddleChangesNothingForThoseThatWait) {
    start_slow();
    for (int i = 0; i < 12; ++i) {
        ask_and_settle(std::to_string(i));
    }
    gateway_->reload(config_);
    for (int i = 12; i < 20; ++i) {
        ask_and_settle(std::to_string(i));
    }
    wait_for_all();
    const Names names = asked();
    ASSERT_EQ(names.size(), 20U);
    for (size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(names[i], std::to_string(i));
    }
    expect_nobody_waits();
}

TEST_F(QueueStory, APoolWithoutTargetsHoldsRequestsUntilThereIsOne) {
    const std::vector<balance::TargetOptions> targets = std::exchange(pool().targets, {});
    pool().queue.waiting_max = 8;
    start_slow();
    for (int i = 0; i < 10; ++i) {
        ask_and_settle(std::to_string(i), i == 7 ? "high" : "normal");
    }
    EXPECT_EQ(waiting_now(), 8U);
    EXPECT_EQ(status_of(8), "429");
    EXPECT_EQ(status_of(9), "429");
    world_.run_for(Duration::seconds(20));
    EXPECT_EQ(waiting_now(), 8U);
    EXPECT_TRUE(upstream_->requests().empty());
    pool().targets = targets;
    gateway_->reload(config_);
    wait_for_all();
    EXPECT_EQ(asked(), (Names{"7", "0", "1", "2", "3", "4", "5", "6"}));
    EXPECT_EQ(successes(), 8U);
    expect_nobody_waits();
}

TEST_F(QueueStory, APoolThatStaysEmptyLetsThemGoInTime) {
    pool().targets.clear();
    pool().queue.wait_ms_max = 2'000;
    start_slow();
    ask_and_settle("a");
    EXPECT_EQ(waiting_now(), 1U);
    const Instant began = world_.now();
    wait_for_all();
    EXPECT_NEAR((world_.now() - began).as_seconds(), 2, 0.2);
    EXPECT_EQ(status_of(0), "503");
    // Without a queue it is said at once.
    pool().queue.waiting_max = 0;
    gateway_->reload(config_);
    world_.run_for(ms(10));
    Client& client = ask("b");
    EXPECT_TRUE(run_until_done(client));
    EXPECT_EQ(status_of(1), "503");
    expect_nobody_waits();
}

}  // namespace
}  // namespace sluice::sim
