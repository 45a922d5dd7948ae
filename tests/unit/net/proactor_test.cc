// One turn: its order, its bounds and its wait.
#include "net/proactor.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "net/mailbox.h"
#include "net/op.h"
#include "net/timer_wheel.h"
#include "sim_fixture.h"

namespace sluice::net {

namespace {

class ProactorTest : public SimTest {
protected:
    void SetUp() override { make_proactor({}); }
};

// Says when it is flushed.
struct Flush final : Proactor::Flushable {
    explicit Flush(std::vector<std::string>& to) : log(to) {}
    void flush() override { log.emplace_back("flush"); }
    std::vector<std::string>& log;
};

TEST_F(ProactorTest, CompletionsComeBeforeTimersBeforeCoroutinesBeforeFlushes) {
    std::vector<std::string> log;
    struct Context {
        std::vector<std::string>& log;
        coro::Signal signal;
        Flush flush;
        Proactor& proactor;
    };
    Context context{log, coro::Signal(proactor_->ready()), Flush(log), *proactor_};
    Op op(
        [](Op& done, int32_t, uint32_t) {
            auto& c = done.owner_as<Context>();
            c.log.emplace_back("completion");
            c.proactor.flush_at_end_of_turn(c.flush);
            c.proactor.flush_at_end_of_turn(c.flush);  // Once is enough.
            c.signal.raise();
        },
        &context);
    Timer timer([](Timer& fired) { fired.owner_as<Context>().log.emplace_back("timer"); },
                &context);
    coro::TaskScope scope(proactor_->ready());
    const auto body = [](Context& c) -> coro::Task<void> {
        co_await c.signal.wait();
        c.log.emplace_back("coroutine");
    };
    scope.spawn(body(context));
    const int fd = world_.network().open_descriptor();
    char byte = 0;
    proactor_->ring().read(fd, &byte, 1, op);
    proactor_->turn(Duration());
    EXPECT_TRUE(log.empty());
    proactor_->timers().arm(timer, proactor_->now() + Duration::milliseconds(10));
    world_.after(Duration::milliseconds(20), [this, fd] { world_.network().put(fd, "x"); });
    while (log.size() < 4 && proactor_->counters().turns < 100) {
        world_.pass(Duration::milliseconds(30));
        proactor_->turn(Duration());
    }
    EXPECT_EQ(log, (std::vector<std::string>{"completion", "timer", "coroutine", "flush"}));
    proactor_->ring().close(fd);
}

TEST_F(ProactorTest, CoroutinesThatWakeEachOtherLeaveTheTurn) {
    constexpr int kRoundsPerTurnMax = 20;
    coro::Signal ping(proactor_->ready());
    coro::Signal pong(proactor_->ready());
    bool stop = false;
    int rounds = 0;
    const auto body = [](coro::Signal& mine, coro::Signal& other, const bool& end,
                         int& count) -> coro::Task<void> {
        while (!end) {
            co_await mine.wait();
            ++count;
            other.raise();
        }
    };
    coro::TaskScope scope(proactor_->ready());
    scope.spawn(body(ping, pong, stop, rounds));
    scope.spawn(body(pong, ping, stop, rounds));
    ping.raise();
    proactor_->turn(Duration::seconds(10));
    EXPECT_GT(rounds, 0);
    EXPECT_LE(rounds, kRoundsPerTurnMax);
    // What is still ready keeps the next turn from waiting.
    const Instant before = world_.now();
    const int so_far = rounds;
    proactor_->turn(Duration::seconds(10));
    EXPECT_LT(world_.now() - before, Duration::seconds(1));
    EXPECT_GT(rounds, so_far);
    stop = true;
    for (int i = 0; i < 4; ++i) {
        ping.raise();
        pong.raise();
        proactor_->turn(Duration());
    }
}

TEST_F(ProactorTest, ABurstIsHandledInPartsWithoutWaitingInBetween) {
    constexpr size_t kOps = 1000;
    struct Count {
        size_t done = 0;
    } count;
    std::deque<Op> ops;
    const int fd = world_.network().open_descriptor();
    world_.network().put(fd, std::string(kOps, 'x'));
    std::vector<char> bytes(kOps);
    for (size_t i = 0; i < kOps; ++i) {
        ops.emplace_back([](Op& op, int32_t, uint32_t) { ++op.owner_as<Count>().done; }, &count);
        proactor_->ring().read(fd, &bytes[i], 1, ops.back());
    }
    const Instant before = world_.now();
    proactor_->turn(Duration::seconds(10));
    EXPECT_GT(count.done, 0U);
    EXPECT_LT(count.done, kOps);  // Timers and coroutines get their turn.
    while (count.done < kOps) {
        const size_t so_far = count.done;
        proactor_->turn(Duration::seconds(10));
        ASSERT_GT(count.done, so_far);
    }
    EXPECT_LT(world_.now() - before, Duration::seconds(1));
    proactor_->ring().close(fd);
}

TEST_F(ProactorTest, SleepsUntilTheNextTimerAndNoLonger) {
    struct Fired {
        Proactor& proactor;
        Instant at;
    } fired{*proactor_, {}};
    Timer timer(
        [](Timer& t) {
            auto& f = t.owner_as<Fired>();
            f.at = f.proactor.now();
        },
        &fired);
    proactor_->turn(Duration());
    const Instant due = proactor_->now() + Duration::milliseconds(1234);
    proactor_->timers().arm(timer, due);
    const uint64_t turns = proactor_->counters().turns;
    while (!fired.at.is_set() && proactor_->counters().turns < turns + 50) {
        proactor_->turn(Duration::seconds(60));
    }
    EXPECT_GE(fired.at, due);
    EXPECT_LE(fired.at - due, Duration::milliseconds(2));
    EXPECT_LE(proactor_->counters().turns - turns, 10U);  // A few level edges, no spinning.
}

TEST_F(ProactorTest, AFewStreamsAreNotBatched) {
    const int fd = world_.network().open_descriptor();
    char byte = 0;
    struct Seen {
        Proactor& proactor;
        Instant at;
    } seen{*proactor_, {}};
    Op op(
        [](Op& done, int32_t, uint32_t) {
            auto& s = done.owner_as<Seen>();
            s.at = s.proactor.now();
        },
        &seen);
    proactor_->ring().read(fd, &byte, 1, op);
    const Instant sent = world_.now() + Duration::milliseconds(5);
    world_.at(sent, [this, fd] { world_.network().put(fd, "x"); });
    while (!seen.at.is_set()) {
        proactor_->turn(Duration::seconds(1));
    }
    EXPECT_LT(seen.at - sent, Duration::microseconds(50));
    proactor_->ring().close(fd);
}

TEST(ProactorBatching, ManyStreamsWaitForTheWindow) {
    constexpr uint32_t kWindowUs = 150;
    const sim::World world(1);
    sim::World& w = sim::World::current();
    ProactorOptions options;
    options.batch_streams_min = 2;
    options.batch_window_us = kWindowUs;
    const std::unique_ptr<Proactor> proactor = std::move(Proactor::create(options).value());
    proactor->stream_opened();
    proactor->stream_opened();
    const int fd = w.network().open_descriptor();
    char bytes[2] = {};
    struct Seen {
        Proactor& proactor;
        std::vector<Instant> at;
    } seen{*proactor, {}};
    const auto handler = [](Op& done, int32_t, uint32_t) {
        auto& s = done.owner_as<Seen>();
        s.at.push_back(s.proactor.now());
    };
    Op first(handler, &seen);
    Op second(handler, &seen);
    proactor->ring().read(fd, &bytes[0], 1, first);
    proactor->ring().read(fd, &bytes[1], 1, second);
    const Instant began = w.now();
    w.after(Duration::microseconds(10), [&] { w.network().put(fd, "x"); });
    w.after(Duration::microseconds(100), [&] { w.network().put(fd, "y"); });
    while (seen.at.size() < 2) {
        proactor->turn(Duration::seconds(1));
    }
    // Both came in one turn, at the end of the window.
    EXPECT_EQ(seen.at[0], seen.at[1]);
    EXPECT_GE(seen.at[0] - began, Duration::microseconds(kWindowUs));
    EXPECT_LE(seen.at[0] - began, Duration::microseconds(kWindowUs + 20));
    proactor->stream_closed();
    proactor->stream_closed();
}

TEST_F(ProactorTest, AMailboxDeliversInOrderAcrossShards) {
    struct Note final : Message {
        Note(std::vector<int>& to, int n) : log(to), number(n) {}
        void deliver() override { log.push_back(number); }
        std::vector<int>& log;
        int number;
    };
    std::vector<int> log;
    const std::unique_ptr<Proactor> other = std::move(Proactor::create({}).value());
    world_.add_shard(*other);
    Mailbox box(other->ring());
    for (int i = 0; i < 100; ++i) {
        box.post(proactor_->ring(), std::make_unique<Note>(log, i));
    }
    ASSERT_TRUE(run_until([&] { return log.size() == 100; }));
    EXPECT_TRUE(std::ranges::is_sorted(log));
    EXPECT_LE(proactor_->ring().counters().submissions, 2U);  // One wake for all of them.
    world_.remove_shard(*other);
}

}  // namespace

}  // namespace sluice::net
