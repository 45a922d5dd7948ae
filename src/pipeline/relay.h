// Relay: one response on its way from an upstream to the client, as it arrives.
//
// Event streams are passed on event by event: the beginning of an event waits, uncopied, for its
// end, so that the client is always at an event boundary and an error can be told in the stream.
// All else is passed on byte by byte. In the frame of its exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/server_exchange.h"
#include "net/deadline.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/stream_probe.h"
#include "pipeline/stream_watch.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

// Who writes the response head of a relay, when there is something to follow it.
class RelayHead {
public:
    // The first event is there, or all of a body that is none of events.
    virtual void on_first_event() = 0;
    virtual Status send() = 0;
    // The upstream has failed in its stream, and nothing was sent: true when the relay should fail
    // rather than pass that on.
    virtual bool prefers_to_fail() = 0;

protected:
    ~RelayHead() = default;
};

class Relay final : public StreamProbe {
public:
    struct Kind {
        bool is_event_stream = false;
        // Of a stream, so many events are held back with the head, but no longer than that.
        uint32_t held_events = 0;
        Duration held_for = {};
        // The usage chunk is the gateway's own wish and does not go to the client.
        bool strips_usage = false;
        Terminator terminator = Terminator::none;
    };

    Relay(http::ServerExchange& client,
          http::ClientConnection& upstream,
          const Kind& kind,
          RelayHead& head,
          Arena& arena);

    // Takes what was received before it was there; once, at first.
    void begin_with(std::vector<http::BodyPiece>&& pieces);
    // Relays until the response is whole. Fails when either side, or patience, ends before that.
    coro::Task<Status> run(upstream::Patience& patience, const RelayLimits& limits);
    // Tells the client, in the stream, that it broke off.
    void break_off(const Error& error);
    // Writes a comment, where one may stand: to find out whether a client that ended its direction
    // still reads, or to keep a quiet connection alive.
    void probe() override;

    void watch_tier(Arena& arena) { watch_.watch_tier(arena); }
    const StreamWatch& watch() const { return watch_; }
    bool has_begun() const { return has_begun_; }
    // The client has the front of an event, whose end it will not get.
    bool has_broken_an_event() const { return broke_an_event_; }

private:
    Status begin();
    Status look_at_hold(net::Deadline& held);
    void look_at_first();
    Result<bool> pass_on();
    Result<bool> take_pieces();
    Status take_framed(http::BodyPiece&& piece);
    void take_unframed(http::BodyPiece&& piece);
    void frame(http::BodyPiece&& events);
    void hide_usage(std::string_view events);
    Status end();
    void hold(http::BodyPiece&& piece);
    void release();
    void release_now();
    void note_whole();

    http::ServerExchange& client_;
    http::ClientConnection& upstream_;
    RelayHead& head_;
    const uint32_t held_events_;
    const Duration held_for_;
    const Terminator terminator_;
    const bool strips_usage_;
    bool has_begun_ = false;       // The head was sent.
    bool has_seen_first_ = false;  // Event.
    bool is_hold_timed_ = false;
    Status begun_;                          // How that went.
    bool broke_an_event_ = false;           // The front of an event too large to be held went out.
    bool held_is_whole_ = false;            // Events, each complete, that leave together.
    std::vector<http::BodyPiece> unbegun_;  // Held back until the head is sent.
    size_t unbegun_bytes_ = 0;
    size_t unbegun_whole_ = 0;  // So many of the pieces end where an event ends.
    SliceQueue held_;           // Framed: such events, or parts of one that is not complete.
    SliceQueue unframed_;       // Where usage is stripped: the front of an event, as it came.
    bool has_usage_ = false;    // Usage came in what is held.
    StreamWatch watch_;
};

}  // namespace sluice::pipeline
