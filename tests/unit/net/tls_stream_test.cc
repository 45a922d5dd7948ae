// TLS streams over a simulated network: what is written arrives, whatever the network does.
#include "net/tls_stream.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/prng.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_session_cache.h"
#include "sim/actors.h"
#include "sim/sim.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"
#include "support/tls_shard.h"
#include "unit/net/tls_fixture.h"

namespace sluice::net {
namespace {

constexpr Duration kPatience = Duration::seconds(600);
constexpr TlsServerPeer kPeer = {"api.test"};

class TlsStreamTest : public TlsTest {
protected:
    // One world at a time.
    void make_world(uint64_t seed) {
        world_.reset();
        world_ = std::make_unique<sim::World>(seed);
    }
    void make_shard(const ProactorOptions& options = {}, const SocketOptions& sockets = {}) {
        shard_ = std::make_unique<TlsShard>(world_->prng().next(), options, sockets);
        world_->add_shard(shard_->proactor());
        shard_->listen(Address::loopback(443), server_context_);
    }
    // Ends everything and shows that nothing is left.
    void wind_down() {
        shard_->stop();
        EXPECT_TRUE(world_->run_until([&] { return shard_->is_idle(); }, kPatience));
        world_->run_for(Duration::seconds(2));  // What was asked last must reach the ring.
        EXPECT_EQ(shard_->blocks().in_use(), 0U);
        world_->check_end();
        for (const std::string& violation : world_->violations()) {
            ADD_FAILURE() << violation;
        }
    }
    void TearDown() override {
        if (shard_ != nullptr) {
            wind_down();
        }
    }
    bool run_until_ended(const Outcome& outcome) {
        return world_->run_until([&] { return outcome.ended; }, kPatience);
    }
    // A client of plain TCP, for what our own engine would not do.
    sim::Client& actor(sim::ClientScript script) {
        script.to = shard_->address();
        actors_.push_back(std::make_unique<sim::Client>(*world_, std::move(script)));
        return *actors_.back();
    }
    void run_until_served() {
        ASSERT_TRUE(world_->run_until(
            [&] { return !shard_->served().empty() && shard_->served().front()->ended; },
            kPatience));
    }

