// ClientConnection: one HTTP/1.1 connection to an upstream, seen from our side.
//
// Sends one request at a time and reads its response; says afterwards whether it may serve again.
// It never waits: the exchange that leased it puts its own signal on the stream. A connection with
// any unread byte, any framing doubt or an early end is never reused (queue poisoning). Owned by
// the pool or by a lease; one shard.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "coro/signal.h"
#include "http/body_reader.h"
#include "http/framing.h"
#include "http/head_assembler.h"
#include "http/limits.h"
#include "http/message.h"
#include "http/types.h"
#include "net/byte_stream.h"

namespace sluice::http {

class ClientConnection {
public:
    ClientConnection(net::StreamPtr stream, const MessageLimits& limits);
    ClientConnection(ClientConnection&&) = default;

    net::ByteStream& stream() { return *stream_; }
    void set_signal(coro::Signal* signal) { stream_->set_signal(signal); }

    // --- Request.
    void begin_request(Method method, Slice head);
    void send_body(SliceQueue&& framed) { stream_->write(std::move(framed)); }
    // Whether the peer's system can have seen a byte of this request (TCP acknowledgements).
    // Asked only after a failure; costs a system call.
    bool may_have_seen_request() const;

    // Whether an exchange that ended with `error` found the connection dead: it was kept, its peer
    // has said nothing, and its peer's system cannot have seen a byte of the request.
    bool had_died_idle(const Error& error) const;

    // --- Response.
    // Looks for a whole head in what has arrived; interim responses (1xx) are skipped and counted.
    // `scratch` bounds the number of fields; the head's views lie in `arena`.
    Result<bool> read_head(Arena& arena, std::span<HeaderField> scratch);
    const ResponseHead& head() const { return head_; }
    // The same head, with a table of fields that lasts.
    void keep_head(const ResponseHead& kept) { head_ = kept; }
    const ResponseFraming& framing() const { return framing_; }
    bool has_response_begun() const { return response_begun_; }
    Result<bool> next_body_piece(BodyPiece& piece) { return body_.next(*stream_, piece); }
    bool is_response_complete() const { return head_read_ && body_.is_complete(); }
    // A complete body that only the end of the connection delimits, which under TLS came without
    // close_notify: there may have been more (RFC 9112 section 9.8).
    bool may_be_cut() const {
        return framing_.body.kind == BodyKind::until_close && stream_->ended_without_notice();
    }
    std::optional<uint64_t> body_bytes_left() const { return body_.bytes_left(); }
    uint64_t body_bytes() const { return body_.body_bytes(); }

    // --- Reuse.
    // Ends the exchange. True when another request may be sent on the connection.
    bool finish_exchange(bool request_sent_whole);
    // While idle: the peer has neither ended nor sent anything.
    bool is_healthy() const {
        return !stream_->failed() && !stream_->read_ended() && stream_->received().empty();
    }
    uint32_t exchanges() const { return exchanges_; }
    bool is_reused() const { return exchanges_ > 1; }
    // Ends the connection at once; what is in flight is cut.
    void abort() { stream_.reset(); }

private:
    static constexpr uint32_t kInterimResponsesMax = 16;

    // What every piece of a response touches comes first.
    net::StreamPtr stream_;
    BodyReader body_;
    bool head_read_ = false;
    bool response_begun_ = false;
    Method method_ = Method::get;
    uint32_t exchanges_ = 0;
    uint32_t interim_responses_ = 0;
    uint64_t sent_before_ = 0;  // Bytes of earlier exchanges on this connection.
    MessageLimits limits_;
    HeadAssembler assembler_;
    ResponseHead head_;
    ResponseFraming framing_;
};

}  // namespace sluice::http
