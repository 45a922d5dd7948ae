// One TCP stream against a scripted peer: reading, back-pressure, and every way to end.
#include "net/tcp_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/signal.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/op.h"
#include "net/options.h"
#include "sim_fixture.h"

namespace sluice::net {

namespace {

class TcpStreamTest : public SimTest {
protected:
    void SetUp() override { make_proactor({}); }
    void TearDown() override {
        stream_.reset();
        if (proactor_ != nullptr) {
            EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }));
        }
        SimTest::TearDown();
    }

    // A stream and the actor's end of its connection.
    std::pair<StreamPtr, sim::Socket*> connect() {
        sim::Socket* far = nullptr;
        sim::Socket& listener =
            world_.network().actor_listen(at_, [&](sim::Socket& accepted) { far = &accepted; });
        const int fd = proactor_->ring().open_stream_socket(at_, options_).value();
        struct Connected {
            Op op{[](Op&, int32_t, uint32_t) {}, nullptr};
        } connected;
        proactor_->ring().connect(fd, at_, connected.op);
        EXPECT_TRUE(run_until([&] { return far != nullptr && connected.op.pending == 0; }));
        world_.network().stop_listening(listener);
        return {TcpStream::adopt(*proactor_, fd, options_, ErrorSource::upstream), far};
    }
    void open() { std::tie(stream_, far_) = connect(); }
    size_t far_sends(const std::string& text) { return world_.network().write(*far_, text); }
    std::string far_reads() { return world_.network().read(*far_, SIZE_MAX); }
    bool far_reads_until(const std::string& expected) {
        std::string text;
        return run_until([&] {
            text += far_reads();
            return text == expected;
        });
    }
    void end(CloseMode mode) { close(std::move(stream_), mode); }
    bool is_gone() {
        return run_until([&] { return proactor_->objects() == 0; });
    }

    const Address at_ = Address::loopback(7000);
    SocketOptions options_;
    StreamPtr stream_;
    sim::Socket* far_ = nullptr;
};

TEST_F(TcpStreamTest, ReadsAndWrites) {
    open();
    far_sends("question");
    ASSERT_TRUE(run_until([&] { return stream_->received().to_string() == "question"; }));
    stream_->consume(5);
    EXPECT_EQ(stream_->received().to_string(), "ion");
    stream_->write(Slice::copy_of("an"));
    stream_->write(Slice::unowned("swer"));
    EXPECT_EQ(stream_->unsent_bytes(), 6U);
    EXPECT_TRUE(far_reads_until("answer"));
    EXPECT_EQ(stream_->unsent_bytes(), 0U);
    EXPECT_EQ(stream_->sent_bytes_total(), 6U);
    EXPECT_EQ(stream_->acknowledged_bytes(), 6U);
}

TEST_F(TcpStreamTest, WhatIsWrittenInATurnLeavesInOneSend) {
    open();
    proactor_->turn(Duration());
    const uint64_t before = proactor_->ring().counters().submissions;
    for (int i = 0; i < 10; ++i) {
        stream_->write(Slice::copy_of("part"));
    }
    run_for(Duration::milliseconds(10));
    EXPECT_EQ(proactor_->ring().counters().submissions, before + 1);
}

TEST_F(TcpStreamTest, AReaderThatTakesNothingStopsThePeer) {
    open();
    const std::string much(1 << 20U, 'x');
    size_t sent = 0;
    const auto push = [&] {
        sent += far_sends(much.substr(0, much.size() - sent));
        return false;
    };
    run_until(push, Duration::seconds(5));
    const uint32_t queues = far_->send_capacity + far_->other->receive_capacity;
    EXPECT_LT(sent, queues + options_.queue_high_bytes + far_->other->receive_capacity + 1);
    const size_t held = stream_->received().size_bytes();
    EXPECT_GE(held, options_.queue_high_bytes);
    size_t taken = 0;
    ASSERT_TRUE(run_until([&] {
        push();
        taken += stream_->received().size_bytes();
        stream_->consume(stream_->received().size_bytes());
        return taken == much.size();
    }));
}

