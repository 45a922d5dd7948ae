// ByteStream: a connection as bytes in and bytes out, TCP or TLS.
//
// The stream owns its descriptor, its operations and its queues; nobody waits on an operation
// directly. What arrives is put into received(); what is written leaves at the end of the turn, in
// one send. Whenever something changes the stream raises the signal it was given, and the
// coroutine behind it looks at the state. A reader that takes nothing stops the reading (marks in
// SocketOptions), which is the back-pressure.
//
// Lives on one shard. Owned by a StreamPtr; when that goes, the stream ends what it has in flight
// and frees itself afterwards, so no completion ever finds it gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "coro/signal.h"
#include "net/address.h"
#include "net/options.h"
#include "net/proactor.h"

namespace sluice::net {

// How a stream ends.
enum class CloseMode : uint8_t {
    abort,     // At once; what was not sent is lost. The peer sees an end of stream.
    reset,     // At once, and the peer sees a reset: for messages that must not look whole.
    graceful,  // After what was written has been sent.
    linger,    // As graceful, then what still arrives is read and dropped for a short while, so
               // that the peer reads our answer before it meets a reset (RFC 9112 section 9.6).
};

// Whoever must know at once, in the middle of the completions: a layer above, or a pool that holds
// the stream. It may look at the stream and change its own state; it must not end the stream.
class StreamSink {
public:
    virtual void on_stream_event() = 0;

protected:
    ~StreamSink() = default;
};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): streams free themselves, in close().
class ByteStream {
public:
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    // --- Waking. The signal is raised when bytes arrived, the peer ended or failed, or the queue
    // of unsent bytes fell below its low mark or to zero. Null: nobody is told.
    void set_signal(coro::Signal* signal) {
        signal_ = signal;
        audience_changed();
    }
    // Told before the signal is raised. Null: nobody.
    void set_sink(StreamSink* sink) {
        sink_ = sink;
        audience_changed();
    }

    // --- Reading.
    const SliceQueue& received() const { return received_; }
    void consume(size_t count_bytes) {
        received_.drop_front(count_bytes);
        after_taking();
    }
    void take(size_t count_bytes, SliceQueue& to) {
        received_.move_front_to(count_bytes, to);
        after_taking();
    }
    // The peer has ended its direction in an orderly way; what it sent before is in received().
    bool read_ended() const { return read_ended_; }
    // It ended without the notice that its protocol prescribes (TLS: RFC 8446 section 6.1): a
    // message that only the end of the stream delimits may be cut short. TCP has no such notice.
    bool ended_without_notice() const { return ended_without_notice_; }
    // The connection itself has ended too. Under TLS that may come later than the notice.
    virtual bool is_transport_ended() const { return read_ended_; }

    // --- Writing. Never blocks and never fails at the call: a failure shows in failed().
    void write(Slice slice) {
        push_unsent(std::move(slice));
        want_flush();
    }
    void write(SliceQueue&& slices) {
        while (!slices.empty()) {
            push_unsent(slices.pop_front());
        }
        want_flush();
    }
    size_t unsent_bytes() const { return unsent_bytes_; }
    // Also raise the signal when everything was sent; off unless somebody waits for it, because
    // it would wake the relay once more for every event.
    void notify_when_sent(bool on) { notify_when_sent_ = on; }
    // The high mark was reached: write no more until the signal tells that the low one was passed.
    bool is_congested() const { return congested_; }
    // How much may wait before it is reached; at first the high mark of reading. For bulk that
    // somebody else has limited already: larger sends cost less.
    void set_unsent_high(uint32_t bytes) { unsent_high_bytes_ = bytes; }
    // Bytes given to the kernel since the connection began (ciphertext under TLS).
    uint64_t sent_bytes_total() const { return sent_bytes_total_; }

    // --- Both.
    bool failed() const { return failed_; }
    const Error& error() const { return error_; }
    // Declares the stream failed, for a reason of its owner's; nothing more is sent.
    void abandon(const Error& error) { set_failed(error); }
    Proactor& proactor() const { return proactor_; }
    // Once the peer has ended its direction: also notice when it goes away entirely (reset).
    virtual void watch_for_hangup() = 0;
    // Not set while, or when, it is not known.
    virtual Address peer_address() const = 0;
    // Bytes of ours that the peer's system has acknowledged; comparable to sent_bytes_total().
    virtual uint64_t acknowledged_bytes() const = 0;
    // The protocol chosen by ALPN; empty without TLS.
    virtual std::string_view application_protocol() const { return {}; }

    // Ends the stream as told and gives it to itself; it frees itself when the kernel is done.
    virtual void close(CloseMode mode) = 0;

protected:
    ByteStream(Proactor& proactor, const SocketOptions& options, ErrorSource peer)
        : proactor_(proactor),
          queue_high_bytes_(options.queue_high_bytes),
          queue_low_bytes_(options.queue_low_bytes),
          unsent_high_bytes_(options.queue_high_bytes),
          peer_(peer) {}
    // A stream above another one: the same shard, marks and peer.
    explicit ByteStream(const ByteStream* below)
        : proactor_(below->proactor_),
          queue_high_bytes_(below->queue_high_bytes_),
          queue_low_bytes_(below->queue_low_bytes_),
          unsent_high_bytes_(below->unsent_high_bytes_),
          peer_(below->peer_) {}
    virtual ~ByteStream() = default;

    // Somebody else is told from now on: what arrives will be looked at there.
    virtual void audience_changed() {}
    virtual void push_unsent(Slice slice) = 0;
    virtual void want_flush() = 0;
    // The reader took something: start reading again if it was stopped and there is room.
    virtual void after_taking() = 0;

    void raise() {
        if (sink_ != nullptr) {
            sink_->on_stream_event();
        }
        if (signal_ != nullptr) {
            signal_->raise();
        }
    }
    // The two places where unsent_bytes_ changes.
    void count_queued(size_t size_bytes) {
        unsent_bytes_ += size_bytes;
        congested_ = congested_ || unsent_bytes_ >= unsent_high_bytes_;
    }
    void count_sent(size_t size_bytes) {
        unsent_bytes_ -= size_bytes;
        const bool relieved = congested_ && unsent_bytes_ < unsent_high_bytes_ / 2;
        congested_ = congested_ && !relieved;
        if (relieved || (notify_when_sent_ && unsent_bytes_ == 0)) {
            raise();
        }
    }
    void set_failed(const Error& error) {
        if (!failed_) {
            failed_ = true;
            congested_ = false;  // What is written from now on goes nowhere.
            error_ = error;
            raise();
        }
    }

    Proactor& proactor_;
    coro::Signal* signal_ = nullptr;
    StreamSink* sink_ = nullptr;
    SliceQueue received_;
    uint64_t sent_bytes_total_ = 0;
    size_t unsent_bytes_ = 0;
    const uint32_t queue_high_bytes_;
    const uint32_t queue_low_bytes_;
    uint32_t unsent_high_bytes_;
    Error error_;
    const ErrorSource peer_;
    bool read_ended_ = false;
    bool ended_without_notice_ = false;
    bool failed_ = false;
    bool notify_when_sent_ = false;
    bool congested_ = false;
};

struct StreamCloser {
    void operator()(ByteStream* stream) const { stream->close(CloseMode::abort); }
};
using StreamPtr = std::unique_ptr<ByteStream, StreamCloser>;

inline void close(StreamPtr stream, CloseMode mode) {
    if (ByteStream* raw = stream.release(); raw != nullptr) {
        raw->close(mode);
    }
}

}  // namespace sluice::net
