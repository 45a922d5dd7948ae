// ServerExchange: one request on a client's connection, and the response to it.
//
// Holds what lives exactly as long as the exchange: the arena, the parsed head, the body reader and
// writer. It never waits by itself: the handler's coroutine awaits signal(), which the connection,
// and whatever else the handler adds, raise. Made when the first byte of a request arrives, so that
// an idle connection costs nothing of this. Owned by its ServerConnection; one shard.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/signal.h"
#include "http/body_reader.h"
#include "http/body_writer.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/head_assembler.h"
#include "http/message.h"
#include "http/options.h"
#include "net/byte_stream.h"

namespace sluice::http {

// Sees the bytes of a response's body, without their framing, as they are written.
class BodyTap {
public:
    virtual void on_body(std::string_view bytes) = 0;
    // Belongs to the answer, at this place, but is kept from the client: usage that it did not ask
    // for.
    virtual void on_hidden(std::string_view bytes) = 0;

protected:
    ~BodyTap() = default;
};

// How far the response has come; it only moves forward.
enum class ResponseState : uint8_t { none, head_sent, finished, aborted };

class ServerExchange : public Pooled {
public:
    ServerExchange(net::ByteStream& stream,
                   coro::Signal& signal,
                   const ServerConnectionOptions& options);
    ServerExchange(const ServerExchange&) = delete;
    ServerExchange& operator=(const ServerExchange&) = delete;

    Arena& arena() { return arena_; }
    // For what only the request needs; emptied by release_request().
    Arena& request_arena() { return request_arena_; }
    net::ByteStream& stream() { return *stream_; }
    // Raised by the client's connection, by timers of the handler, by whoever got it.
    coro::Signal& signal() { return *signal_; }
    const ServerConnectionOptions& options() const { return options_; }
    Instant started_at() const { return started_at_; }

    // --- Request. Views of the head hold until release_request().
    const RequestHead& head() const { return head_; }
    const RequestFraming& framing() const { return framing_; }
    // The next piece of the body that has arrived; false when there is none now. Tells the client
    // to go on where it waits for that.
    Result<bool> next_body_piece(BodyPiece& piece);
    bool is_body_complete() const { return body_.is_complete(); }
    std::optional<uint64_t> body_bytes_left() const { return body_.bytes_left(); }
    uint64_t body_bytes() const { return body_.body_bytes(); }
    // Lets go of the bytes that the head lies in. A stream that goes on for an hour must not pin
    // the block that its request came in.
    void release_request();

    // --- The client.
    // It can get no more of the response: reset, or an unsent remainder that it does not take.
    bool is_client_gone() const { return stream_->failed(); }
    // It has ended its direction. It may still read (RFC 9112 section 9.6), or be gone: only bytes
    // sent to it tell. See probe_half_closed().
    bool is_client_half_closed() const { return stream_->read_ended() && !stream_->failed(); }
    // Sends an interim response, which a client that still reads must skip (RFC 9110 section 15.2)
    // and which a closed socket answers with a reset. Only before the response has begun.
    void probe_half_closed();

    // --- Response. Calls come in this order; what is written leaves at the end of the turn.
    // A writer with the status line in it, for the fields of the caller's choice.
    HeadWriter begin_response(uint16_t status, std::string_view reason = {});
    // Adds framing and connection fields and sends the head. Length: for a body of known length.
    // For a client of HTTP/1.0, chunked becomes a body until close.
    Status send_head(HeadWriter& writer, uint16_t status, const BodyFraming& framing);
    void write_body(BodyPiece&& piece);
    void write_body(Slice data) { write_body(BodyPiece{.data = std::move(data)}); }
    // Frames a piece into `to` instead of sending it; pass it to write_framed() later.
    void frame_body(BodyPiece&& piece, SliceQueue& to) {
        if (tap_ != nullptr) [[unlikely]] {
            tap_->on_body(piece.data.view());
        }
        writer_.write(std::move(piece), to);
    }
    // What is said to the client alone and is no part of the answer: a comment between events.
    void write_aside(Slice data);
    void show_hidden(std::string_view bytes) {
        if (tap_ != nullptr) {
            tap_->on_hidden(bytes);
        }
    }
    // From now on; null ends it.
    void set_tap(BodyTap* tap) { tap_ = tap; }
    void write_framed(SliceQueue&& framed) { stream_->write(std::move(framed)); }
    void finish_response();
    // The response ends here and must not look whole.
    void abort_response();
    // The same, and the connection ends with a reset.
    void reset_response() {
        abort_response();
        ends_with_reset_ = true;
    }
    // A complete small response in one call.
    Status respond(HeadWriter& writer, uint16_t status, Slice body);

    ResponseState response_state() const { return response_state_; }
    uint16_t response_status() const { return response_status_; }
    uint64_t response_body_bytes() const { return writer_.body_bytes(); }
    // Whether the connection serves another request after this one.
    bool keeps_alive() const { return keep_alive_; }
    void close_after() { keep_alive_ = false; }
    // The body has no end of its own.
    bool ends_with_connection() const { return writer_.kind() == BodyKind::until_close; }
    // An aborted response must not look whole, or was asked to end this way.
    bool ends_with_reset() const { return ends_with_reset_ || ends_with_connection(); }

private:
    friend class ServerConnection;

    // For ServerConnection: looks for a whole head in what has arrived, and parses it.
    Result<bool> read_head(std::span<HeaderField> scratch);
    Status parse(std::string_view head, std::span<HeaderField> scratch);

    // What every piece of a response touches comes first.
    net::ByteStream* stream_;
    coro::Signal* signal_;
    BodyTap* tap_ = nullptr;
    BodyWriter writer_;
    uint16_t response_status_ = 0;
    ResponseState response_state_ = ResponseState::none;
    bool keep_alive_ = true;
    bool continue_sent_ = false;
    bool ends_with_reset_ = false;
    bool answers_head_ = false;  // A response to HEAD carries no body.
    Version version_ = Version::http_1_1;
    // A copy: a reload may replace them before the head is whole, and after the handler has ended.
    const ServerConnectionOptions options_;
    Arena arena_;
    Arena request_arena_;
    Instant started_at_;
    HeadAssembler assembler_;
    Slice head_bytes_;  // Pins what head_ looks at; empty when that is in the arena.
    RequestHead head_;
    RequestFraming framing_;
    BodyReader body_;
};

}  // namespace sluice::http