    TlsContext server_context_ = server_for("DNS:api.test");
    TlsContext client_context_ = client();
    std::unique_ptr<sim::World> world_ = std::make_unique<sim::World>(1);
    std::vector<std::unique_ptr<sim::Client>> actors_;
    // What the coroutines of a test refer to; they end after its body.
    std::string text_;
    std::array<Outcome, 3> outcomes_;
    std::unique_ptr<TlsShard> shard_;
};

TEST_F(TlsStreamTest, EverythingComesBack) {
    make_shard();
    const std::string text = tls_pattern(300'000);
    Outcome outcome;
    shard_->scope().spawn(
        TlsShard::talk(*shard_, shard_->address(), client_context_, {"api.test"}, text, outcome));
    ASSERT_TRUE(run_until_ended(outcome));
    EXPECT_FALSE(outcome.failed) << outcome.error.where;
    EXPECT_TRUE(outcome.received == text);
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_TRUE(served.received == text);
    EXPECT_TRUE(served.read_ended);
    EXPECT_FALSE(served.without_notice);
}

// What the kernel may do, and any cut of the ciphertext, must not show.
TEST_F(TlsStreamTest, AnyTimingGivesTheSameBytes) {
    constexpr uint64_t kSeeds = 40;
    for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        make_world(seed);
        Prng& prng = world_->prng();
        world_->profile() = sim::Profile::drawn(prng, false);
        world_->profile().wall_clock_jumps = 0;  // Certificates are judged by that clock.
        world_->profile().accept_fails = 0;
        ProactorOptions options;
        options.buffers.block_bytes = 64U << prng.below(9);
        options.buffers.blocks_max = 16U << prng.below(6);
        options.buffers.window_blocks = std::min(options.buffers.blocks_max, 1U << prng.below(6));
        SocketOptions sockets;
        sockets.queue_low_bytes = 64U << prng.below(10);
        sockets.queue_high_bytes = sockets.queue_low_bytes * 2;
        make_shard(options, sockets);
        // Where the wire carries single bytes, each of them is an event.
        const sim::Profile& profile = world_->profile();
        const bool is_slow =
            std::min({profile.segment_bytes_max, profile.receive_queue_bytes,
                      profile.send_queue_bytes, options.buffers.block_bytes}) < 4096;
        text_ = tls_pattern(is_slow ? 2'000 : 60'000);
        for (Outcome& outcome : outcomes_) {
            outcome = {};
            shard_->scope().spawn(TlsShard::talk(*shard_, shard_->address(), client_context_,
                                                 {"api.test"}, text_, outcome));
        }
        for (const Outcome& outcome : outcomes_) {
            EXPECT_TRUE(run_until_ended(outcome))
                << outcome.received.size() << " of " << text_.size() << "\n"
                << world_->profile().to_string();
            EXPECT_FALSE(outcome.failed) << outcome.error.where << "\n"
                                         << world_->profile().to_string();
            EXPECT_TRUE(outcome.received == text_);
        }
        wind_down();
        shard_.reset();
    }
}

// Resets and silence: never wrong bytes, never a clean end in the middle, and nothing is left.
TEST_F(TlsStreamTest, FaultsOfTheNetworkNeverGiveWrongBytes) {
    constexpr uint64_t kSeeds = 60;
    uint32_t cut_short = 0;
    for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        make_world(seed);
        world_->profile().connection_resets = 0.7;
        make_shard();
        Outcome& outcome = outcomes_[0];
        outcome = {};
        text_ = tls_pattern(100'000);
        shard_->scope().spawn(TlsShard::talk(*shard_, shard_->address(), client_context_,
                                             {"api.test"}, text_, outcome));
        EXPECT_TRUE(run_until_ended(outcome));
        EXPECT_TRUE(text_.starts_with(outcome.received));
        if (outcome.received.size() < text_.size()) {
            ++cut_short;
            EXPECT_TRUE(outcome.failed || outcome.without_notice);
        }
        wind_down();
        for (const auto& served : shard_->served()) {
            EXPECT_TRUE(served->ended);
            EXPECT_TRUE(text_.starts_with(served->received));
        }
        shard_.reset();
    }
    EXPECT_GT(cut_short, 10U);
}

// --- Ends.

TEST_F(TlsStreamTest, AnAbortedClientIsATruncation) {
    make_shard();
    Outcome outcome;
    const auto leave = [](TlsShard& shard, const TlsContext& context,
                          Outcome& mine) -> coro::Task<void> {
        coro::Signal signal(shard.proactor().ready());
        TlsStream::Ptr stream = co_await shard.dial(shard.address(), context, kPeer, signal);
        stream->set_signal(&signal);
        while (!stream->handshake_done() && !stream->failed()) {
            co_await signal.wait();
        }
        stream->write(Slice::copy_of("half a message"));
        while (stream->unsent_bytes() > 0 || stream->received().empty()) {
            co_await signal.wait();
        }
        mine.ended = true;
        stream.reset();  // Abort: no notice.
    };
    shard_->scope().spawn(leave(*shard_, client_context_, outcome));
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_EQ(served.received, "half a message");
    EXPECT_FALSE(served.failed);
    EXPECT_TRUE(served.read_ended);
    EXPECT_TRUE(served.without_notice);
}

// Speaks TLS by hand, so that it can stop anywhere.
class ManualClient {
public:
    ManualClient(sim::World& world,
                 const Address& to,
                 const TlsContext& context,
                 TlsBlocks& blocks,
                 const TlsTime& time)
        : network_(world.network()),
          engine_(context, blocks, time, ErrorSource::upstream, {"api.test"}),
          socket_(network_.actor_connect(to, [this] { advance(); })) {}
    ManualClient(const ManualClient&) = delete;
    ManualClient& operator=(const ManualClient&) = delete;
    ~ManualClient() {
        socket_.on_change = {};
        network_.close(socket_);
    }

    TlsEngine& engine() { return engine_; }
    void send_all() { send(SIZE_MAX); }
    // The beginning of what waits; the rest is dropped.
    void send(size_t most) {
        const std::string wire = engine_.output().to_string();
        engine_.output().clear();
        network_.write(socket_, std::string_view(wire).substr(0, most));
    }
    void end() { network_.shutdown_send(socket_); }
    const std::string& received() const { return received_; }

private:
    void advance() {
        if (socket_.state != sim::StreamState::connected || engine_.failed()) {
            return;
        }
        const std::string bytes = network_.read(socket_, SIZE_MAX);
        if (!bytes.empty()) {
            engine_.input().push_back(Slice::copy_of(bytes));
        }
        if (!engine_.is_established()) {
            engine_.handshake();
            send_all();
        }
        if (engine_.is_established()) {
            SliceQueue plain;
            engine_.read(plain, SIZE_MAX);
            received_ += plain.to_string();
        }
    }

