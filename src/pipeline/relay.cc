// Passing on, holding back, watching the clocks of both sides.
#include "pipeline/relay.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "pipeline/respond_error.h"
#include "pipeline/stream_watch.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

namespace {

// An event larger than this is passed on in parts; an error inside it then breaks it.
constexpr size_t kHeldEventBytesMax = size_t{256} * 1024;
// Events that arrived together are handed to the client's stream together, up to about this much,
// so that its marks still count.
constexpr size_t kReleasedBytesMin = size_t{16} * 1024;

constexpr std::string_view kComment = ":\n\n";

// When the upstream was last heard, as far as we were listening.
class SilenceClock {
public:
    SilenceClock(net::Proactor& proactor, coro::Signal& signal, Duration limit)
        : proactor_(proactor), deadline_(proactor, signal), limit_(limit), heard_(proactor.now()) {}

    void heard() { heard_ = proactor_.now(); }
    // Begins anew after it was over.
    void restart() {
        heard();
        deadline_.set(limit_);
    }
    // True when the silence has lasted too long. Arms when it is first asked, so that an answer
    // that is there whole costs no timer, and again for what is left, so that progress costs none.
    bool is_over() {
        if (!std::exchange(is_running_, true)) {
            deadline_.set(limit_);
            return false;
        }
        if (!deadline_.has_passed()) {
            return false;
        }
        const Duration silent = proactor_.now() - heard_;
        if (silent >= limit_) {
            return true;
        }
        deadline_.set(limit_ - silent);
        return false;
    }

private:
    net::Proactor& proactor_;
    net::Deadline deadline_;
    const Duration limit_;
    Instant heard_;
    bool is_running_ = false;
};

// Whether a congested client takes anything at all.
class StallClock {
public:
    StallClock(net::ByteStream& client, coro::Signal& signal, Duration limit)
        : client_(client), deadline_(client.proactor(), signal), limit_(limit) {}

    bool is_over() {
        if (!client_.is_congested()) {
            deadline_.clear();
            is_running_ = false;
            return false;
        }
        const bool took_some = client_.sent_bytes_total() != sent_before_;
        if (is_running_ && deadline_.has_passed() && !took_some) {
            return true;
        }
        if (!is_running_ || deadline_.has_passed()) {
            is_running_ = true;
            sent_before_ = client_.sent_bytes_total();
            deadline_.set(limit_);
        }
        return false;
    }

private:
    net::ByteStream& client_;
    net::Deadline deadline_;
    const Duration limit_;
    uint64_t sent_before_ = 0;
    bool is_running_ = false;
};

}  // namespace

Relay::Relay(http::ServerExchange& client,
             http::ClientConnection& upstream,
             bool event_stream,
             Terminator terminator,
             Arena& arena)
    : client_(client),
      upstream_(upstream),
      terminator_(terminator),
      watch_(event_stream, event_stream ? terminator : Terminator::none, arena) {}

coro::Task<Status> Relay::run(upstream::Patience& patience, const RelayLimits& limits) {
    SilenceClock silence(client_.stream().proactor(), patience.signal(), limits.silence);
    SilenceClock quiet(client_.stream().proactor(), patience.signal(), limits.keepalive);
    StallClock stall(client_.stream(), patience.signal(), limits.send_timeout);
    bool was_listening = true;
    while (true) {
        CO_TRY(const bool moved, pass_on());
        if (upstream_.is_response_complete()) {
            co_return end();
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        // While the client is the brake, the upstream's silence is our own doing.
        const bool listening = !client_.stream().is_congested();
        if (moved || !listening || !was_listening) {
            silence.heard();
            quiet.heard();
        }
        was_listening = listening;
        if (silence.is_over()) {
            co_return fail({.kind = ErrorKind::silence_timeout,
                            .source = ErrorSource::upstream,
                            .where = "silence inside the answer"});
        }
        if (quiet.is_over()) {
            probe();
            quiet.restart();
        }
        if (stall.is_over()) {
            const Error error = {.kind = ErrorKind::send_timeout,
                                 .source = ErrorSource::client,
                                 .where = "the client did not read"};
            client_.stream().abandon(error);
            co_return fail(error);
        }
        co_await patience.signal().wait();
    }
}

void Relay::hold(http::BodyPiece&& piece) {
    client_.frame_body(std::move(piece), held_);
}

void Relay::release() {
    if (!held_.empty()) {
        client_.write_framed(std::move(held_));
        held_.clear();
    }
    held_is_whole_ = false;
}

// True when there was anything to pass on. Stops while the client does not take it.
Result<bool> Relay::pass_on() {
    Result<bool> moved = take_pieces();
    if (held_is_whole_) {
        release();
    }
    return moved;
}

Result<bool> Relay::take_pieces() {
    bool moved = false;
    http::BodyPiece piece;
    while (!client_.stream().is_congested()) {
        TRY(const bool got, upstream_.next_body_piece(piece));
        if (!got) {
            break;
        }
        moved = true;
        const uint32_t size = piece.data.size();
        const uint32_t complete = watch_.see(piece.data.view());
        if (complete == size) {
            hold(std::move(piece));
            held_is_whole_ = true;
            broke_an_event_ = false;
            if (held_.size_bytes() >= kReleasedBytesMin) {
                release();
            }
            continue;
        }
        if (complete > 0) {
            hold({.data = piece.data.share(0, complete), .headroom = piece.headroom});
            held_is_whole_ = true;
            broke_an_event_ = false;
            piece.data.drop_front(complete);
            piece.headroom = 0;
        }
        if (held_is_whole_) {
            release();
        }
        hold(std::move(piece));
        if (held_.size_bytes() > kHeldEventBytesMax) {
            release();
            broke_an_event_ = true;
        }
    }
    return moved;
}

Status Relay::end() {
    watch_.end();
    if (!watch_.has_ended_properly()) {
        return fail({.kind = ErrorKind::closed_early,
                     .source = ErrorSource::upstream,
                     .where = "the stream ended without its closing event"});
    }
    // Anybody on the way can end a TCP connection; a stream that says itself that it is complete
    // needs no other word for it, and many servers leave out the notice.
    if (upstream_.may_be_cut() && !watch_.has_announced_its_end()) {
        return fail({.kind = ErrorKind::closed_early,
                     .source = ErrorSource::upstream,
                     .where = "the connection ended without the notice that TLS demands"});
    }
    release();
    return {};
}

void Relay::break_off(const Error& error) {
    if (!watch_.is_event_stream()) {
        return;
    }
    ErrorAnswer answer = answer_for(error);
    if (error.kind == ErrorKind::closed_early || error.kind == ErrorKind::reset) {
        answer.code = "stream_truncated";
    }
    std::string event = broke_an_event_ ? "\n\n" : "";
    event += error_event(answer, error_message(error, {}), terminator_);
    client_.write_body(Slice::copy_of(event));
}

void Relay::probe() {
    // What is held the client has seen nothing of.
    if (watch_.is_event_stream() && !broke_an_event_) {
        client_.write_body(Slice::unowned(kComment));
    }
}

}  // namespace sluice::pipeline
