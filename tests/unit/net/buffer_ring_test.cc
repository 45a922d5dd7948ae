// Blocks between kernel and slices; the kernel is the simulated one, which writes over every block
// that is handed back.
#include "net/buffer_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/slice.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/proactor.h"
#include "sim_fixture.h"

namespace sluice::net {

namespace {

// A receiver as simple as can be: keeps its slices until it is told to let go.
class Reader : private BufferRing::Waiter {
public:
    Reader(Proactor& proactor, int fd) : proactor_(proactor), op_(&on_receive, this), fd_(fd) {
        on_buffers = &again;
        arm();
    }
    ~Reader() { EXPECT_EQ(op_.pending, 0U); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    void keep(bool keep) {
        keeps_ = keep;
        if (!keep) {
            slices_.clear();
        }
    }
    void stop() {
        stopping_ = true;
        BufferRing::Waiter::unlink();
        if (op_.pending > 0) {
            proactor_.ring().cancel(op_);
        } else {
            close();
        }
    }
    bool is_closed() const { return closed_; }
    bool is_waiting() const { return BufferRing::Waiter::is_linked(); }
    const std::string& text() const { return text_; }
    unsigned waits() const { return waits_; }
    // What lies in the slices that it keeps.
    std::string kept() const {
        std::string text;
        for (const Slice& slice : slices_) {
            text += slice.view();
        }
        return text;
    }

private:
    void close() {
        proactor_.ring().close(fd_);
        closed_ = true;
    }
    void arm() { proactor_.ring().receive_multishot(fd_, proactor_.buffers().group(), op_); }
    static void again(BufferRing::Waiter& waiter) { static_cast<Reader&>(waiter).arm(); }
    static void on_receive(Op& op, int32_t result, uint32_t flags) {
        auto& reader = op.owner_as<Reader>();
        if ((flags & kCompletionBuffer) != 0) {
            Slice slice = reader.proactor_.buffers().take({&op, result, flags});
            reader.text_ += slice.view();
            if (reader.keeps_) {
                reader.slices_.push_back(std::move(slice));
            }
        }
        if (op.pending > 0) {
            return;
        }
        if (reader.stopping_) {
            reader.close();
        } else if (result == -ENOBUFS) {
            ++reader.waits_;
            reader.proactor_.buffers().wait_for_blocks(reader);
        } else if (result > 0) {
            reader.arm();
        }
    }

    Proactor& proactor_;
    Op op_;
    const int fd_;
    std::vector<Slice> slices_;
    std::string text_;
    unsigned waits_ = 0;
    bool keeps_ = true;
    bool stopping_ = false;
    bool closed_ = false;
};

class BufferRingTest : public SimTest {
protected:
    void make(uint32_t block_bytes, uint32_t blocks, uint32_t window) {
        ProactorOptions options;
        options.buffers = {
            .block_bytes = block_bytes, .blocks_max = blocks, .window_blocks = window};
        make_proactor(options);
    }
    BufferRing& ring() { return proactor_->buffers(); }
    // A connection whose far end is an actor.
    std::pair<std::unique_ptr<Reader>, sim::Socket*> connect() {
        sim::Socket* far = nullptr;
        sim::Socket& listener =
            world_.network().actor_listen(at_, [&](sim::Socket& accepted) { far = &accepted; });
        const int fd = proactor_->ring().open_stream_socket(at_, {}).value();
        struct Connected {
            Op op{[](Op&, int32_t, uint32_t) {}, nullptr};
        } connected;
        proactor_->ring().connect(fd, at_, connected.op);
        EXPECT_TRUE(run_until([&] { return far != nullptr && connected.op.pending == 0; }));
        world_.network().stop_listening(listener);
        return {std::make_unique<Reader>(*proactor_, fd), far};
    }
    void stop(Reader& reader) {
        reader.stop();
        EXPECT_TRUE(run_until([&] { return reader.is_closed(); }));
    }
    void send(sim::Socket* far, const std::string& text) {
        ASSERT_EQ(world_.network().write(*far, text), text.size());
    }

