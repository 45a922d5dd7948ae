// What src/net relies on when it receives: multishot, provided buffers, the end of a stream.
#include <cerrno>
#include <cstdint>
#include <string>

#include <sys/socket.h>

#include "gtest/gtest.h"
#include "kernel/ring_contract.h"
#include "net/op.h"
#include "net/ring.h"

namespace sluice::contract {

namespace {

class RingReceive : public RingTest {};

TEST_F(RingReceive, DeliversUntilTheEndOfTheStream) {
    make_buffers(8, 4096);
    for (uint16_t id = 0; id < 8; ++id) {
        provide(id);
    }
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    send_all(pair.far, "one");
    ASSERT_TRUE(run_until([&] { return receive.seen.size() == 1; }));
    EXPECT_NE(receive.seen[0].flags & net::kCompletionMore, 0U);
    send_all(pair.far, "two");
    ASSERT_TRUE(run_until([&] { return receive.seen.size() == 2; }));
    ring_->shutdown_send(pair.far);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
    EXPECT_EQ(receive.seen.back().flags & net::kCompletionBuffer, 0U);
    EXPECT_EQ(received_text(receive), "onetwo");
}

// The kernel ends a multishot receive when the completion queue is full, with the bytes it has and
// without an error. The rest stays in the socket.
TEST_F(RingReceive, EndsWithoutErrorAndCanBeArmedAgain) {
    make_ring({.submission_entries = 4, .completion_entries = 4});
    constexpr uint32_t kBlockBytes = 64;
    make_buffers(64, kBlockBytes);
    for (uint16_t id = 0; id < 64; ++id) {
        provide(id);
    }
    const Pair pair = connect_pair();
    std::string text;
    for (uint32_t i = 0; i < 16 * kBlockBytes; ++i) {
        text += static_cast<char>('a' + i % 26);
    }
    send_all(pair.far, text);
    Recorder receive;
    std::string got;
    size_t taken = 0;
    unsigned ends = 0;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] {
        for (; taken < receive.seen.size(); ++taken) {
            EXPECT_GT(receive.seen[taken].result, 0);
            got += bytes_of(receive.seen[taken]);
        }
        if (receive.op.pending == 0) {
            ++ends;
            ring_->receive_multishot(pair.near, kGroup, receive.op);
        }
        return got.size() >= text.size();
    }));
    EXPECT_EQ(got, text);
    EXPECT_GE(ends, 1U);
    ring_->cancel(receive.op);
    EXPECT_TRUE(run_until([&] { return receive.op.pending == 0; }));
}

TEST_F(RingReceive, SmallMessagesShareAnIncrementalBuffer) {
    constexpr uint32_t kBlockBytes = 64;
    make_buffers(4, kBlockBytes);
    if (!ring_->features().incremental_buffers) {
        GTEST_SKIP() << "incremental buffers need Linux 6.12";
    }
    for (uint16_t id = 0; id < 4; ++id) {
        provide(id);
    }
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    for (size_t i = 0; i < 4; ++i) {
        send_all(pair.far, std::string(kBlockBytes / 4, static_cast<char>('a' + i)));
        ASSERT_TRUE(run_until([&] { return receive.seen.size() == i + 1; }));
        const uint32_t flags = receive.seen[i].flags;
        EXPECT_EQ(flags >> net::kCompletionBufferShift, 0U);
        EXPECT_EQ((flags & net::kCompletionBufferMore) != 0, i < 3) << i;
    }
    send_all(pair.far, "next");
    ASSERT_TRUE(run_until([&] { return receive.seen.size() == 5; }));
    EXPECT_EQ(receive.seen[4].flags >> net::kCompletionBufferShift, 1U);
    ring_->cancel(receive.op);
    EXPECT_TRUE(run_until([&] { return receive.ended(); }));
}

