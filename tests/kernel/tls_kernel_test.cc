// TLS over loopback and the real ring: bulk, shards that share a context, reload under load, and
// what an idle connection costs.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>

#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_session_cache.h"
#include "net/tls_stream.h"
#include "net/tls_ticket_keys.h"
#include "support/tls_authority.h"
#include "support/tls_shard.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define SLUICE_TEST_ASAN 1
#endif
#endif

namespace sluice::net {
namespace {

constexpr Duration kTurnMax = Duration::milliseconds(20);
constexpr Duration kPatience = Duration::seconds(60);
constexpr TlsServerPeer kPeer = {"api.test"};

class TlsKernelTest : public testing::Test {
protected:
    TlsServerOptions server_options() {
        TlsServerOptions options;
        TlsLeaf leaf;
        leaf.names = {"DNS:api.test", "IP:127.0.0.1"};
        options.certificates.push_back(
            write_identity(folder_, "server" + std::to_string(files_++), authority_.issue(leaf)));
        return options;
    }
    TlsContext server(const TlsServerOptions& options) {
        const TlsContextResult made =
            TlsContext::make_server(options, keys_, clock_s_ * 1'000'000'000);
        EXPECT_TRUE(made.ok()) << made.error;
        return made.context;
    }
    TlsContext client() {
        TlsClientOptions options;
        options.ca_file = folder_.write("ca.pem", authority_.certificate());
        const TlsContextResult made =
            TlsContext::make_client(options, stores_, clock_s_ * 1'000'000'000);
        EXPECT_TRUE(made.ok()) << made.error;
        return made.context;
    }
    static std::unique_ptr<TlsShard> make_shard() {
        return std::make_unique<TlsShard>(1, ProactorOptions{}, SocketOptions{});
    }
    template <class Condition>
    static bool run_until(TlsShard& shard, Condition condition) {
        Proactor& proactor = shard.proactor();
        const Instant end = proactor.ring().now() + kPatience;
        while (!condition()) {
            if (proactor.ring().now() > end) {
                return false;
            }
            proactor.turn(kTurnMax);
        }
        return true;
    }
    static void wind_down(TlsShard& shard) {
        shard.stop();
        EXPECT_TRUE(run_until(shard, [&] { return shard.is_idle(); }));
        EXPECT_EQ(shard.blocks().in_use(), 0U);
    }

    const int64_t clock_s_ = std::time(nullptr);
    TlsFolder folder_;
    TlsAuthority authority_{"Test Root", clock_s_};
    std::shared_ptr<TlsTicketKeys> keys_ = std::make_shared<TlsTicketKeys>();
    TlsTrustStores stores_;
    int files_ = 0;
};

TEST_F(TlsKernelTest, TenMegabytesComeBack) {
    auto shard = make_shard();
    shard->listen(Address::loopback(0), server(server_options()));
    const std::string text = tls_pattern(size_t{10} * 1024 * 1024);
    Outcome outcome;
    // By address: no server name is sent, and the certificate is verified for the address.
    shard->scope().spawn(
        TlsShard::talk(*shard, shard->address(), client(), {"127.0.0.1"}, text, outcome));
    EXPECT_TRUE(run_until(*shard, [&] { return outcome.ended; }));
    EXPECT_FALSE(outcome.failed) << outcome.error.where;
    EXPECT_TRUE(outcome.received == text);
    wind_down(*shard);
    ASSERT_EQ(shard->served().size(), 1U);
    EXPECT_FALSE(shard->served().front()->without_notice);
}

// Two shards with listeners on one port serve while the certificate is replaced and the ticket
// keys rotate: no handshake fails, and sessions are resumed whichever shard gave them.
class RotationTest : public TlsKernelTest {
protected:
    static constexpr size_t kShards = 2;

    void serve(size_t index, const Address& at) {
        const std::unique_ptr<TlsShard> shard = make_shard();
        shard->listen(at, current_context());
        started_.fetch_add(1);
        while (!stopping_.load()) {
            // What a shard does when it takes up a new snapshot.
            shard->set_context(current_context());
            shard->proactor().turn(kTurnMax);
        }
        wind_down(*shard);
        served_[index] = shard->served().size();
    }
    void join_all() {
        stopping_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }
    void TearDown() override { join_all(); }
    TlsContext current_context() {
        const std::scoped_lock lock(mutex_);
        return context_;
    }
    void replace_context(TlsContext context) {
        const std::scoped_lock lock(mutex_);
        context_ = std::move(context);
    }

    std::mutex mutex_;
    TlsContext context_;
    std::atomic<size_t> started_ = 0;
    std::atomic<bool> stopping_ = false;
    std::array<size_t, kShards> served_ = {};
    std::vector<std::thread> threads_;
};

TEST_F(RotationTest, NoHandshakeFailsWhileEverythingIsReplaced) {
    constexpr int kConnections = 300;
    constexpr int kReplaceEvery = 20;
    auto shard = make_shard();
    // Reserves a port that all shards share.
    const TlsServerOptions first = server_options();
    replace_context(server(first));
    shard->listen(Address::loopback(0), current_context());
    const Address at = shard->address();
    for (size_t i = 0; i < kShards; ++i) {
        threads_.emplace_back([this, i, at] { serve(i, at); });
    }
    while (started_.load() < kShards) {
        std::this_thread::yield();
    }
    shard->stop();
    EXPECT_TRUE(run_until(*shard, [&] { return shard->is_idle(); }));
    // The closing of the listener must reach the kernel, or it would take the first connection.
    shard->proactor().turn({});
    TlsSessionCache sessions;
    const TlsContext client_context = client();
    int resumed = 0;
    for (int i = 0; i < kConnections; ++i) {
        if (i % kReplaceEvery == kReplaceEvery - 1) {
            // Every other time a new certificate, otherwise the same files read again.
            replace_context(server(i / kReplaceEvery % 2 == 0 ? first : server_options()));
            keys_->current(shard->proactor().now() + TlsTicketKeys::kRotationInterval * (1 + i));
        }
        Outcome outcome;
        shard->scope().spawn(TlsShard::talk(*shard, at, client_context, {"api.test", &sessions},
                                            "a request", outcome));
        ASSERT_TRUE(run_until(*shard, [&] { return outcome.ended; }));
        ASSERT_FALSE(outcome.failed) << i << ": " << outcome.error.where;
        ASSERT_EQ(outcome.received, "a request");
        resumed += outcome.resumed ? 1 : 0;
    }
    EXPECT_TRUE(run_until(*shard, [&] { return shard->is_idle(); }));
    join_all();
    EXPECT_EQ(served_[0] + served_[1], static_cast<size_t>(kConnections));
    // All but those right after a replacement.
    EXPECT_GT(resumed, kConnections * 8 / 10);
}

// Bytes that the program holds from the general allocator.
size_t held_bytes() {
#if defined(SLUICE_TEST_ASAN)
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

// Keeps a connection open, idle, until told; both of its ends are in this process.
coro::Task<void> hold(TlsShard& shard,
                      const TlsContext& context,
                      uint32_t& idle,
                      coro::Signal& release_one) {
    coro::Signal signal(shard.proactor().ready());
    TlsStream::Ptr stream = co_await shard.dial(shard.address(), context, kPeer, signal);
    stream->set_signal(&signal);
    stream->write(Slice::unowned("hello"));
    while (stream->received().empty() && !stream->failed()) {
        co_await signal.wait();
    }
    stream->consume(stream->received().size_bytes());
    stream->set_signal(nullptr);
    ++idle;
    co_await release_one.wait();
    close(std::move(stream), CloseMode::graceful);
}

TEST_F(TlsKernelTest, AnIdleConnectionIsSmall) {
    constexpr uint32_t kConnections = 200;
    constexpr size_t kBytesMax = size_t{24} * 1024;  // Promise 10.
    auto shard = make_shard();
    shard->listen(Address::loopback(0), server(server_options()));
    const TlsContext client_context = client();
    uint32_t idle = 0;
    std::vector<std::unique_ptr<coro::Signal>> releases;
    const auto open = [&](uint32_t count) {
        for (uint32_t i = 0; i < count; ++i) {
            releases.push_back(std::make_unique<coro::Signal>(shard->proactor().ready()));
            shard->scope().spawn(hold(*shard, client_context, idle, *releases.back()));
        }
        EXPECT_TRUE(run_until(*shard, [&] { return idle == releases.size(); }));
    };
    open(10);  // What is made once.
    shard->blocks().trim();
    const size_t before = held_bytes();
    open(kConnections);
    shard->blocks().trim();
    const size_t both_ends = (held_bytes() - before) / kConnections;
    std::printf("memory of an idle TLS connection, both ends: %zu bytes\n", both_ends);
    RecordProperty("both_ends_bytes", static_cast<int>(both_ends));
    EXPECT_LT(both_ends, 2 * kBytesMax);
    for (const auto& release : releases) {
        release->raise();
    }
    wind_down(*shard);
}

}  // namespace
}  // namespace sluice::net
