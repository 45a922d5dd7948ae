// The pool of one upstream: order of reuse, the limit, the queue at the limit, and idle deaths.
#include "upstream/connection_pool.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "coro/signal.h"
#include "gtest/gtest.h"
#include "http/client_connection.h"
#include "http/limits.h"
#include "net/address.h"
#include "net/op.h"
#include "net/tcp_stream.h"
#include "shard_fixture.h"
#include "sim/sim.h"
#include "upstream/options.h"

namespace sluice::upstream {

namespace {

class ConnectionPoolTest : public ShardTest {
protected:
    void make_pool(const PoolOptions& options) {
        pool_ = std::make_unique<ConnectionPool>(*proactor_, options);
    }
    void TearDown() override {
        EXPECT_EQ(pool_->connections(), pool_->idle()) << "nobody may be out on lease";
        EXPECT_EQ(pool_->waiting(), 0U);
        pool_->retire();
        EXPECT_EQ(pool_->connections(), 0U);
        EXPECT_EQ(pool_->idle(), 0U);
        pool_.reset();
        ShardTest::TearDown();
    }

    // A connection for a slot that was reserved.
    ConnectionPtr connect() {
        if (listener_ == nullptr) {
            listener_ = &listen(at_);
        }
        const size_t before = far_.size();
        const int fd = proactor_->ring().open_stream_socket(at_, {}).value();
        net::Op op{[](net::Op&, int32_t, uint32_t) {}, nullptr};
        proactor_->ring().connect(fd, at_, op);
        EXPECT_TRUE(run_until([&] { return far_.size() > before && op.pending == 0; }));
        return std::make_unique<http::ClientConnection>(
            net::TcpStream::adopt(*proactor_, fd, {}, ErrorSource::upstream),
            http::MessageLimits());
    }
    ConnectionPtr reserve() {
        EXPECT_TRUE(pool_->try_reserve());
        return connect();
    }
    void drop(ConnectionPtr connection) {
        connection.reset();
        pool_->release_slot();
    }
    // `count` idle connections; far_ has their far ends in the order in which they came to rest.
    std::vector<http::ClientConnection*> rest(size_t count) {
        std::vector<ConnectionPtr> made;
        std::vector<http::ClientConnection*> order;
        for (size_t i = 0; i < count; ++i) {
            made.push_back(reserve());
            order.push_back(made.back().get());
        }
        for (ConnectionPtr& connection : made) {
            pool_->put_idle(std::move(connection));
        }
        return order;
    }
    bool far_sees_end(size_t index) {
        return run_until([&] { return far_[index]->at_end_of_stream(); });
    }