TEST_F(TcpStreamTest, APeerThatReadsNothingCongestsTheStream) {
    open();
    coro::Signal signal(proactor_->ready());
    stream_->set_signal(&signal);
    for (int i = 0; i < 1000 && !stream_->is_congested(); ++i) {
        stream_->write(Slice::copy_of(std::string(10'000, 'y')));
        run_for(Duration::milliseconds(10));  // Time enough for whatever can leave.
    }
    const size_t total = stream_->sent_bytes_total() + stream_->unsent_bytes();
    run_for(Duration::seconds(5));
    EXPECT_TRUE(stream_->is_congested());
    size_t got = 0;
    ASSERT_TRUE(run_until([&] {
        got += far_reads().size();
        return got == total;
    }));
    EXPECT_FALSE(stream_->is_congested());
    stream_->set_signal(nullptr);
}

TEST_F(TcpStreamTest, OnlyWhatASlowPeerWaitsForIsCopied) {
    open();
    const auto write = [&](size_t count) {
        stream_->write(Slice::copy_of(std::string(count, 'z')));
        run_for(Duration::milliseconds(10));
    };
    write(100);
    EXPECT_EQ(far_reads().size(), 100U);
    EXPECT_EQ(proactor_->counters().copied_bytes, 0U);
    write(far_->other->send_capacity + far_->receive_capacity + 1);  // This one does not end.
    EXPECT_EQ(proactor_->counters().copied_bytes, 0U);
    write(50);
    EXPECT_EQ(proactor_->counters().copied_bytes, 50U);
}

TEST_F(TcpStreamTest, TheEndOfThePeersDirectionIsNoFailure) {
    open();
    far_sends("last");
    world_.network().shutdown_send(*far_);
    ASSERT_TRUE(run_until([&] { return stream_->read_ended(); }));
    EXPECT_FALSE(stream_->failed());
    EXPECT_EQ(stream_->received().to_string(), "last");
    stream_->write(Slice::copy_of("still answering"));
    EXPECT_TRUE(far_reads_until("still answering"));
}

TEST_F(TcpStreamTest, AResetIsAFailure) {
    open();
    far_sends("x");
    world_.network().reset(*far_);
    ASSERT_TRUE(run_until([&] { return stream_->failed(); }));
    EXPECT_EQ(stream_->error().kind, ErrorKind::reset);
    EXPECT_EQ(stream_->error().source, ErrorSource::upstream);
    EXPECT_EQ(stream_->received().to_string(), "x");
}

TEST_F(TcpStreamTest, AHalfClosedPeerThatGoesAwayIsNoticed) {
    open();
    world_.network().shutdown_send(*far_);
    ASSERT_TRUE(run_until([&] { return stream_->read_ended(); }));
    stream_->watch_for_hangup();
    run_for(Duration::seconds(5));
    EXPECT_FALSE(stream_->failed());  // A half close alone is none.
    world_.network().reset(*far_);
    ASSERT_TRUE(run_until([&] { return stream_->failed(); }, Duration::seconds(1)));
    EXPECT_EQ(stream_->error().kind, ErrorKind::reset);
}

TEST_F(TcpStreamTest, AGracefulEndSendsEverythingFirst) {
    open();
    const std::string text(600'000, 'z');
    stream_->write(Slice::copy_of(text));
    end(CloseMode::graceful);
    EXPECT_TRUE(far_reads_until(text));
    ASSERT_TRUE(run_until([&] { return far_->fin_received; }));
    EXPECT_EQ(far_->error, 0);
    EXPECT_TRUE(is_gone());
}

TEST_F(TcpStreamTest, AGracefulEndIsBoundedInTime) {
    open();
    stream_->write(Slice::copy_of(std::string(2'000'000, 'z')));
    end(CloseMode::graceful);
    EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }, Duration::seconds(32)));
}

TEST_F(TcpStreamTest, AResetIsSeenAsOne) {
    open();
    run_for(Duration::milliseconds(1));
    end(CloseMode::reset);
    ASSERT_TRUE(run_until([&] { return far_->is_over(); }));
    EXPECT_EQ(far_->error, ECONNRESET);
    EXPECT_FALSE(far_->fin_received);
    EXPECT_TRUE(is_gone());
}

TEST_F(TcpStreamTest, AnAbortWhileSendingEndsAtOnce) {
    open();
    stream_->write(Slice::copy_of(std::string(2'000'000, 'z')));
    run_for(Duration::milliseconds(10));
    stream_.reset();
    EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }, Duration::seconds(1)));
}

