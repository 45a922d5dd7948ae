// Relay: one response on its way from an upstream to the client, as it arrives.
//
// Event streams are passed on event by event: the beginning of an event waits, uncopied, for its
// end, so that the client is always at an event boundary and an error can be told in the stream.
// All else is passed on byte by byte. In the frame of its exchange.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/server_exchange.h"
#include "pipeline/stream_watch.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

struct RelayLimits {
    Duration silence;       // Of the upstream, inside its answer. Zero is off.
    Duration send_timeout;  // For a client that takes nothing. Zero is off.
    Duration keepalive;     // Silence after which the client gets a comment. Zero is off.
};

class Relay {
public:
    Relay(http::ServerExchange& client,
          http::ClientConnection& upstream,
          bool event_stream,
          Terminator terminator,
          Arena& arena);

    // Relays until the response is whole. Fails when either side, or patience, ends before that.
    coro::Task<Status> run(upstream::Patience& patience, const RelayLimits& limits);
    // Tells the client, in the stream, that it broke off.
    void break_off(const Error& error);
    // Writes a comment, where one may stand: to find out whether a client that ended its direction
    // still reads, or to keep a quiet connection alive.
    void probe();

    const StreamWatch& watch() const { return watch_; }

private:
    Result<bool> pass_on();
    Result<bool> take_pieces();
    Status end();
    void hold(http::BodyPiece&& piece);
    void release();

    http::ServerExchange& client_;
    http::ClientConnection& upstream_;
    const Terminator terminator_;
    bool broke_an_event_ = false;  // The front of an event too large to be held went out.
    bool held_is_whole_ = false;   // Events, each complete, that leave together.
    SliceQueue held_;              // Framed: such events, or parts of one that is not complete.
    StreamWatch watch_;
};

}  // namespace sluice::pipeline
