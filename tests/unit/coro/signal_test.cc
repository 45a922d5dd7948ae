// Signals: one waiter, many raisers, and resuming only from the queue.
#include "coro/signal.h"

#include <memory>
#include <vector>

#include "coro/scope.h"
#include "coro/task.h"
#include "gtest/gtest.h"

namespace sluice::coro {

namespace {

Task<void> count_wakes(Signal& signal, int& wakes, int most) {
    while (wakes < most) {
        co_await signal.wait();
        ++wakes;
    }
}

class SignalTest : public testing::Test {
protected:
    ReadyQueue queue_;
    TaskScope scope_{queue_};
};

TEST_F(SignalTest, RaisingDoesNotResumeByItself) {
    Signal signal(queue_);
    int wakes = 0;
    scope_.spawn(count_wakes(signal, wakes, 1));
    signal.raise();
    EXPECT_EQ(wakes, 0);
    EXPECT_FALSE(queue_.empty());
    EXPECT_EQ(queue_.run(), 1U);
    EXPECT_EQ(wakes, 1);
    EXPECT_TRUE(queue_.empty());
}

TEST_F(SignalTest, SeveralRaisesWakeOnce) {
    Signal signal(queue_);
    int wakes = 0;
    scope_.spawn(count_wakes(signal, wakes, 2));
    signal.raise();
    signal.raise();
    signal.raise();
    queue_.run();
    EXPECT_EQ(wakes, 1);
    EXPECT_TRUE(queue_.empty());
    signal.raise();
    queue_.run();
    EXPECT_EQ(wakes, 2);
}

TEST_F(SignalTest, ARaiseWithoutAWaiterIsKeptOnce) {
    Signal signal(queue_);
    signal.raise();
    signal.raise();
    EXPECT_TRUE(queue_.empty());
    int wakes = 0;
    scope_.spawn(count_wakes(signal, wakes, 2));
    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(scope_.running(), 1U);
    signal.raise();
    queue_.run();
    EXPECT_EQ(scope_.running(), 0U);
}

TEST_F(SignalTest, WaitersRunInTheOrderOfTheirRaises) {
    std::vector<std::unique_ptr<Signal>> signals;
    std::vector<int> order;
    const auto body = [](Signal& signal, std::vector<int>& to, int number) -> Task<void> {
        co_await signal.wait();
        to.push_back(number);
    };
    for (int i = 0; i < 3; ++i) {
        signals.push_back(std::make_unique<Signal>(queue_));
        scope_.spawn(body(*signals.back(), order, i));
    }
    for (const size_t i : {2U, 0U, 1U}) {
        signals[i]->raise();
    }
    EXPECT_EQ(queue_.run(), 3U);
    EXPECT_EQ(order, (std::vector{2, 0, 1}));
}

// What is raised while the queue runs waits for the next call, so that a pair of coroutines that
// wake each other cannot keep a turn for themselves.
TEST_F(SignalTest, RaisesDuringARunWaitForTheNext) {
    Signal ping(queue_);
    Signal pong(queue_);
    int rounds = 0;
    const auto body = [](Signal& mine, Signal& other, int& count) -> Task<void> {
        while (count < 10) {
            co_await mine.wait();
            ++count;
            other.raise();
        }
    };
    scope_.spawn(body(ping, pong, rounds));
    scope_.spawn(body(pong, ping, rounds));
    ping.raise();
    for (int i = 1; i <= 10; ++i) {
        EXPECT_EQ(queue_.run(), 1U);
        EXPECT_EQ(rounds, i);
    }
    while (scope_.running() > 0) {
        queue_.run();
    }
}

TEST_F(SignalTest, AWaiterMayDestroyItsOwnSignal) {
    auto signal = std::make_unique<Signal>(queue_);
    const auto body = [](std::unique_ptr<Signal>& owned) -> Task<void> {
        co_await owned->wait();
        owned.reset();
    };
    scope_.spawn(body(signal));
    signal->raise();
    queue_.run();
    EXPECT_EQ(signal, nullptr);
}

}  // namespace

}  // namespace sluice::coro
