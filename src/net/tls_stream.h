// TlsStream: a ByteStream over another one, with TLS between.
//
// Driven by the stream below: what arrives there is decrypted in the completion handler, so that
// the coroutine behind the signal finds plaintext; what was written in a turn is encrypted at its
// end and leaves with it. A reader that takes nothing stops the decrypting, then the stream below
// stops reading by its own marks.
//
// One shard. Owned by a StreamPtr like every stream; it frees itself in close() at once, the stream
// below then ends in its own time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/proactor.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"

namespace sluice::net {

class TlsStream final : public ByteStream, private StreamSink, private Proactor::Flushable {
public:
    using Ptr = std::unique_ptr<TlsStream, StreamCloser>;

    // The server's side of an accepted connection, and the client's side of a connected one. The
    // handshake begins at once; the signal is raised when it is done or has failed. Limiting its
    // time is the caller's part. What is written meanwhile waits until the peer is verified.
    static Ptr accept(StreamPtr below, const TlsContext& context, TlsBlocks& blocks);
    static Ptr connect(StreamPtr below,
                       const TlsContext& context,
                       TlsBlocks& blocks,
                       const TlsServerPeer& server);

    // A handshake that fails shows in failed(): tls_verify when the peer is not who it must be,
    // tls_handshake for the rest; error().where is the reason.
    bool handshake_done() const { return engine_.is_established(); }

    // For logs, once the handshake is done: static strings.
    std::string_view tls_version() const { return engine_.version(); }
    std::string_view tls_cipher() const { return engine_.cipher(); }
    bool tls_resumed() const { return engine_.is_resumed(); }

    bool is_transport_ended() const override { return below_->read_ended(); }
    void watch_for_hangup() override { below_->watch_for_hangup(); }
    Address peer_address() const override { return below_->peer_address(); }
    // Both this and sent_bytes_total() count ciphertext, the handshake included.
    uint64_t acknowledged_bytes() const override { return below_->acknowledged_bytes(); }
    std::string_view application_protocol() const override {
        return engine_.application_protocol();
    }
    void close(CloseMode mode) override;

private:
    TlsStream(StreamPtr below, const TlsContext& context, TlsBlocks& blocks);
    TlsStream(StreamPtr below,
              const TlsContext& context,
              TlsBlocks& blocks,
              const TlsServerPeer& server);
    ~TlsStream() override = default;

    void push_unsent(Slice slice) override;
    void want_flush() override;
    void after_taking() override;
    void on_stream_event() override;
    void flush() override;

    void begin();
    void shake();
    void read_records();
    bool take_from_below();
    void see_end();
    void fail(const Error& error);
    void send_output();
    void count_unsent();

    StreamPtr below_;
    TlsEngine engine_;
    SliceQueue unsent_;             // Plaintext of this turn, or from before the handshake's end.
    bool reading_stopped_ = false;  // Above the high mark.
    bool notice_received_ = false;  // The peer's close_notify.
    bool saw_end_below_ = false;
};

}  // namespace sluice::net
