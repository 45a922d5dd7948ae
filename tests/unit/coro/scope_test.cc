// Scopes: children are counted, and join() waits for the last.
#include "coro/scope.h"

#include <cstdint>
#include <deque>
#include <memory>

#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"

namespace sluice::coro {

namespace {

Task<void> wait_for(Signal& signal) {
    co_await signal.wait();
}

Task<void> join_and_tell(TaskScope& scope, bool& joined) {
    co_await scope.join();
    joined = true;
}

TEST(TaskScope, JoinOfAnEmptyScopeDoesNotWait) {
    ReadyQueue queue;
    TaskScope outer(queue);
    TaskScope inner(queue);
    bool joined = false;
    outer.spawn(join_and_tell(inner, joined));
    EXPECT_TRUE(joined);
}

TEST(TaskScope, JoinWaitsForTheLastChild) {
    ReadyQueue queue;
    TaskScope outer(queue);
    TaskScope inner(queue);
    std::deque<Signal> signals;
    for (int i = 0; i < 3; ++i) {
        inner.spawn(wait_for(signals.emplace_back(queue)));
    }
    EXPECT_EQ(inner.running(), 3U);
    bool joined = false;
    outer.spawn(join_and_tell(inner, joined));
    for (Signal& signal : signals) {
        EXPECT_FALSE(joined);
        signal.raise();
        queue.run();
    }
    EXPECT_EQ(inner.running(), 0U);
    while (!queue.empty()) {
        queue.run();
    }
    EXPECT_TRUE(joined);
}

TEST(TaskScope, AChildSpawnedWhileJoiningIsWaitedForToo) {
    ReadyQueue queue;
    TaskScope outer(queue);
    TaskScope inner(queue);
    Signal first(queue);
    Signal second(queue);
    const auto parent = [](TaskScope& scope, Signal& one, Signal& two) -> Task<void> {
        co_await one.wait();
        scope.spawn(wait_for(two));
    };
    inner.spawn(parent(inner, first, second));
    bool joined = false;
    outer.spawn(join_and_tell(inner, joined));
    first.raise();
    for (int i = 0; i < 3; ++i) {
        queue.run();
    }
    EXPECT_FALSE(joined);
    second.raise();
    while (!queue.empty()) {
        queue.run();
    }
    EXPECT_TRUE(joined);
}

TEST(TaskScope, TheChildsFrameIsGoneWhenItIsNoLongerCounted) {
    ReadyQueue queue;
    TaskScope scope(queue);
    struct Watch {
        TaskScope& scope;
        uint32_t& running_at_end;
        ~Watch() { running_at_end = scope.running(); }
    };
    uint32_t running_at_end = 0;
    const auto body = [](std::unique_ptr<Watch>) -> Task<void> { co_return; };
    scope.spawn(body(std::unique_ptr<Watch>(new Watch{scope, running_at_end})));
    EXPECT_EQ(scope.running(), 0U);
    EXPECT_EQ(running_at_end, 1U);
}

TEST(TaskScope, LeavingAChildBehindEndsTheProcess) {
    EXPECT_DEATH(
        {
            ReadyQueue queue;
            Signal signal(queue);
            TaskScope scope(queue);
            scope.spawn(wait_for(signal));
        },
        "assertion failed");
}

}  // namespace

}  // namespace sluice::coro