TEST_F(RingReceive, WholeBuffersAreUsedInTheOrderInWhichTheyWereProvided) {
    constexpr uint32_t kBlockBytes = 16;
    make_buffers(4, kBlockBytes);
    for (const uint16_t id : {uint16_t{2}, uint16_t{0}, uint16_t{3}}) {
        provide(id);
    }
    const Pair pair = connect_pair();
    send_all(pair.far, std::string(std::size_t{3} * kBlockBytes, 'x'));
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.seen.size() >= 3; }));
    EXPECT_EQ(receive.seen[0].flags >> net::kCompletionBufferShift, 2U);
    EXPECT_EQ(receive.seen[1].flags >> net::kCompletionBufferShift, 0U);
    EXPECT_EQ(receive.seen[2].flags >> net::kCompletionBufferShift, 3U);
    ring_->cancel(receive.op);
    EXPECT_TRUE(run_until([&] { return receive.ended(); }));
}

TEST_F(RingReceive, AnEmptyBufferRingEndsItWithNoBuffersAndItCanBeArmedAgain) {
    make_buffers(4, 64);
    const Pair pair = connect_pair();
    Recorder receive;
    send_all(pair.far, "waiting");
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), -ENOBUFS);
    EXPECT_EQ(receive.seen.back().flags & net::kCompletionBuffer, 0U);
    receive.seen.clear();
    provide(1);
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return !receive.seen.empty(); }));
    EXPECT_EQ(received_text(receive), "waiting");
    ring_->cancel(receive.op);
    EXPECT_TRUE(run_until([&] { return receive.op.pending == 0; }));
}

TEST_F(RingReceive, RunsOutOfBuffersInTheMiddleOfAStream) {
    make_buffers(2, 64);
    provide(0);
    provide(1);
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    send_all(pair.far, std::string(200, 'x'));
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), -ENOBUFS);
    EXPECT_EQ(received_text(receive).size(), 128U);
}

TEST_F(RingReceive, EndOfStreamNeedsNoBuffer) {
    make_buffers(2, 64);
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ring_->shutdown_send(pair.far);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    // Either is served by net/tcp_stream: no buffers joins the waiters and asks again.
    EXPECT_TRUE(receive.last_result() == 0 || receive.last_result() == -ENOBUFS)
        << receive.last_result();
}

TEST_F(RingReceive, CancelGivesTheFinalCompletion) {
    make_buffers(2, 64);
    provide(0);
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    submit();
    ring_->cancel(receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), -ECANCELED);
    EXPECT_EQ(receive.seen.size(), 1U);
}

TEST_F(RingReceive, CancelInTheSameSubmissionFindsTheOperation) {
    make_buffers(2, 64);
    provide(0);
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ring_->cancel(receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), -ECANCELED);
}

TEST_F(RingReceive, OwnShutdownEndsItWithZero) {
    make_buffers(2, 64);
    provide(0);
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    submit();
    ring_->shutdown(pair.near);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
}

TEST_F(RingReceive, BytesBeforeAResetAreStillDelivered) {
    make_buffers(2, 64);
    provide(0);
    provide(1);
    const Pair pair = connect_pair();
    send_all(pair.far, "last words");
    ring_->reset_on_close(pair.far);
    close(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), -ECONNRESET);
    EXPECT_EQ(received_text(receive), "last words");
}

TEST_F(RingReceive, AResetAfterTheEndOfTheStreamIsNotSeenByAReceive) {
    make_buffers(2, 64);
    provide(0);
    const Pair pair = connect_pair();
    ring_->shutdown_send(pair.far);
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
    ring_->reset_on_close(pair.far);
    close(pair.far);
    Recorder again;
    ring_->receive_multishot(pair.near, kGroup, again.op);
    ASSERT_TRUE(run_until([&] { return again.ended(); }));
    EXPECT_EQ(again.last_result(), 0);
}

TEST_F(RingReceive, ReadTakesWhatIsThere) {
    const Pair pair = connect_pair();
    send_all(pair.far, "plain");
    std::string into(16, '\0');
    Recorder read;
    ring_->read(pair.near, into.data(), into.size(), read.op);
    ASSERT_TRUE(run_until([&] { return read.ended(); }));
    EXPECT_EQ(read.last_result(), 5);
    EXPECT_EQ(into.substr(0, 5), "plain");
}

}  // namespace

}  // namespace sluice::contract
