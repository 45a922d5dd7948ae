// TlsShard: TLS streams at work for tests, over whichever ring is linked: a listener that sends
// everything back, and clients that talk to it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/tcp_connect.h"
#include "net/tcp_stream.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_stream.h"

namespace sluice::net {

// How one end of a connection ended.
struct Outcome {
    bool ended = false;
    bool handshake_done = false;
    bool resumed = false;
    bool failed = false;
    bool read_ended = false;
    bool without_notice = false;
    Error error;
    std::string received;
};

// One shard with a TLS listener, and clients of it or of another one.
class TlsShard {
public:
    TlsShard(uint64_t seed, const ProactorOptions& options, const SocketOptions& sockets)
        : sockets_(sockets),
          shard_(Shard::create(0, options, seed).value()),
          listener_(shard_->proactor(), {.on_new = &on_accepted}, this),
          scope_(shard_->proactor().ready()) {}
    TlsShard(const TlsShard&) = delete;
    TlsShard& operator=(const TlsShard&) = delete;

    void listen(const Address& at, const TlsContext& context) {
        server_context_ = context;
        ASSERT_TRUE(listener_.start(at, sockets_).has_value());
    }
    // For the connections to come, as after a reload.
    void set_context(const TlsContext& context) { server_context_ = context; }
    Address address() const { return listener_.local_address(); }
    Proactor& proactor() { return shard_->proactor(); }
    TlsBlocks& blocks() { return blocks_; }
    coro::TaskScope& scope() { return scope_; }
    const SocketOptions& sockets() const { return sockets_; }
    std::vector<std::unique_ptr<Outcome>>& served() { return served_; }
    // What the server does with a connection instead of sending everything back.
    void set_service(coro::Task<void> (*service)(TlsShard&, TlsStream::Ptr, Outcome&)) {
        service_ = service;
    }

    void stop() { listener_.stop(); }
    // Nothing is left: no connection, no client, no operation.
    bool is_idle() {
        return listener_.is_idle() && scope_.running() == 0 && proactor().objects() == 0;
    }

    static void note(const TlsStream& stream, Outcome& outcome) {
        outcome.ended = true;
        outcome.handshake_done = stream.handshake_done();
        outcome.resumed = stream.handshake_done() && stream.tls_resumed();
        outcome.failed = stream.failed();
        outcome.read_ended = stream.read_ended();
        outcome.without_notice = stream.ended_without_notice();
        outcome.error = stream.error();
    }

    // Sends everything back and ends when the client does.
    static coro::Task<void> echo(TlsShard& shard, TlsStream::Ptr stream, Outcome& outcome) {
        coro::Signal signal(shard.proactor().ready());
        stream->set_signal(&signal);
        while (!stream->failed()) {
            if (!stream->received().empty() && !stream->is_congested()) {
                outcome.received += stream->received().to_string();
                SliceQueue bytes;
                stream->take(stream->received().size_bytes(), bytes);
                stream->write(std::move(bytes));
            } else if (stream->received().empty() && stream->read_ended()) {
                break;
            } else {
                co_await signal.wait();
            }
        }
        note(*stream, outcome);
        stream->set_signal(nullptr);
        close(std::move(stream), CloseMode::graceful);
    }

    // Connects; the stream, or null when TCP already failed.
    coro::Task<TlsStream::Ptr> dial(Address to,
                                    TlsContext context,
                                    TlsServerPeer peer,
                                    coro::Signal& signal) {
        auto attempt = TcpConnect::start(shard_->proactor(), to, sockets_, signal);
        if (!attempt.has_value()) {
            co_return nullptr;
        }
        while (!(*attempt)->is_done()) {
            co_await signal.wait();
        }
        const Result<int> fd = (*attempt)->take_descriptor();
        if (!fd.has_value()) {
            co_return nullptr;
        }
        co_return TlsStream::connect(
            TcpStream::adopt(shard_->proactor(), *fd, sockets_, ErrorSource::upstream), context,
            blocks_, peer);
    }

    // Sends `text` in parts of random size and waits until all of it has come back.
    static coro::Task<void> talk(TlsShard& shard,
                                 Address to,
                                 TlsContext context,
                                 TlsServerPeer peer,
                                 std::string text,
                                 Outcome& outcome) {
        coro::Signal signal(shard.proactor().ready());
        TlsStream::Ptr stream = co_await shard.dial(to, context, peer, signal);
        if (stream == nullptr) {
            outcome.ended = outcome.failed = true;
            co_return;
        }
        stream->set_signal(&signal);
        Prng& prng = shard.shard_->prng();
        size_t written = 0;
        while (!stream->failed() && outcome.received.size() < text.size()) {
            if (!stream->received().empty()) {
                outcome.received += stream->received().to_string();
                stream->consume(stream->received().size_bytes());
            } else if (written < text.size() && !stream->is_congested()) {
                const size_t part = std::min<size_t>(
                    1 + prng.below(prng.chance(0.5) ? 300 : 40'000), text.size() - written);
                stream->write(Slice::copy_of(std::string_view(text).substr(written, part)));
                written += part;
            } else if (stream->read_ended()) {
                break;
            } else {
                co_await signal.wait();
            }
        }
        note(*stream, outcome);
        stream->set_signal(nullptr);
        close(std::move(stream), CloseMode::graceful);
    }

private:
    static void on_accepted(void* owner, int fd) {
        auto& shard = *static_cast<TlsShard*>(owner);
        shard.served_.push_back(std::make_unique<Outcome>());
        shard.scope_.spawn(shard.service_(
            shard,
            TlsStream::accept(
                TcpStream::adopt(shard.proactor(), fd, shard.sockets_, ErrorSource::client),
                shard.server_context_, shard.blocks_),
            *shard.served_.back()));
    }

    const SocketOptions sockets_;
    TlsBlocks blocks_;
    std::unique_ptr<Shard> shard_;
    TlsContext server_context_;
    std::vector<std::unique_ptr<Outcome>> served_;
    coro::Task<void> (*service_)(TlsShard&, TlsStream::Ptr, Outcome&) = &echo;
    Listener listener_;
    coro::TaskScope scope_;
};

// Text without an obvious period.
inline std::string tls_pattern(size_t size_bytes) {
    std::string text(size_bytes, '\0');
    for (size_t i = 0; i < size_bytes; ++i) {
        text[i] = static_cast<char>('a' + i * 31 % 26);
    }
    return text;
}

}  // namespace sluice::net