    const Address at_ = Address::loopback(7000);
};

TEST_F(BufferRingTest, PublishesItsWindowAndNoMore) {
    make(1024, 64, 8);
    EXPECT_EQ(ring().counters().published, 8U);
    EXPECT_EQ(ring().free_blocks(), 56U);
    EXPECT_EQ(ring().blocks_in_use(), 8U);
    EXPECT_FALSE(ring().is_short());
}

TEST_F(BufferRingTest, SmallMessagesShareABlockWhereTheKernelCanDoThat) {
    for (const bool incremental : {true, false}) {
        world_.profile().incremental_buffers = incremental;
        make(1024, 64, 8);
        auto [reader, far] = connect();
        std::string expected;
        for (int i = 0; i < 10; ++i) {
            send(far, "message" + std::to_string(i));
            expected += "message" + std::to_string(i);
            ASSERT_TRUE(run_until([&] { return reader->text() == expected; }));
        }
        EXPECT_EQ(ring().counters().published, incremental ? 8U : 18U);
        reader->keep(false);
        stop(*reader);
        EXPECT_EQ(ring().blocks_in_use(), 8U);
        TearDown();
    }
}

TEST_F(BufferRingTest, TheWindowGrowsWhenTheKernelRunsOutAndShrinksAgain) {
    make(64, 256, 2);
    auto [reader, far] = connect();
    send(far, std::string(size_t{64} * 100, 'x'));
    ASSERT_TRUE(run_until([&] { return reader->text().size() == 6400; }));
    EXPECT_GT(ring().counters().exhausted, 0U);
    reader->keep(false);
    run_for(Duration::seconds(2));
    const uint32_t grown = ring().blocks_in_use();
    EXPECT_GT(grown, 2U);
    // After many quiet turns it is halved; what the kernel already holds it keeps.
    for (int i = 0; i < 10'000; ++i) {
        proactor_->turn(Duration::milliseconds(1));
    }
    EXPECT_LE(ring().blocks_in_use(), grown);
    const uint64_t published = ring().counters().published;
    send(far, std::string(64, 'y'));
    ASSERT_TRUE(run_until([&] { return reader->text().size() == 6464; }));
    EXPECT_EQ(ring().counters().published, published);
    stop(*reader);
}

TEST_F(BufferRingTest, WhoFoundNoBlockIsCalledAtTheNextHandBackAndNotBefore) {
    make(64, 4, 4);
    auto [reader, far] = connect();
    send(far, std::string(size_t{64} * 6, 'x'));
    ASSERT_TRUE(run_until([&] { return reader->is_waiting(); }));
    EXPECT_EQ(reader->text().size(), 256U);
    const uint64_t submissions = proactor_->ring().counters().submissions;
    const unsigned waits = reader->waits();
    run_for(Duration::seconds(600));  // No timer tries again.
    EXPECT_EQ(reader->waits(), waits);
    EXPECT_EQ(proactor_->ring().counters().submissions, submissions);
    EXPECT_TRUE(reader->is_waiting());
    reader->keep(false);
    EXPECT_EQ(ring().free_blocks(), 4U);
    proactor_->turn(Duration());
    EXPECT_FALSE(reader->is_waiting());
    ASSERT_TRUE(run_until([&] { return reader->text().size() == 384; }, Duration::seconds(1)));
    stop(*reader);
}

TEST_F(BufferRingTest, FourBlocksServeAThousandReaders) {
    constexpr size_t kReaders = 1000;
    constexpr size_t kBytes = 500;
    make(64, 4, 4);
    world_.network().set_descriptor_limit(UINT32_MAX);
    std::deque<std::pair<std::unique_ptr<Reader>, sim::Socket*>> readers;
    for (size_t i = 0; i < kReaders; ++i) {
        readers.push_back(connect());
        readers.back().first->keep(false);
    }
    for (size_t i = 0; i < kReaders; ++i) {
        send(readers[i].second, std::string(kBytes, static_cast<char>('a' + i % 26)));
    }
    ASSERT_TRUE(run_until(
        [&] {
            return std::ranges::all_of(
                readers, [](const auto& each) { return each.first->text().size() == kBytes; });
        },
        Duration::seconds(20)));
    for (size_t i = 0; i < kReaders; ++i) {
        EXPECT_EQ(readers[i].first->text(), std::string(kBytes, static_cast<char>('a' + i % 26)));
        stop(*readers[i].first);
    }
}

TEST_F(BufferRingTest, TrimKeepsEverythingUsable) {
    make(4096, 16, 4);
    auto [reader, far] = connect();
    send(far, std::string(20'000, 'x'));
    ASSERT_TRUE(run_until([&] { return reader->text().size() == 20'000; }));
    reader->keep(false);
    ring().trim();
    send(far, std::string(20'000, 'y'));
    ASSERT_TRUE(run_until([&] { return reader->text().size() == 40'000; }));
    EXPECT_EQ(reader->text(), std::string(20'000, 'x') + std::string(20'000, 'y'));
    stop(*reader);
}

TEST_F(BufferRingTest, TrimSparesWhatSlicesLookAt) {
    for (const bool incremental : {true, false}) {
        world_.profile().incremental_buffers = incremental;
        make(4096, 16, 4);
        auto [reader, far] = connect();
        send(far, std::string(6'000, 'x'));
        ASSERT_TRUE(run_until([&] { return reader->text().size() == 6'000; }));
        ring().trim();
        EXPECT_EQ(reader->kept(), std::string(6'000, 'x'));
        reader->keep(false);
        stop(*reader);
        TearDown();
    }
}

TEST_F(BufferRingTest, ReceivesThatFailTogetherGrowTheWindowOnce) {
    make(64, 256, 2);
    std::deque<std::pair<std::unique_ptr<Reader>, sim::Socket*>> readers;
    for (int i = 0; i < 20; ++i) {
        readers.push_back(connect());
        readers.back().first->keep(false);
    }
    for (const auto& [reader, far] : readers) {
        send(far, std::string(128, 'x'));
    }
    ASSERT_TRUE(run_until([&] {
        return std::ranges::all_of(
            readers, [](const auto& each) { return each.first->text().size() == 128; });
    }));
    EXPECT_GT(ring().counters().exhausted, 8U);
    EXPECT_LE(ring().blocks_in_use(), 64U);  // Doubled for each, it would be all 256.
    for (const auto& [reader, far] : readers) {
        stop(*reader);
    }
}

TEST_F(BufferRingTest, TrimLeavesAloneWhatSharesAPageWithAFreeBlock) {
    make(512, 64, 1);
    auto [gone, far_of_gone] = connect();
    auto [stays, far_of_stays] = connect();
    gone->keep(true);
    stays->keep(true);
    send(far_of_gone, std::string(512, 'x'));
    ASSERT_TRUE(run_until([&] { return gone->text().size() == 512; }));
    send(far_of_stays, std::string(2048, 'y'));
    ASSERT_TRUE(run_until([&] { return stays->text().size() == 2048; }));
    gone->keep(false);
    ring().trim();
    EXPECT_EQ(stays->kept(), std::string(2048, 'y'));
    stays->keep(false);
    stop(*gone);
    stop(*stays);
}

TEST_F(BufferRingTest, ASliceThatIsLeftEndsTheProcess) {
    make(64, 4, 4);
    auto [reader, far] = connect();
    send(far, "x");
    ASSERT_TRUE(run_until([&, &r = reader] { return !r->text().empty(); }));
    stop(*reader);
    EXPECT_DEATH(proactor_.reset(), "assertion failed");
    reader->keep(false);
}

}  // namespace

}  // namespace sluice::net
