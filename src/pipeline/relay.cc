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
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/respond_error.h"
#include "pipeline/stream_watch.h"
#include "pipeline/usage_chunk.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

namespace {

// An event larger than this is passed on in parts; an error inside it then breaks it.
constexpr size_t kHeldEventBytesMax = size_t{256} * 1024;
// Events that arrived together are handed to the client's stream together, up to about this much,
// so that its marks still count.
constexpr size_t kReleasedBytesMin = size_t{16} * 1024;

constexpr std::string_view kComment = ":\n\n";

constexpr Error kFailedInStream = {.kind = ErrorKind::upstream_status,
                                   .source = ErrorSource::upstream,
                                   .where = "the upstream failed at the beginning of its stream"};

}  // namespace

Relay::Relay(http::ServerExchange& client,
             http::ClientConnection& upstream,
             const Kind& kind,
             RelayHead& head,
             Arena& arena)
    : client_(client),
      upstream_(upstream),
      head_(head),
      held_events_(kind.is_event_stream ? kind.held_events : 0),
      held_for_(kind.held_for),
      terminator_(kind.terminator),
      strips_usage_(kind.strips_usage && kind.is_event_stream),
      watch_(
          kind.is_event_stream, kind.is_event_stream ? kind.terminator : Terminator::none, arena) {}

coro::Task<Status> Relay::run(upstream::Patience& patience, const RelayLimits& limits) {
    RelayClocks clocks(client_.stream(), patience.signal(), limits);
    net::Deadline held(client_.stream().proactor(), patience.signal());
    if (held_events_ == 0) {
        CO_TRY_VOID(begin());
    }
    while (true) {
        CO_TRY(const bool moved, pass_on());
        CO_TRY_VOID(look_at_hold(held));
        if (upstream_.is_response_complete()) {
            co_return end();
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        // A client that takes nothing is given up; others may want the answer still.
        const std::optional<Error> over = clocks.look(moved);
        if (over && (over->kind != ErrorKind::send_timeout || patience.reason_to_stop())) {
            co_return fail(*over);
        }
        if (clocks.is_quiet()) {
            probe();
        }
        co_await patience.signal().wait();
    }
}

// Sends the head; once. Only then is it known how a body is framed.
Status Relay::begin() {
    if (has_begun_) {
        return {};
    }
    begun_ = head_.send();
    has_begun_ = begun_.has_value();
    if (has_begun_) {
        for (size_t i = 0; i < unbegun_.size(); ++i) {
            hold(std::move(unbegun_[i]));
            if (i + 1 == unbegun_whole_) {
                release_now();
            }
        }
        unbegun_.clear();
        unbegun_bytes_ = unbegun_whole_ = 0;
    }
    return begun_;
}

// What is held back has been so for long enough. Armed when there is something to wait for.
Status Relay::look_at_hold(net::Deadline& held) {
    if (has_begun_) {
        return {};
    }
    if (!std::exchange(is_hold_timed_, true)) {
        held.set(held_for_);
    } else if (held.has_passed()) {
        TRY_VOID(begin());
    }
    return {};
}

void Relay::look_at_first() {
    // An error that comes at once must not look like a fast answer.
    if (!has_seen_first_ && watch_.events() > 0 && !watch_.saw_error()) {
        has_seen_first_ = true;
        head_.on_first_event();
    }
}

void Relay::hold(http::BodyPiece&& piece) {
    if (has_begun_) {
        client_.frame_body(std::move(piece), held_);
    } else {
        unbegun_bytes_ += piece.data.size();
        unbegun_.push_back(std::move(piece));
    }
}

void Relay::release() {
    if (!has_begun_) {
        if (watch_.saw_error() && head_.prefers_to_fail()) {
            begun_ = fail(kFailedInStream);
            return;
        }
        if ((watch_.events() < held_events_ && !watch_.saw_error()) || !begin()) {
            return;
        }
    }
    if (held_is_whole_) {
        release_now();
    }
}

// What is held ends where an event ends.
void Relay::note_whole() {
    held_is_whole_ = true;
    broke_an_event_ = false;
    unbegun_whole_ = unbegun_.size();
}

void Relay::release_now() {
    if (!held_.empty()) {
        client_.write_framed(std::move(held_));
        held_.clear();
    }
    held_is_whole_ = false;
}

// True when there was anything to pass on. Stops while the client does not take it.
Result<bool> Relay::pass_on() {
    Result<bool> moved = take_pieces();
    look_at_first();
    if (held_is_whole_) {
        release();
    }
    if (!begun_) {
        return fail(begun_.error());
    }
    return moved;
}

void Relay::begin_with(std::vector<http::BodyPiece>&& pieces) {
    for (http::BodyPiece& piece : pieces) {
        if (strips_usage_) {
            take_unframed(std::move(piece));
        } else if (begun_) {
            begun_ = take_framed(std::move(piece));
        }
    }
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
        if (strips_usage_) {
            take_unframed(std::move(piece));
        } else {
            TRY_VOID(take_framed(std::move(piece)));
        }
    }
    return moved;
}

