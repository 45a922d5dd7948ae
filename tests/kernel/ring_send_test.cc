// What src/net relies on when it sends and when it ends a connection.
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/uio.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "kernel/ring_contract.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"

namespace sluice::contract {

namespace {

constexpr size_t kMoreThanQueues = size_t{8} << 20U;

class RingSend : public RingTest {
protected:
    void SetUp() override {
        RingTest::SetUp();
        make_buffers(16, 65536);
        for (uint16_t id = 0; id < 16; ++id) {
            provide(id);
        }
    }
    // Receives on `fd` and hands buffers back until `condition`.
    template <class Condition>
    bool drain_until(int fd, Condition condition) {
        Recorder receive;
        size_t taken = 0;
        ring_->receive_multishot(fd, kGroup, receive.op);
        const bool done = run_until([&] {
            for (; taken < receive.seen.size(); ++taken) {
                const Recorder::Seen& seen = receive.seen[taken];
                if (seen.result > 0 && (seen.flags & net::kCompletionBufferMore) == 0) {
                    provide(static_cast<uint16_t>(seen.flags >> net::kCompletionBufferShift));
                }
                drained_ += seen.result > 0 ? static_cast<size_t>(seen.result) : 0;
            }
            const bool stop = condition();
            if (receive.op.pending == 0 && !stop) {
                ring_->receive_multishot(fd, kGroup, receive.op);
            }
            return stop;
        });
        if (receive.op.pending > 0) {
            ring_->cancel(receive.op);
            EXPECT_TRUE(run_until([&] { return receive.op.pending == 0; }));
        }
        return done;
    }

