// What src/net relies on in a turn: waiting, operations without completions, listening, connecting.
#include <cerrno>
#include <cstdint>
#include <vector>

#include <sys/socket.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "kernel/ring_contract.h"
#include "net/address.h"
#include "net/op.h"
#include "net/ring.h"

namespace sluice::contract {

namespace {

constexpr Duration kWindow = Duration::milliseconds(200);
constexpr Duration kLong = Duration::seconds(3);

class RingTurn : public RingTest {
protected:
    // How long one submit took.
    Duration timed_submit(const net::WaitOptions& wait) {
        const Instant began = ring_->now();
        ring_->submit(wait);
        return ring_->now() - began;
    }
};

TEST_F(RingTurn, SubmitWithoutAWaitReturnsAtOnce) {
    EXPECT_LT(timed_submit({}), kWindow);
    EXPECT_EQ(handle_completions(*ring_), 0U);
}

TEST_F(RingTurn, SubmitWaitsForItsTimeoutAndNoLonger) {
    const Duration took = timed_submit({1, Duration::milliseconds(50), {}});
    EXPECT_GE(took, Duration::milliseconds(50));
    EXPECT_LT(took, kLong);
    EXPECT_EQ(handle_completions(*ring_), 0U);
}

TEST_F(RingTurn, OneCompletionEndsTheWait) {
    const Pair pair = connect_pair();
    Recorder sent;
    ring_->send(pair.near, "x", 1, sent.op);
    EXPECT_LT(timed_submit({1, kLong, {}}), kLong);
    EXPECT_EQ(handle_completions(*ring_), 1U);
}

TEST_F(RingTurn, AFullBatchEndsTheWaitAtOnce) {
    if (!ring_->features().minimum_wait) {
        GTEST_SKIP() << "a batch window needs Linux 6.12";
    }
    const Pair pair = connect_pair();
    std::vector<Recorder> sent(4);
    for (Recorder& recorder : sent) {
        ring_->send(pair.near, "x", 1, recorder.op);
    }
    EXPECT_LT(timed_submit({4, kLong, kWindow}), kWindow);
    EXPECT_EQ(handle_completions(*ring_), 4U);
}

TEST_F(RingTurn, APartOfABatchEndsTheWaitAfterTheWindow) {
    if (!ring_->features().minimum_wait) {
        GTEST_SKIP() << "a batch window needs Linux 6.12";
    }
    const Pair pair = connect_pair();
    Recorder sent;
    ring_->send(pair.near, "x", 1, sent.op);
    const Duration took = timed_submit({4, kLong, kWindow});
    EXPECT_GE(took, kWindow);
    EXPECT_LT(took, kLong);
    EXPECT_EQ(handle_completions(*ring_), 1U);
}

TEST_F(RingTurn, AnEmptyBatchEndsTheWaitAtItsTimeout) {
    const Duration took = timed_submit({4, kWindow * 2, kWindow});
    EXPECT_GE(took, kWindow * 2);
    EXPECT_LT(took, kLong);
}

// A window longer than the time that is left must not delay a timer.
TEST_F(RingTurn, TheTimeoutEndsAWaitInsideTheWindow) {
    const Duration took = timed_submit({4, Duration::milliseconds(10), kLong});
    EXPECT_GE(took, Duration::milliseconds(10));
    EXPECT_LT(took, kLong);
}

TEST_F(RingTurn, OperationsWithoutCompletionsGiveNone) {
    const Pair pair = connect_pair();
    Recorder nothing;
    const uint64_t before = ring_->counters().completions;
    ring_->cancel(nothing.op);  // Not found is silent too.
    ring_->shutdown_send(pair.near);
    ring_->shutdown(pair.far);
    run_for(Duration::milliseconds(30));
    close(pair.near);
    close(pair.far);
    run_for(Duration::milliseconds(30));
    EXPECT_TRUE(nothing.seen.empty());
    // A cancel that finds nothing may use a slot of the queue, which collect() passes over.
    EXPECT_LE(ring_->counters().completions - before, 1U);
}

TEST_F(RingTurn, AFullSubmissionQueueHandsItselfOver) {
    make_ring({.submission_entries = 4, .completion_entries = 64});
    const Pair pair = connect_pair();
    std::vector<Recorder> sent(32);
    for (Recorder& recorder : sent) {
        ring_->send(pair.near, "x", 1, recorder.op);
    }
    EXPECT_TRUE(run_until([&] { return sent.back().ended(); }));
    for (const Recorder& recorder : sent) {
        EXPECT_EQ(recorder.last_result(), 1);
    }
}

TEST_F(RingTurn, AFullCompletionQueueLosesNothing) {
    make_ring({.submission_entries = 4, .completion_entries = 4});
    const Pair pair = connect_pair();
    std::vector<Recorder> sent(64);
    for (Recorder& recorder : sent) {
        ring_->send(pair.near, "x", 1, recorder.op);
    }
    EXPECT_TRUE(run_until([&] {
        size_t ended = 0;
        for (const Recorder& recorder : sent) {
            ended += recorder.ended() ? 1 : 0;
        }
        return ended == sent.size();
    }));
}

// --- Listening and connecting.

TEST_F(RingTurn, AcceptGoesOnUntilItIsCancelled) {
    const int listener = ring_->open_listener(net::Address::loopback(0), {}, true).value();
    const net::Address address = ring_->local_address(listener);
    EXPECT_NE(address.port(), 0);
    Recorder accept;
    ring_->accept_multishot(listener, accept.op);
    std::vector<int> clients;
    for (size_t i = 0; i < 3; ++i) {
        clients.push_back(ring_->open_stream_socket(address, {}).value());
        Recorder connect;
        ring_->connect(clients.back(), address, connect.op);
        ASSERT_TRUE(run_until([&] { return connect.ended() && accept.seen.size() == i + 1; }));
        EXPECT_EQ(connect.last_result(), 0);
        EXPECT_NE(accept.seen[i].flags & net::kCompletionMore, 0U);
        EXPECT_EQ(ring_->peer_address(accept.seen[i].result), ring_->local_address(clients.back()));
        EXPECT_EQ(ring_->peer_address(clients.back()), address);
    }
    ring_->cancel(accept.op);
    ASSERT_TRUE(run_until([&] { return accept.ended(); }));
    EXPECT_EQ(accept.last_result(), -ECANCELED);
    for (size_t i = 0; i < 3; ++i) {
        ring_->close(accept.seen[i].result);
        ring_->close(clients[i]);
    }
    ring_->close(listener);
    submit();
}

TEST_F(RingTurn, SeveralListenersShareAnAddressOnlyWhenTheyAskForIt) {
    const int first = ring_->open_listener(net::Address::loopback(0), {}, true).value();
    const net::Address address = ring_->local_address(first);
    const int second = ring_->open_listener(address, {}, true).value();
    const auto third = ring_->open_listener(address, {}, false);
    ASSERT_FALSE(third.has_value());
    EXPECT_EQ(third.error().os_errno, EADDRINUSE);
    ring_->close(first);
    ring_->close(second);
    submit();
}

TEST_F(RingTurn, NobodyListeningIsARefusal) {
    const int listener = ring_->open_listener(net::Address::loopback(0), {}, false).value();
    const net::Address address = ring_->local_address(listener);
    ring_->close(listener);
    submit();
    const int client = ring_->open_stream_socket(address, {}).value();
    Recorder connect;
    ring_->connect(client, address, connect.op);
    ASSERT_TRUE(run_until([&] { return connect.ended(); }));
    EXPECT_EQ(connect.last_result(), -ECONNREFUSED);
    EXPECT_FALSE(ring_->peer_address(client).is_set());
    ring_->close(client);
    submit();
}

TEST_F(RingTurn, AListenerThatClosesResetsWhoWasNotAccepted) {
    const int listener = ring_->open_listener(net::Address::loopback(0), {}, false).value();
    const net::Address address = ring_->local_address(listener);
    const int client = ring_->open_stream_socket(address, {}).value();
    Recorder connect;
    ring_->connect(client, address, connect.op);
    ASSERT_TRUE(run_until([&] { return connect.ended(); }));
    EXPECT_EQ(connect.last_result(), 0);
    Recorder hangup;
    ring_->poll(client, 0, hangup.op);
    ring_->close(listener);
    ASSERT_TRUE(run_until([&] { return hangup.ended(); }));
    ring_->close(client);
    submit();
}

}  // namespace

}  // namespace sluice::contract