    sim::Network& network_;
    TlsEngine engine_;
    std::string received_;
    sim::Socket& socket_;
};

class TlsEndTest : public TlsStreamTest {
protected:
    ManualClient& manual() {
        make_shard();
        manual_ = std::make_unique<ManualClient>(*world_, shard_->address(), client_context_,
                                                 shard_->blocks(), time());
        EXPECT_TRUE(
            world_->run_until([&] { return manual_->engine().is_established(); }, kPatience));
        return *manual_;
    }
    void TearDown() override {
        manual_.reset();
        TlsStreamTest::TearDown();
    }

    std::unique_ptr<ManualClient> manual_;
};

TEST_F(TlsEndTest, InsideARecordItIsAFailure) {
    ManualClient& client = manual();
    TlsPair::write(client.engine(), "the first message");
    client.send_all();
    ASSERT_TRUE(
        world_->run_until([&] { return client.received() == "the first message"; }, kPatience));
    TlsPair::write(client.engine(), "the second message");
    client.send(10);
    client.end();
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_EQ(served.received, "the first message");
    EXPECT_TRUE(served.failed);
    EXPECT_EQ(served.error.kind, ErrorKind::closed_early);
    EXPECT_EQ(served.error.source, ErrorSource::client);
}

TEST_F(TlsEndTest, WithANoticeItIsAnEnd) {
    ManualClient& client = manual();
    TlsPair::write(client.engine(), "a message");
    client.engine().write_close_notify();
    client.send_all();
    // The TCP connection stays open; the notice alone counts.
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_EQ(served.received, "a message");
    EXPECT_FALSE(served.failed);
    EXPECT_TRUE(served.read_ended);
    EXPECT_FALSE(served.without_notice);
    // The answer was sent although the client's direction had ended, and a notice with it.
    EXPECT_TRUE(world_->run_until([&] { return client.received() == "a message"; }, kPatience));
}

TEST_F(TlsEndTest, BytesAfterTheNoticeAreIgnored) {
    ManualClient& client = manual();
    TlsPair::write(client.engine(), "a message");
    client.engine().write_close_notify();
    client.engine().output().push_back(Slice::copy_of("GET / HTTP/1.1\r\n\r\n"));
    client.send_all();
    run_until_served();
    EXPECT_EQ(shard_->served().front()->received, "a message");
    EXPECT_FALSE(shard_->served().front()->failed);
}

// --- Handshakes that fail.

TEST_F(TlsStreamTest, PlainHttpIsRefused) {
    make_shard();
    sim::ClientScript script;
    script.parts.push_back({"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", {}});
    sim::Client& plain = actor(std::move(script));
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_FALSE(served.handshake_done);
    EXPECT_EQ(served.error.kind, ErrorKind::tls_handshake);
    EXPECT_STREQ(served.error.where, "a plain HTTP request came to a TLS port");
    EXPECT_EQ(served.received, "");
    EXPECT_TRUE(world_->run_until([&] { return plain.is_done(); }, kPatience));
}

TEST_F(TlsStreamTest, AClientThatLeavesDuringTheHandshake) {
    make_shard();
    sim::ClientScript script;
    script.parts.push_back({std::string("\x16\x03\x01\x02\x00\x01\x00", 7), {}});
    script.half_closes = true;
    actor(std::move(script));
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_EQ(served.error.kind, ErrorKind::tls_handshake);
    EXPECT_STREQ(served.error.where, "the peer ended the connection during the TLS handshake");
}

TEST_F(TlsStreamTest, NothingIsSentToAPeerThatIsNotVerified) {
    const TlsAuthority foreign("Foreign Root", kClockSeconds);
    TlsServerOptions options;
    options.certificates.push_back(
        write_identity(folder_, "foreign", foreign.issue(leaf({"DNS:api.test"}))));
    server_context_ = server(options);
    make_shard();
    // The request is written before the handshake has even begun to be answered.
    Outcome outcome;
    shard_->scope().spawn(TlsShard::talk(*shard_, shard_->address(), client_context_, {"api.test"},
                                         "api-key: secret", outcome));
    ASSERT_TRUE(run_until_ended(outcome));
    EXPECT_EQ(outcome.error.kind, ErrorKind::tls_verify);
    EXPECT_EQ(outcome.error.source, ErrorSource::upstream);
    EXPECT_STREQ(outcome.error.where, "the peer's certificate comes from an unknown authority");
    run_until_served();
    const Outcome& served = *shard_->served().front();
    EXPECT_EQ(served.received, "");
    EXPECT_FALSE(served.handshake_done);
    // The alert has arrived: the reason stands in the log of the other side too.
    EXPECT_STREQ(served.error.where, "the peer does not know the authority of our certificate");
}

TEST_F(TlsStreamTest, ASilentPeerIsLeftToTheCallersTimer) {
    make_shard();
    sim::ClientScript script;
    script.leaves_after = Duration::seconds(30);
    actor(std::move(script));
    shard_->set_service(
        [](TlsShard& shard, TlsStream::Ptr stream, Outcome& outcome) -> coro::Task<void> {
            coro::Signal signal(shard.proactor().ready());
            Timer timer([](Timer& fired) { fired.owner_as<coro::Signal>().raise(); }, &signal);
            shard.proactor().timers().arm(timer, shard.proactor().now() + Duration::seconds(10));
            stream->set_signal(&signal);
            while (timer.is_armed() && !stream->handshake_done() && !stream->failed()) {
                co_await signal.wait();
            }
            TlsShard::note(*stream, outcome);
            close(std::move(stream), CloseMode::abort);
        });
    run_until_served();
    EXPECT_FALSE(shard_->served().front()->handshake_done);
    EXPECT_FALSE(shard_->served().front()->failed);
}

// --- Records, turns, marks, memory.

TEST_F(TlsStreamTest, ATurnsWritesAreOneRecordAndLeaveInThatTurn) {
    make_shard();
    struct Seen {
        uint64_t record_bytes = 0;
        uint64_t turns = 0;
        bool done = false;
    } seen;
    const auto measure = [](TlsShard& shard, const TlsContext& context,
                            Seen& result) -> coro::Task<void> {
        coro::Signal signal(shard.proactor().ready());
        TlsStream::Ptr stream = co_await shard.dial(shard.address(), context, kPeer, signal);
        stream->set_signal(&signal);
        stream->notify_when_sent(true);
        stream->write(Slice::copy_of("first"));
        while (stream->received().empty()) {
            co_await signal.wait();
        }
        const uint64_t sent_before = stream->sent_bytes_total();
        const uint64_t turn_before = shard.proactor().counters().turns;
        for (int i = 0; i < 20; ++i) {
            stream->write(Slice::copy_of("data: token\n\n"));
        }
        while (stream->unsent_bytes() > 0) {
            co_await signal.wait();
        }
        result.record_bytes = stream->sent_bytes_total() - sent_before;
        result.turns = shard.proactor().counters().turns - turn_before;
        result.done = true;
        close(std::move(stream), CloseMode::graceful);
    };
    shard_->scope().spawn(measure(*shard_, client_context_, seen));
    ASSERT_TRUE(world_->run_until([&] { return seen.done; }, kPatience));
    constexpr uint64_t kRecordOverheadBytes = 22;
    EXPECT_EQ(seen.record_bytes,
              20 * std::string_view("data: token\n\n").size() + kRecordOverheadBytes);
    // Written in one turn, submitted at its end, seen as sent in the next.
    EXPECT_EQ(seen.turns, 1U);
}

TEST_F(TlsStreamTest, AReaderThatStopsBoundsBothSides) {
    SocketOptions sockets;
    sockets.receive_buffer_bytes = 64 * 1024;
    sockets.send_buffer_bytes = 64 * 1024;
    make_shard({}, sockets);
    static TlsStream* held = nullptr;
    shard_->set_service(
        [](TlsShard& shard, TlsStream::Ptr stream, Outcome& outcome) -> coro::Task<void> {
            coro::Signal signal(shard.proactor().ready());
            stream->set_signal(&signal);
            held = stream.get();
            while (!stream->failed() && !(stream->read_ended() && stream->received().empty())) {
                co_await signal.wait();
                // Reads only once the test has let go.
                if (held == nullptr) {
                    outcome.received += stream->received().to_string();
                    stream->consume(stream->received().size_bytes());
                }
            }
            TlsShard::note(*stream, outcome);
            close(std::move(stream), CloseMode::graceful);
        });
    constexpr size_t kTotalBytes = size_t{4} * 1024 * 1024;
    struct Writer {
        size_t written = 0;
        size_t unsent_most = 0;
        bool done = false;
    } writer;
    const auto pour = [](TlsShard& shard, const TlsContext& context,
                         Writer& state) -> coro::Task<void> {
        coro::Signal signal(shard.proactor().ready());
        TlsStream::Ptr stream = co_await shard.dial(shard.address(), context, kPeer, signal);
        stream->set_signal(&signal);
        const std::string text = tls_pattern(8000);
        while (state.written < kTotalBytes && !stream->failed()) {
            if (stream->is_congested()) {
                co_await signal.wait();
                continue;
            }
            stream->write(Slice::copy_of(text));
            state.written += text.size();
            state.unsent_most = std::max(state.unsent_most, stream->unsent_bytes());
        }
        stream->set_signal(nullptr);
        close(std::move(stream), CloseMode::graceful);
        state.done = true;
    };
    shard_->scope().spawn(pour(*shard_, client_context_, writer));
    world_->run_for(Duration::seconds(5));
    ASSERT_NE(held, nullptr);
    EXPECT_FALSE(writer.done);
    // Two kernel buffers of 64 KiB, and on each side the queues of both streams.
    EXPECT_LT(writer.written, 512U * 1024);
    EXPECT_LT(writer.unsent_most, 64U * 1024 + 8000 + 22);
    EXPECT_LT(held->received().size_bytes(), 64U * 1024 + 16384);
    // Let go: everything arrives. Somebody must wake the reader, who waits for news.
    TlsStream* reader = std::exchange(held, nullptr);
    reader->consume(reader->received().size_bytes());
    ASSERT_TRUE(world_->run_until([&] { return writer.done; }, kPatience));
    run_until_served();
    EXPECT_GT(shard_->served().front()->received.size(), kTotalBytes - (size_t{128} * 1024));
    EXPECT_FALSE(shard_->served().front()->without_notice);
}

TEST_F(TlsStreamTest, EventsInSteadyStateTakeNoNewBlocks) {
    make_shard();
    struct State {
        uint64_t allocated_before = 0;
        uint64_t allocated_after = 0;
        bool done = false;
    } state;
    const auto ping = [](TlsShard& shard, const TlsContext& context,
                         State& result) -> coro::Task<void> {
        coro::Signal signal(shard.proactor().ready());
        TlsStream::Ptr stream = co_await shard.dial(shard.address(), context, kPeer, signal);
        stream->set_signal(&signal);
        const std::string event = tls_pattern(200);
        for (int i = 0; i < 1000; ++i) {
            if (i == 10) {
                result.allocated_before = shard.blocks().allocated_total();
            }
            stream->write(Slice::copy_of(event));
            while (stream->received().size_bytes() < event.size()) {
                co_await signal.wait();
            }
            stream->consume(event.size());
        }
        result.allocated_after = shard.blocks().allocated_total();
        close(std::move(stream), CloseMode::graceful);
        result.done = true;
    };
    shard_->scope().spawn(ping(*shard_, client_context_, state));
    ASSERT_TRUE(world_->run_until([&] { return state.done; }, kPatience));
    EXPECT_EQ(state.allocated_after, state.allocated_before);
}

TEST_F(TlsStreamTest, SessionsAreResumedAcrossConnections) {
    make_shard();
    TlsSessionCache sessions;
    for (int i = 0; i < 3; ++i) {
        Outcome outcome;
        shard_->scope().spawn(TlsShard::talk(*shard_, shard_->address(), client_context_,
                                             {"api.test", &sessions}, "hello", outcome));
        ASSERT_TRUE(run_until_ended(outcome));
        EXPECT_EQ(outcome.received, "hello");
        EXPECT_EQ(outcome.resumed, i > 0) << i;
    }
}

TEST_F(TlsStreamTest, AResetPassesThrough) {
    make_shard();
    shard_->set_service(
        [](TlsShard& shard, TlsStream::Ptr stream, Outcome& outcome) -> coro::Task<void> {
            coro::Signal signal(shard.proactor().ready());
            stream->set_signal(&signal);
            while (stream->received().empty() && !stream->failed()) {
                co_await signal.wait();
            }
            stream->write(Slice::copy_of("half"));
            TlsShard::note(*stream, outcome);
            close(std::move(stream), CloseMode::reset);
        });
    Outcome outcome;
    shard_->scope().spawn(TlsShard::talk(*shard_, shard_->address(), client_context_, {"api.test"},
                                         "a request", outcome));
    ASSERT_TRUE(run_until_ended(outcome));
    EXPECT_TRUE(outcome.failed);
    EXPECT_EQ(outcome.error.kind, ErrorKind::reset);
}

}  // namespace
}  // namespace sluice::net