TEST_F(TcpStreamTest, ALingeringEndReadsOnUntilThePeerHasTheAnswer) {
    open();
    const std::string upload(100'000, 'u');
    size_t sent = far_sends(upload);
    run_for(Duration::milliseconds(10));
    stream_->write(Slice::copy_of("refused"));
    end(CloseMode::linger);
    EXPECT_TRUE(far_reads_until("refused"));
    ASSERT_TRUE(run_until([&] { return far_->fin_received; }));
    sent += far_sends(upload);
    run_for(Duration::milliseconds(100));
    EXPECT_FALSE(far_->is_over());  // No reset came.
    world_.network().shutdown_send(*far_);
    EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }, Duration::seconds(1)));
    EXPECT_FALSE(far_->is_over());
    EXPECT_EQ(sent, 2 * upload.size());
}

TEST_F(TcpStreamTest, LingeringIsBoundedInTime) {
    open();
    end(CloseMode::linger);
    EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }, Duration::seconds(3)));
}

// The receive may end with the very bytes that pass the limit.
TEST_F(TcpStreamTest, LingeringIsBoundedInBytesHoweverTheReceiveEnds) {
    for (const double multishot_ends : {0.0, 0.5, 1.0}) {
        world_.profile().multishot_ends = multishot_ends;
        open();
        end(CloseMode::linger);
        size_t sent = 0;
        const std::string flood(100'000, 'f');
        EXPECT_TRUE(run_until(
            [&] {
                sent += far_sends(flood);
                return proactor_->objects() == 0;
            },
            Duration::seconds(2)));
        EXPECT_LT(sent, 6'000'000U);
        EXPECT_GT(sent, 4'000'000U);
    }
}

// Streams whose readers take nothing hold no block that others need.
TEST(TcpStreamBlocks, AFewStuckReadersDoNotStarveTheOthers) {
    class Fixture : public TcpStreamTest {
    public:
        void TestBody() override {}
        void run() {
            ProactorOptions options;
            options.buffers = {.block_bytes = 64, .blocks_max = 4, .window_blocks = 4};
            make_proactor(options);
            std::deque<std::pair<StreamPtr, sim::Socket*>> streams;
            for (int i = 0; i < 100; ++i) {
                streams.push_back(connect());
                world_.network().write(*streams.back().second, "hello");
            }
            const auto got_all = [&] {
                return std::ranges::all_of(streams, [](const auto& each) {
                    return each.first->received().to_string() == "hello";
                });
            };
            EXPECT_TRUE(run_until(got_all, Duration::seconds(10)));
            // And the same for what waits to be sent to peers that do not read.
            for (auto& [stream, far] : streams) {
                SliceQueue bytes;
                stream->take(5, bytes);
                stream->write(std::move(bytes));
                world_.network().write(*far, "again");
            }
            const auto got_more = [&] {
                return std::ranges::all_of(streams, [](const auto& each) {
                    return each.first->received().to_string() == "again";
                });
            };
            EXPECT_TRUE(run_until(got_more, Duration::seconds(10)));
            streams.clear();
            TearDown();
        }
    };
    Fixture().run();
}

}  // namespace

}  // namespace sluice::net