    const net::Address at_ = net::Address::loopback(7000);
    std::unique_ptr<ConnectionPool> pool_;
    sim::Socket* listener_ = nullptr;
};

TEST_F(ConnectionPoolTest, TheWarmestServesFirst) {
    make_pool({});
    EXPECT_EQ(pool_->take_idle(), nullptr);
    const auto order = rest(3);
    EXPECT_EQ(pool_->idle(), 3U);
    EXPECT_EQ(pool_->connections(), 3U);
    for (size_t i = 3; i > 0; --i) {
        ConnectionPtr taken = pool_->take_idle();
        EXPECT_EQ(taken.get(), order[i - 1]);
        EXPECT_EQ(pool_->idle(), i - 1);
        drop(std::move(taken));
    }
    EXPECT_EQ(pool_->connections(), 0U);
    EXPECT_EQ(pool_->counters().opened, 3U);
    EXPECT_EQ(pool_->counters().reused, 3U);
}

TEST_F(ConnectionPoolTest, BusyAndIdleOnesCountAgainstTheLimit) {
    make_pool({.connections_max = 2});
    rest(1);
    ConnectionPtr busy = reserve();
    EXPECT_FALSE(pool_->try_reserve());
    drop(std::move(busy));
    EXPECT_TRUE(pool_->try_reserve());
    EXPECT_FALSE(pool_->try_reserve());
    pool_->release_slot();
}

TEST_F(ConnectionPoolTest, WaitersAreServedInOrderAndNobodyOvertakes) {
    make_pool({.connections_max = 2});
    ConnectionPtr a = reserve();
    ConnectionPtr b = reserve();
    http::ClientConnection* const first_back = a.get();
    coro::Signal signal(proactor_->ready());
    ConnectionPool::Waiter first(*pool_, signal);
    ConnectionPool::Waiter second(*pool_, signal);
    ASSERT_TRUE(pool_->enqueue(first));
    ASSERT_TRUE(pool_->enqueue(second));
    EXPECT_EQ(pool_->waiting(), 2U);
    EXPECT_FALSE(first.is_granted());
    pool_->put_idle(std::move(a));
    EXPECT_TRUE(first.is_granted());
    EXPECT_FALSE(second.is_granted());
    EXPECT_EQ(pool_->idle(), 0U);
    EXPECT_EQ(pool_->take_idle(), nullptr);
    EXPECT_FALSE(pool_->try_reserve());
    drop(std::move(b));
    EXPECT_TRUE(second.is_granted());
    EXPECT_EQ(pool_->waiting(), 0U);
    ConnectionPtr taken = first.take();
    EXPECT_EQ(taken.get(), first_back);
    EXPECT_EQ(second.take(), nullptr) << "the right to make one";
    EXPECT_EQ(pool_->connections(), 2U);
    pool_->release_slot();
    drop(std::move(taken));
    EXPECT_EQ(pool_->counters().waited, 2U);
}

TEST_F(ConnectionPoolTest, AWaiterIsWoken) {
    make_pool({.connections_max = 1});
    ConnectionPtr busy = reserve();
    coro::Signal signal(proactor_->ready());
    ConnectionPool::Waiter waiter(*pool_, signal);
    ASSERT_TRUE(pool_->enqueue(waiter));
    EXPECT_FALSE(signal.await_ready());
    drop(std::move(busy));
    EXPECT_TRUE(signal.await_ready());
}

TEST_F(ConnectionPoolTest, TheQueueIsLimited) {
    make_pool({.connections_max = 1, .waiters_max = 1});
    ConnectionPtr busy = reserve();
    coro::Signal signal(proactor_->ready());
    ConnectionPool::Waiter other(*pool_, signal);
    {
        ConnectionPool::Waiter waiter(*pool_, signal);
        ASSERT_TRUE(pool_->enqueue(waiter));
        EXPECT_FALSE(pool_->enqueue(other));
        EXPECT_EQ(pool_->counters().refused, 1U);
    }
    EXPECT_TRUE(pool_->enqueue(other)) << "who went away made room";
    drop(std::move(busy));
}

TEST_F(ConnectionPoolTest, AWaiterThatGoesAwayGivesBackWhatItWasGranted) {
    make_pool({.connections_max = 1});
    coro::Signal signal(proactor_->ready());
    auto slot = std::make_unique<ConnectionPool::Waiter>(*pool_, signal);
    auto connection = std::make_unique<ConnectionPool::Waiter>(*pool_, signal);
    auto left_early = std::make_unique<ConnectionPool::Waiter>(*pool_, signal);
    ConnectionPool::Waiter last(*pool_, signal);
    ConnectionPtr busy = reserve();
    ASSERT_TRUE(pool_->enqueue(*left_early));
    ASSERT_TRUE(pool_->enqueue(*connection));
    ASSERT_TRUE(pool_->enqueue(*slot));
    ASSERT_TRUE(pool_->enqueue(last));
    left_early.reset();
    EXPECT_EQ(pool_->waiting(), 3U);
    pool_->put_idle(std::move(busy));
    ASSERT_TRUE(connection->is_granted());
    connection.reset();
    ASSERT_TRUE(slot->is_granted());
    drop(slot->take());
    ASSERT_TRUE(last.is_granted()) << "the slot passed on";
    EXPECT_EQ(last.take(), nullptr);
    EXPECT_EQ(pool_->connections(), 1U);
    slot = std::make_unique<ConnectionPool::Waiter>(*pool_, signal);
    ASSERT_TRUE(pool_->enqueue(*slot));
    pool_->release_slot();
    ASSERT_TRUE(slot->is_granted());
    EXPECT_EQ(pool_->connections(), 1U);
    slot.reset();
    EXPECT_EQ(pool_->connections(), 0U);
}

TEST_F(ConnectionPoolTest, IdleOnesTimeOut) {
    make_pool({.idle_timeout_ms = 1'000});
    rest(1);
    run_for(Duration::milliseconds(600));
    rest(1);
    run_for(Duration::milliseconds(600));
    EXPECT_EQ(pool_->idle(), 1U);
    EXPECT_EQ(pool_->connections(), 1U);
    EXPECT_TRUE(far_sees_end(0));
    run_for(Duration::milliseconds(600));
    EXPECT_EQ(pool_->connections(), 0U);
    EXPECT_EQ(pool_->counters().idle_closed, 2U);
}

TEST_F(ConnectionPoolTest, ABusyOneDoesNotTimeOut) {
    make_pool({.idle_timeout_ms = 1'000});
    rest(1);
    ConnectionPtr taken = pool_->take_idle();
    run_for(Duration::seconds(5));
    proactor_->turn(Duration());  // Gets to know the time.
    EXPECT_TRUE(taken->is_healthy());
    pool_->put_idle(std::move(taken));
    run_for(Duration::milliseconds(900));
    EXPECT_EQ(pool_->idle(), 1U) << "its time begins anew";
}

TEST_F(ConnectionPoolTest, AnEndAResetOrBytesMakeAnIdleOneUseless) {
    make_pool({});
    const auto order = rest(4);
    world_.network().shutdown_send(*far_[0]);
    world_.network().cut(*far_[1]);
    world_.network().write(*far_[3], "HTTP/1.1 408 Request Timeout\r\n\r\n");
    ASSERT_TRUE(run_until([&] { return pool_->idle() == 1; }));
    run_for(Duration::milliseconds(1));
    EXPECT_EQ(pool_->connections(), 1U);
    EXPECT_EQ(pool_->counters().idle_closed, 3U);
    ConnectionPtr taken = pool_->take_idle();
    EXPECT_EQ(taken.get(), order[2]);
    drop(std::move(taken));
}

TEST_F(ConnectionPoolTest, WhatComesBackUnhealthyIsNotKept) {
    make_pool({});
    ConnectionPtr used = reserve();
    world_.network().write(*far_[0], "x");
    ASSERT_TRUE(run_until([&] { return !used->is_healthy(); }));
    pool_->put_idle(std::move(used));
    EXPECT_EQ(pool_->idle(), 0U);
    EXPECT_EQ(pool_->connections(), 0U);
    EXPECT_TRUE(far_sees_end(0));
}

TEST_F(ConnectionPoolTest, NoMoreAreKeptThanTheLimitAndTheColdestGoes) {
    make_pool({.idle_connections_max = 2});
    const auto order = rest(3);
    EXPECT_EQ(pool_->idle(), 2U);
    EXPECT_EQ(pool_->connections(), 2U);
    EXPECT_TRUE(far_sees_end(0));
    ConnectionPtr taken = pool_->take_idle();
    EXPECT_EQ(taken.get(), order[2]);
    drop(std::move(taken));
}

TEST_F(ConnectionPoolTest, HalfOfWhatNobodyNeededGoesPeriodByPeriod) {
    make_pool({.surplus_period_ms = 1'000});
    const auto order = rest(9);
    run_for(Duration::milliseconds(1'100));
    EXPECT_EQ(pool_->idle(), 9U) << "the pool was empty when the period began";
    for (const uint32_t left : {5U, 3U, 2U, 1U, 1U, 1U}) {
        run_for(Duration::seconds(1));
        EXPECT_EQ(pool_->idle(), left);
        EXPECT_EQ(pool_->connections(), left);
    }
    EXPECT_TRUE(far_sees_end(0)) << "the coldest goes first";
    EXPECT_EQ(pool_->counters().idle_closed, 8U);
    ConnectionPtr taken = pool_->take_idle();
    EXPECT_EQ(taken.get(), order[8]);
    drop(std::move(taken));
}

TEST_F(ConnectionPoolTest, WhatWasNeededInAPeriodIsNoSurplus) {
    make_pool({.surplus_period_ms = 1'000});
    rest(8);
    run_for(Duration::milliseconds(1'100));
    for (uint32_t period = 0; period < 3; ++period) {
        std::vector<ConnectionPtr> taken;
        taken.reserve(8);
        for (uint32_t i = 0; i < 8; ++i) {
            taken.push_back(pool_->take_idle());
        }
        for (ConnectionPtr& connection : taken) {
            pool_->put_idle(std::move(connection));
        }
        run_for(Duration::seconds(1));
        EXPECT_EQ(pool_->idle(), 8U);
    }
    ConnectionPtr taken = pool_->take_idle();
    ConnectionPtr another = pool_->take_idle();
    pool_->put_idle(std::move(another));
    pool_->put_idle(std::move(taken));
    run_for(Duration::seconds(1));
    EXPECT_EQ(pool_->idle(), 5U) << "half of six";
}

TEST_F(ConnectionPoolTest, TheTimerOfTheSurplusRunsOnlyWhileSomethingIsIdle) {
    make_pool({.surplus_period_ms = 1'000});
    EXPECT_EQ(proactor_->timers().next_expiry(), Instant::never());
    rest(1);
    ConnectionPtr taken = pool_->take_idle();
    run_for(Duration::milliseconds(1'100));
    EXPECT_EQ(proactor_->timers().next_expiry(), Instant::never());
    pool_->put_idle(std::move(taken));
    EXPECT_NE(proactor_->timers().next_expiry(), Instant::never());
    pool_->retire();
    proactor_->turn(Duration());
    EXPECT_EQ(proactor_->timers().next_expiry(), Instant::never());
}

TEST_F(ConnectionPoolTest, WithoutAPeriodAllWaitForTheIdleTimeout) {
    make_pool({.idle_timeout_ms = 60'000, .surplus_period_ms = 0});
    rest(4);
    run_for(Duration::seconds(50));
    EXPECT_EQ(pool_->idle(), 4U);
    run_for(Duration::seconds(11));
    EXPECT_EQ(pool_->idle(), 0U);
}

TEST_F(ConnectionPoolTest, ARetiredPoolKeepsNothing) {
    make_pool({});
    rest(2);
    ConnectionPtr busy = reserve();
    pool_->retire();
    EXPECT_EQ(pool_->idle(), 0U);
    EXPECT_EQ(pool_->connections(), 1U);
    EXPECT_TRUE(far_sees_end(0));
    EXPECT_TRUE(far_sees_end(1));
    EXPECT_TRUE(busy->is_healthy()) << "what is busy goes on";
    pool_->put_idle(std::move(busy));
    EXPECT_EQ(pool_->connections(), 0U);
    EXPECT_TRUE(far_sees_end(2));
}

TEST_F(ConnectionPoolTest, WaitersOfARetiredPoolAreServedStill) {
    make_pool({.connections_max = 1});
    ConnectionPtr busy = reserve();
    coro::Signal signal(proactor_->ready());
    ConnectionPool::Waiter waiter(*pool_, signal);
    ASSERT_TRUE(pool_->enqueue(waiter));
    pool_->retire();
    pool_->put_idle(std::move(busy));
    ASSERT_TRUE(waiter.is_granted());
    EXPECT_EQ(waiter.take(), nullptr);
    pool_->release_slot();
}

TEST_F(ConnectionPoolTest, ADeadIdleOneLeavesItsSlotToAWaiter) {
    make_pool({.connections_max = 1});
    rest(1);
    coro::Signal signal(proactor_->ready());
    ConnectionPool::Waiter waiter(*pool_, signal);
    // For who does not want an idle one, and is not overtaken by those who do.
    ASSERT_TRUE(pool_->enqueue(waiter));
    EXPECT_EQ(pool_->take_idle(), nullptr);
    world_.network().shutdown_send(*far_[0]);
    ASSERT_TRUE(run_until([&] { return waiter.is_granted(); }));
    EXPECT_EQ(waiter.take(), nullptr);
    EXPECT_EQ(pool_->connections(), 1U);
    pool_->release_slot();
}

}  // namespace

}  // namespace sluice::upstream