Status Relay::take_framed(http::BodyPiece&& piece) {
    const uint32_t size = piece.data.size();
    const uint32_t complete = watch_.see(piece.data.view());
    if (complete == size) {
        hold(std::move(piece));
        note_whole();
        if (held_.size_bytes() >= kReleasedBytesMin) {
            release();
        }
        return {};
    }
    if (complete > 0) {
        hold({.data = piece.data.share(0, complete), .headroom = piece.headroom});
        note_whole();
        piece.data.drop_front(complete);
        piece.headroom = 0;
    }
    if (held_is_whole_) {
        release();
    }
    hold(std::move(piece));
    if (held_.size_bytes() + unbegun_bytes_ > kHeldEventBytesMax) {
        TRY_VOID(begin());
        release_now();
        broke_an_event_ = true;
    }
    return {};
}

// The way of a stream whose usage chunk was the gateway's wish. Parts of an event are held as they
// came; only a piece that brings usage is looked at and, once, copied.
void Relay::take_unframed(http::BodyPiece&& piece) {
    const uint32_t usages_before = watch_.usage_objects();
    const uint32_t complete = watch_.see(piece.data.view());
    has_usage_ = has_usage_ || watch_.usage_objects() != usages_before;
    if (complete == piece.data.size()) {
        frame(std::move(piece));
        has_usage_ = false;
        return;
    }
    if (complete > 0) {
        frame({.data = piece.data.share(0, complete), .headroom = piece.headroom});
        piece.data.drop_front(complete);
    }
    unframed_.push_back(std::move(piece.data));
    if (unframed_.size_bytes() > kHeldEventBytesMax && begin()) {
        frame({});
        release_now();
        broke_an_event_ = true;
    }
}

// Frames what was held of an event, and the events that `events` completes.
void Relay::frame(http::BodyPiece&& events) {
    if (has_usage_) {
        unframed_.push_back(std::move(events.data));
        hide_usage(unframed_.to_string());
        unframed_.clear();
    } else {
        while (!unframed_.empty()) {
            hold({.data = unframed_.pop_front()});
        }
        hold(std::move(events));
    }
    note_whole();
    if (held_.size_bytes() >= kReleasedBytesMin) {
        release();
    }
}

// The client gets the events but for the one that holds nothing else.
void Relay::hide_usage(std::string_view events) {
    // Nothing follows that it would be worth to wait for, and whoever records the answer begins
    // with its head.
    const bool will_fail = watch_.saw_error() && head_.prefers_to_fail();
    if (!has_begun_ && !will_fail && !begin()) {
        return;
    }
    std::string kept;
    while (!events.empty()) {
        const std::string_view event = take_event(events);
        if (!holds_only_usage(event)) {
            kept += event;
            continue;
        }
        hold({.data = Slice::copy_of(kept)});
        kept.clear();
        client_.show_hidden(event);
    }
    hold({.data = Slice::copy_of(kept)});
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
    if (!unframed_.empty()) {
        frame({});
    }
    if (!has_begun_ && watch_.saw_error() && head_.prefers_to_fail()) {
        return fail(kFailedInStream);
    }
    TRY_VOID(begin());
    release_now();
    return {};
}

void Relay::break_off(const Error& error) {
    if (!watch_.is_event_stream() || !has_begun_) {
        return;
    }
    ErrorAnswer answer = answer_for(error);
    if (error.kind == ErrorKind::closed_early || error.kind == ErrorKind::reset) {
        answer.code = "stream_truncated";
    }
    std::string event = broke_an_event_ ? "\n\n" : "";
    event += error_event(answer, error_message(error, {}), terminator_,
                         watch_.events() + (broke_an_event_ ? 1 : 0));
    client_.write_body(Slice::copy_of(event));
}

void Relay::probe() {
    // What is held the client has seen nothing of.
    if (!has_begun_) {
        client_.probe_half_closed();
    } else if (watch_.is_event_stream() && !broke_an_event_) {
        client_.write_aside(Slice::unowned(kComment));
    }
}

}  // namespace sluice::pipeline
