// The clocks of a reply on its way: silence of the upstream, quiet towards the client, and a client
// that takes nothing. Each re-arms itself lazily, so that progress costs no timer operation.
//
// In the frame of whoever passes the reply on; they raise the exchange's signal.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/time.h"
#include "coro/signal.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/proactor.h"

namespace sluice::pipeline {

struct RelayLimits {
    Duration silence;       // Of the upstream, inside its answer. Zero is off.
    Duration send_timeout;  // For a client that takes nothing. Zero is off.
    Duration keepalive;     // Silence after which the client gets a comment. Zero is off.
};

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

// All three, asked once for each wake-up.
class RelayClocks {
public:
    RelayClocks(net::ByteStream& client, coro::Signal& signal, const RelayLimits& limits)
        : client_(client),
          silence_(client.proactor(), signal, limits.silence),
          quiet_(client.proactor(), signal, limits.keepalive),
          stall_(client, signal, limits.send_timeout) {}

    // `moved`: bytes of the upstream were passed on since the last time. The error that ends the
    // exchange, if a limit has passed; a stuck client is given up.
    std::optional<Error> look(bool moved) {
        // While the client is the brake, the upstream's silence is our own doing.
        const bool listening = !client_.is_congested();
        if (moved || !listening || !was_listening_) {
            silence_.heard();
            quiet_.heard();
        }
        was_listening_ = listening;
        if (silence_.is_over()) {
            return Error{.kind = ErrorKind::silence_timeout,
                         .source = ErrorSource::upstream,
                         .where = "silence inside the answer"};
        }
        if (stall_.is_over()) {
            const Error error = {.kind = ErrorKind::send_timeout,
                                 .source = ErrorSource::client,
                                 .where = "the client did not read"};
            client_.abandon(error);
            return error;
        }
        return std::nullopt;
    }

    // The client should hear something, and the time for that begins anew.
    bool is_quiet() {
        const bool quiet = quiet_.is_over();
        if (quiet) {
            quiet_.restart();
        }
        return quiet;
    }

private:
    net::ByteStream& client_;
    SilenceClock silence_;
    SilenceClock quiet_;
    StallClock stall_;
    bool was_listening_ = true;
};

}  // namespace sluice::pipeline