    size_t drained_ = 0;
    const net::SocketOptions small_{.receive_buffer_bytes = 16384, .send_buffer_bytes = 16384};
};

TEST_F(RingSend, WaitsForAFullSocketAndThenSendsEverything) {
    const Pair pair = connect_pair(small_, small_);
    const std::string big(kMoreThanQueues, 'b');
    Recorder sent;
    ring_->send(pair.near, big.data(), big.size(), sent.op);
    run_for(Duration::milliseconds(50));
    EXPECT_TRUE(sent.seen.empty());
    ASSERT_TRUE(drain_until(pair.far, [&] { return drained_ == big.size() && sent.ended(); }));
    EXPECT_EQ(sent.last_result(), static_cast<int32_t>(big.size()));
}

TEST_F(RingSend, SendsAVectorWhole) {
    const Pair pair = connect_pair(small_, small_);
    const std::string part(kMoreThanQueues / 4, 'v');
    std::array<iovec, 4> parts;
    for (iovec& entry : parts) {
        entry = {const_cast<char*>(part.data()), part.size()};
    }
    Recorder sent;
    ring_->send_vector(pair.near, parts, sent.op);
    submit();
    parts = {};  // The ring has copied the array.
    ASSERT_TRUE(drain_until(pair.far, [&] { return sent.ended(); }));
    EXPECT_EQ(sent.last_result(), static_cast<int32_t>(kMoreThanQueues));
}

TEST_F(RingSend, ACancelledSendTellsWhatItHadSent) {
    const Pair pair = connect_pair(small_, small_);
    const std::string big(kMoreThanQueues, 'b');
    Recorder sent;
    ring_->send(pair.near, big.data(), big.size(), sent.op);
    run_for(Duration::milliseconds(50));
    ring_->cancel(sent.op);
    ASSERT_TRUE(run_until([&] { return sent.ended(); }));
    EXPECT_GT(sent.last_result(), 0);
    EXPECT_LT(sent.last_result(), static_cast<int32_t>(big.size()));
}

TEST_F(RingSend, OwnShutdownEndsABlockedSend) {
    const Pair pair = connect_pair(small_, small_);
    const std::string big(kMoreThanQueues, 'b');
    Recorder sent;
    ring_->send(pair.near, big.data(), big.size(), sent.op);
    run_for(Duration::milliseconds(50));
    ring_->shutdown(pair.near);
    ASSERT_TRUE(run_until([&] { return sent.ended(); }));
    // What was taken before counts; the next send would say EPIPE.
    EXPECT_GT(sent.last_result(), 0);
    Recorder next;
    ring_->send(pair.near, big.data(), 10, next.op);
    ASSERT_TRUE(run_until([&] { return next.ended(); }));
    EXPECT_EQ(next.last_result(), -EPIPE);
}

TEST_F(RingSend, APeerThatResetsEndsABlockedSend) {
    const Pair pair = connect_pair(small_, small_);
    const std::string big(kMoreThanQueues, 'b');
    Recorder sent;
    ring_->send(pair.near, big.data(), big.size(), sent.op);
    run_for(Duration::milliseconds(50));
    close(pair.far);  // Unread bytes make it a reset.
    ASSERT_TRUE(run_until([&] { return sent.ended(); }));
    EXPECT_GT(sent.last_result(), 0);
    EXPECT_LT(sent.last_result(), static_cast<int32_t>(big.size()));
    Recorder next;
    ring_->send(pair.near, big.data(), 10, next.op);
    ASSERT_TRUE(run_until([&] { return next.ended(); }));
    EXPECT_TRUE(next.last_result() == -ECONNRESET || next.last_result() == -EPIPE)
        << next.last_result();
}

TEST_F(RingSend, AHalfClosedPeerStillReceives) {
    const Pair pair = connect_pair();
    ring_->shutdown_send(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
    send_all(pair.near, "answer");
    ASSERT_TRUE(drain_until(pair.far, [&] { return drained_ == 6; }));
}

TEST_F(RingSend, WritingToAClosedPeerLeadsToAnError) {
    const Pair pair = connect_pair();
    close(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
    send_all(pair.near, "too late");  // Taken by our own system; the answer is a reset.
    Recorder next;
    ASSERT_TRUE(run_until([&] {
        if (next.op.pending == 0 && (next.seen.empty() || next.last_result() > 0)) {
            ring_->send(pair.near, "x", 1, next.op);
        }
        return next.ended() && next.last_result() < 0;
    }));
    EXPECT_TRUE(next.last_result() == -EPIPE || next.last_result() == -ECONNRESET);
}

// --- Acknowledged bytes decide whether a request may be sent again.

TEST_F(RingSend, AcknowledgedBytesCountTheConnectionOnceForItsOpener) {
    const Pair pair = connect_pair();
    EXPECT_EQ(ring_->acknowledged_bytes(pair.near), 1U);
    send_all(pair.near, "0123456789");
    ASSERT_TRUE(run_until([&] { return ring_->acknowledged_bytes(pair.near) >= 11; }));
    EXPECT_EQ(ring_->acknowledged_bytes(pair.near), 11U);
    send_all(pair.far, "12345");
    ASSERT_TRUE(run_until([&] { return ring_->acknowledged_bytes(pair.far) >= 5; }));
    // The accepting side does not count the opening; nobody asks it.
    EXPECT_LE(ring_->acknowledged_bytes(pair.far), 6U);
}

TEST_F(RingSend, BytesIntoAClosedPeerAreNotAcknowledged) {
    const Pair pair = connect_pair();
    send_all(pair.near, "first");
    ASSERT_TRUE(drain_until(pair.far, [&] { return drained_ == 5; }));
    close(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    const uint64_t before = ring_->acknowledged_bytes(pair.near);
    EXPECT_EQ(before, 6U);
    Recorder hangup;
    ring_->poll(pair.near, 0, hangup.op);
    send_all(pair.near, "second request");
    ASSERT_TRUE(run_until([&] { return hangup.ended(); }));  // The reset has come.
    EXPECT_EQ(ring_->acknowledged_bytes(pair.near), before);
}

TEST_F(RingSend, BytesThatThePeerNeverReadAreAcknowledged) {
    const Pair pair = connect_pair();
    send_all(pair.near, "unread");
    ASSERT_TRUE(run_until([&] { return ring_->acknowledged_bytes(pair.near) == 7; }));
    Recorder hangup;
    ring_->poll(pair.near, 0, hangup.op);
    close(pair.far);
    ASSERT_TRUE(run_until([&] { return hangup.ended(); }));
    EXPECT_EQ(ring_->acknowledged_bytes(pair.near), 7U);
}

// --- Hang-up.

TEST_F(RingSend, WatchingForAHangupReportsAReset) {
    const Pair pair = connect_pair();
    Recorder hangup;
    ring_->watch_hangup(pair.near, hangup.op);
    send_all(pair.far, "bytes alone are no event");
    run_for(Duration::milliseconds(30));
    EXPECT_TRUE(hangup.seen.empty());
    ring_->reset_on_close(pair.far);
    close(pair.far);
    ASSERT_TRUE(run_until([&] { return !hangup.seen.empty(); }));
    EXPECT_NE(static_cast<uint32_t>(hangup.last_result()) & POLLHUP, 0U);
    EXPECT_NE(static_cast<uint32_t>(hangup.last_result()) & POLLERR, 0U);
    ring_->cancel(hangup.op);
    EXPECT_TRUE(run_until([&] { return hangup.op.pending == 0; }));
}

// A single poll cannot wait for a reset on a half-closed connection: it is always over at once.
TEST_F(RingSend, PollAlwaysWatchesForAHalfClose) {
    const Pair pair = connect_pair();
    Recorder hangup;
    ring_->poll(pair.near, 0, hangup.op);
    ring_->shutdown_send(pair.far);
    ASSERT_TRUE(run_until([&] { return hangup.ended(); }));
    EXPECT_EQ(static_cast<uint32_t>(hangup.last_result()), uint32_t{POLLRDHUP});
    Recorder again;
    ring_->poll(pair.near, 0, again.op);
    ASSERT_TRUE(run_until([&] { return again.ended(); }));
    EXPECT_EQ(static_cast<uint32_t>(again.last_result()), uint32_t{POLLRDHUP});
}

TEST_F(RingSend, WatchingForAHangupReportsTheHalfCloseOnceAndThenTheReset) {
    const Pair pair = connect_pair();
    ring_->shutdown_send(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    Recorder hangup;
    ring_->watch_hangup(pair.near, hangup.op);
    ASSERT_TRUE(run_until([&] { return !hangup.seen.empty(); }));
    EXPECT_EQ(static_cast<uint32_t>(hangup.last_result()), uint32_t{POLLRDHUP});
    send_all(pair.near, "an answer");
    run_for(Duration::milliseconds(30));
    EXPECT_EQ(hangup.seen.size(), 1U);
    close(pair.far);  // With the answer unread: a reset.
    ASSERT_TRUE(run_until([&] { return hangup.seen.size() == 2; }));
    EXPECT_NE(static_cast<uint32_t>(hangup.last_result()) & POLLHUP, 0U);
    EXPECT_NE(static_cast<uint32_t>(hangup.last_result()) & POLLERR, 0U);
    EXPECT_EQ(hangup.op.pending, 1U);
    ring_->cancel(hangup.op);
    ASSERT_TRUE(run_until([&] { return hangup.op.pending == 0; }));
    EXPECT_EQ(hangup.last_result(), -ECANCELED);
}

TEST_F(RingSend, PollReportsTheEndOfThePeersDirectionWhenAsked) {
    const Pair pair = connect_pair();
    Recorder ended;
    ring_->poll(pair.near, POLLRDHUP, ended.op);
    ring_->shutdown_send(pair.far);
    ASSERT_TRUE(run_until([&] { return ended.ended(); }));
    EXPECT_NE(static_cast<uint32_t>(ended.last_result()) & POLLRDHUP, 0U);
}

TEST_F(RingSend, ACancelledPollEnds) {
    const Pair pair = connect_pair();
    Recorder hangup;
    ring_->poll(pair.near, 0, hangup.op);
    submit();
    ring_->cancel(hangup.op);
    ASSERT_TRUE(run_until([&] { return hangup.ended(); }));
    EXPECT_EQ(hangup.last_result(), -ECANCELED);
}

}  // namespace

}  // namespace sluice::contract
