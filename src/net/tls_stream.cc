// Between the stream below and the TLS engine.
#include "net/tls_stream.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/slice.h"
#include "net/byte_stream.h"
#include "net/proactor.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_error.h"

namespace sluice::net {

namespace {

// Ciphertext is taken from below in such pieces, two records each, so that a reader who stops
// leaves the rest where it is counted.
constexpr size_t kTakeBytes = size_t{32} * 1024;

TlsTime time_of(const ByteStream& stream) {
    Proactor& proactor = stream.proactor();
    return {proactor.ring().wall_clock_ns(), proactor.now()};
}

}  // namespace

TlsStream::Ptr TlsStream::accept(StreamPtr below, const TlsContext& context, TlsBlocks& blocks) {
    Ptr stream(new TlsStream(std::move(below), context, blocks));
    stream->begin();
    return stream;
}

TlsStream::Ptr TlsStream::connect(StreamPtr below,
                                  const TlsContext& context,
                                  TlsBlocks& blocks,
                                  const TlsServerPeer& server) {
    Ptr stream(new TlsStream(std::move(below), context, blocks, server));
    stream->begin();
    return stream;
}

TlsStream::TlsStream(StreamPtr below, const TlsContext& context, TlsBlocks& blocks)
    : ByteStream(below.get()),
      below_(std::move(below)),
      engine_(context, blocks, time_of(*below_), peer_) {}

TlsStream::TlsStream(StreamPtr below,
                     const TlsContext& context,
                     TlsBlocks& blocks,
                     const TlsServerPeer& server)
    : ByteStream(below.get()),
      below_(std::move(below)),
      engine_(context, blocks, time_of(*below_), peer_, server) {}

void TlsStream::begin() {
    below_->set_signal(nullptr);
    below_->set_sink(this);
    // Keeps our own count of unsent bytes true, at the price of a direct call per send.
    below_->notify_when_sent(true);
    on_stream_event();  // A client speaks first; and something may have arrived already.
}

// --- Receiving.

// Bytes arrived below, or were sent, or the stream below ended or failed.
void TlsStream::on_stream_event() {
    count_unsent();
    if (failed_) {
        return;
    }
    if (!handshake_done()) {
        shake();
    }
    if (handshake_done() && !failed_) {
        read_records();
    }
    if (!failed_ && below_->failed()) {
        fail(below_->error());
    }
    if (below_->read_ended() && !std::exchange(saw_end_below_, true) && notice_received_) {
        raise();  // Whoever asked after the notice whether the peer still reads may ask again.
    }
    want_flush();
}

bool TlsStream::take_from_below() {
    const size_t waiting = below_->received().size_bytes();
    if (waiting == 0) {
        return false;
    }
    below_->take(std::min(waiting, kTakeBytes), engine_.input());
    return true;
}

void TlsStream::shake() {
    TlsEngine::Step step = engine_.handshake();
    while (step == TlsEngine::Step::wants_input && take_from_below()) {
        step = engine_.handshake();
    }
    if (step == TlsEngine::Step::failed) {
        fail(engine_.error());
    } else if (step == TlsEngine::Step::done) {
        raise();
    } else if (below_->failed()) {
        Error error = tls_handshake_error(peer_, "the connection broke during the TLS handshake");
        error.os_errno = below_->error().os_errno;
        fail(error);
    } else if (below_->read_ended()) {
        fail(tls_handshake_error(peer_, "the peer ended the connection during the TLS handshake"));
    }
}

void TlsStream::read_records() {
    const size_t received_before = received_.size_bytes();
    while (!reading_stopped_ && !read_ended_ && !failed_) {
        const TlsEngine::Step step = engine_.read(received_, queue_high_bytes_);
        if (step == TlsEngine::Step::done) {
            reading_stopped_ = true;
        } else if (step == TlsEngine::Step::ended) {
            notice_received_ = true;
            see_end();
        } else if (step == TlsEngine::Step::failed) {
            fail(engine_.error());
        } else if (!take_from_below()) {
            if (below_->read_ended() && !below_->failed()) {
                see_end();
            }
            break;
        }
    }
    if (received_.empty()) {
        engine_.release_read_block();
    }
    if (received_.size_bytes() != received_before) {
        raise();
    }
}

void TlsStream::see_end() {
    if (!notice_received_ && engine_.has_partial_record()) {
        fail({.kind = ErrorKind::closed_early,
              .source = peer_,
              .retry = Retry::never,
              .where = "the peer ended the connection inside a TLS record"});
        return;
    }
    ended_without_notice_ = !notice_received_;
    read_ended_ = true;
    raise();
}

void TlsStream::after_taking() {
    if (received_.empty()) {
        engine_.release_read_block();
    }
    if (reading_stopped_ && received_.size_bytes() < queue_low_bytes_ && !failed_) {
        // Not here: the reader is in the middle of something and expects no news.
        proactor_.flush_at_end_of_turn(*this);
    }
}

void TlsStream::fail(const Error& error) {
    unsent_.clear();
    count_unsent();
    set_failed(error);
}

// --- Sending.

void TlsStream::push_unsent(Slice slice) {
    if (failed_ || slice.empty()) {
        return;
    }
    count_queued(slice.size());
    unsent_.push_back(std::move(slice));
}

void TlsStream::want_flush() {
    if (!engine_.output().empty() || (handshake_done() && !unsent_.empty())) {
        proactor_.flush_at_end_of_turn(*this);
    }
}

void TlsStream::flush() {
    if (reading_stopped_ && received_.size_bytes() < queue_low_bytes_ && !failed_) {
        reading_stopped_ = false;
        read_records();
    }
    if (handshake_done() && !unsent_.empty() && !failed_) {
        engine_.write(unsent_);
        if (engine_.failed()) {
            fail(engine_.error());
        }
    }
    send_output();
}

// Also after a failure of ours: the alert that tells the peer why.
void TlsStream::send_output() {
    if (!engine_.output().empty()) {
        below_->write(std::move(engine_.output()));
    }
    count_unsent();
}

// Unsent is what was not yet encrypted and what the stream below still has.
void TlsStream::count_unsent() {
    sent_bytes_total_ = below_->sent_bytes_total();
    const size_t now =
        unsent_.size_bytes() + engine_.output().size_bytes() + below_->unsent_bytes();
    if (now > unsent_bytes_) {
        count_queued(now - unsent_bytes_);
    } else if (now < unsent_bytes_) {
        count_sent(unsent_bytes_ - now);
    }
}

// --- Ending.

void TlsStream::close(CloseMode mode) {
    signal_ = nullptr;
    sink_ = nullptr;
    below_->set_sink(nullptr);
    below_->notify_when_sent(false);
    const bool flush_first = mode == CloseMode::graceful || mode == CloseMode::linger;
    if (engine_.failed() && !handshake_done()) {
        // Let the peer have the alert, so that the reason is in its log too.
        mode = mode == CloseMode::reset ? mode : CloseMode::graceful;
    } else if (failed_ || (flush_first && !handshake_done())) {
        // What waits for the handshake was for a peer that never proved who it is.
        mode = mode == CloseMode::reset ? mode : CloseMode::abort;
    } else if (flush_first) {
        engine_.write(unsent_);
        engine_.write_close_notify();
    }
    send_output();
    net::close(std::move(below_), mode);
    delete this;
}

}  // namespace sluice::net
