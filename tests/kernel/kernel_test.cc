// Behaviours that only the running kernel can show: threads, inherited options, descriptor reuse.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "kernel/ring_contract.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"

namespace sluice::contract {

namespace {

class RingKernel : public RingTest {};

int option_of(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

TEST_F(RingKernel, WakesARingOnAnotherThread) {
    struct Sleeper {
        Recorder woken;
        net::Ring* ring = nullptr;
        std::atomic<bool> ready = false;
    };
    Sleeper sleeper;
    std::thread thread([&sleeper] {
        const std::unique_ptr<net::Ring> ring = std::move(net::Ring::create({}).value());
        sleeper.ring = ring.get();
        sleeper.ready.store(true, std::memory_order_release);
        sleeper.ready.notify_one();
        const Instant end = ring->now() + kPatience;
        while (sleeper.woken.seen.empty() && ring->now() < end) {
            ring->submit({1, kPatience, {}});
            handle_completions(*ring);
        }
    });
    sleeper.ready.wait(false, std::memory_order_acquire);
    const uint64_t before = ring_->counters().completions;
    ring_->wake(*sleeper.ring, sleeper.woken.op);
    submit();
    thread.join();
    ASSERT_EQ(sleeper.woken.seen.size(), 1U);
    EXPECT_EQ(sleeper.woken.seen[0].result, 0);
    EXPECT_NE(sleeper.woken.seen[0].flags & net::kCompletionWake, 0U);
    EXPECT_EQ(sleeper.woken.op.pending, 0U);
    EXPECT_EQ(ring_->counters().completions, before);
}

// The other ring is on its own thread and has a table of its own.
TEST_F(RingKernel, HandsAConnectionOverToARingOnAnotherThread) {
    for (const uint32_t own_max : {0U, 8U}) {
        make_ring({.own_descriptors_max = own_max});
        const Pair pair = connect_pair();
        struct Receiver {
            Recorder handed_over;
            Recorder sent;
            net::Ring* ring = nullptr;
            std::atomic<bool> ready = false;
        };
        Receiver receiver;
        std::thread thread([&receiver, own_max] {
            const std::unique_ptr<net::Ring> ring =
                std::move(net::Ring::create({.own_descriptors_max = own_max}).value());
            receiver.ring = ring.get();
            receiver.ready.store(true, std::memory_order_release);
            receiver.ready.notify_one();
            const Instant end = ring->now() + kPatience;
            while (!receiver.sent.ended() && ring->now() < end) {
                ring->submit({1, kPatience, {}});
                handle_completions(*ring);
                if (!receiver.handed_over.seen.empty() && receiver.sent.op.pending == 0 &&
                    receiver.sent.seen.empty()) {
                    const int fd = ring->accepted(receiver.handed_over.seen.front().result);
                    ring->send(fd, "from there", 10, receiver.sent.op);
                    ring->submit({1, kPatience, {}});
                    handle_completions(*ring);
                    ring->close(fd);
                    ring->submit({});
                }
            }
        });
        receiver.ready.wait(false, std::memory_order_acquire);
        forget(pair.far);
        ring_->send_descriptor(*receiver.ring, pair.far, receiver.handed_over.op);
        submit();
        std::string text(10, '\0');
        Recorder read;
        ring_->read(pair.near, text.data(), text.size(), read.op);
        EXPECT_TRUE(run_until([&] { return read.ended(); }));
        thread.join();
        EXPECT_EQ(text, "from there");
        close(pair.near);
    }
}

TEST_F(RingKernel, ConnectionsInheritTheOptionsOfTheirListener) {
    const net::SocketOptions options{.receive_buffer_bytes = 32768, .keep_alive_probe_s = 77};
    const Pair pair = connect_pair({}, options);
    EXPECT_EQ(option_of(pair.far, SOL_SOCKET, SO_RCVBUF), 2 * 32768);  // The kernel doubles it.
    EXPECT_EQ(option_of(pair.far, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option_of(pair.far, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(pair.far, IPPROTO_TCP, TCP_KEEPIDLE), 77);
}

// A shut down and a close of one submission must not touch the next owner of the same number.
TEST_F(RingKernel, AShutdownNeverHitsTheNextOwnerOfADescriptor) {
    constexpr int kRounds = 2000;
    int hit = 0;
    for (int i = 0; i < kRounds && hit == 0; ++i) {
        const int old = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ring_->shutdown(old);
        ring_->close(old);
        submit();
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        const bool reused = ends[0] == old || ends[1] == old;
        if (reused) {
            submit();
            for (int k = 0; k < 50 && hit == 0; ++k) {
                char byte = 0;
                const ssize_t got = ::recv(ends[0], &byte, 1, MSG_DONTWAIT);
                const ssize_t other = ::recv(ends[1], &byte, 1, MSG_DONTWAIT);
                hit += got == 0 || other == 0 ? 1 : 0;
                submit();
            }
        }
        ring_->close(ends[0]);
        ring_->close(ends[1]);
        submit();
    }
    EXPECT_EQ(hit, 0);
}

}  // namespace

}  // namespace sluice::contract
