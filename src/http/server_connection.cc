// The keep-alive loop.
#include "http/server_connection.h"

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/options.h"
#include "http/server_exchange.h"
#include "net/byte_stream.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::http {

namespace {

// A request may be on its way already when draining begins. That of a kept connection its client
// can send again; that of a new one seems refused by a gateway that had just taken the connection.
// A few round trips.
constexpr Duration kFirstRequestGrace = Duration::milliseconds(200);

}  // namespace

void ServerConnections::drain() {
    draining_ = true;
    for (ServerConnection* c = connections_.front(); c != nullptr; c = connections_.next(*c)) {
        c->signal_.raise();
    }
}

void ServerConnections::abort_all() {
    for (ServerConnection* c = connections_.front(); c != nullptr; c = connections_.next(*c)) {
        c->stream_->abandon(
            {.kind = ErrorKind::shutting_down, .where = "the time to drain is over"});
    }
}

ServerConnection::ServerConnection(ServerConnections& connections, net::StreamPtr stream)
    : all_(connections),
      stream_(std::move(stream)),
      signal_(stream_->proactor().ready()),
      timer_(&on_timer, this) {
    all_.connections_.push_back(*this);
    ++all_.open_;
    stream_->set_signal(&signal_);
}

ServerConnection::~ServerConnection() {
    --all_.open_;
}

void ServerConnection::on_timer(net::Timer& timer) {
    auto& connection = timer.owner_as<ServerConnection>();
    connection.timed_out_ = true;
    connection.signal_.raise();
}

void ServerConnection::wait_until(Instant deadline) {
    timed_out_ = false;
    stream_->proactor().timers().arm(timer_, deadline);
}

ServerConnection::Step ServerConnection::look_for_head() {
    if (stream_->failed()) {
        return Step::end;
    }
    if (exchange_ == nullptr && !stream_->received().empty()) {
        const ServerConnectionOptions& options = all_.handler_.connection_options();
        exchange_ = std::make_unique<ServerExchange>(*stream_, signal_, options);
        timer_.cancel();  // That of an idle connection.
        timed_out_ = false;
    }
    if (exchange_ != nullptr) {
        const Result<bool> complete = exchange_->read_head(all_.scratch_for(exchange_->options()));
        if (!complete) {
            all_.handler_.refuse(*exchange_, complete.error());
            return Step::refused;
        }
        if (*complete) {
            return Step::go;
        }
        if (timed_out_) {
            all_.handler_.refuse(*exchange_, {.kind = ErrorKind::head_timeout,
                                              .source = ErrorSource::client,
                                              .where = "the request head took too long"});
            return Step::refused;
        }
        // Not before the first look, because most heads are whole at once.
        if (!timer_.is_armed()) {
            wait_until(exchange_->started_at() +
                       Duration::milliseconds(exchange_->options().head_timeout_ms));
        }
    }
    // An idle connection ends without a word, and so does one whose request was cut off.
    if (stream_->read_ended() || (exchange_ == nullptr && is_idle_too_long())) {
        return Step::end;
    }
    return Step::wait;
}

bool ServerConnection::is_idle_too_long() {
    if (timed_out_ || (all_.draining_ && requests_ > 0)) {
        return true;
    }
    if (all_.draining_ && !is_hurried_) {
        is_hurried_ = true;
        wait_until(stream_->proactor().now() + kFirstRequestGrace);
    }
    return false;
}

// The exchange's arena holds bytes that are still to be sent, so it stays until they are.
ServerConnection::Step ServerConnection::look_for_end_of_response() {
    if (stream_->failed() || timed_out_) {
        return Step::end;
    }
    if (stream_->unsent_bytes() > 0) {
        return Step::wait;
    }
    const bool whole = exchange_->response_state() == ResponseState::finished;
    return whole && exchange_->keeps_alive() ? Step::go : Step::end;
}

net::CloseMode ServerConnection::close_mode() const {
    if (exchange_ == nullptr) {
        return net::CloseMode::graceful;  // Nothing is unsent, but TLS says goodbye.
    }
    if (timed_out_ || stream_->error().kind == ErrorKind::send_timeout) {
        // An orderly end would wait in the kernel behind what this client does not take.
        return net::CloseMode::reset;
    }
    // Bytes that come after a close, or that nobody has read before it, reset the connection under
    // our own answer, or under the error event that ends it (RFC 9112 section 9.6).
    switch (exchange_->response_state()) {
        case ResponseState::finished:
            return net::CloseMode::linger;
        case ResponseState::aborted:
            // A body that the end of the connection ends must not seem to have ended.
            return exchange_->ends_with_reset() ? net::CloseMode::reset : net::CloseMode::linger;
        case ResponseState::none:
        case ResponseState::head_sent:
            break;
    }
    return net::CloseMode::abort;
}

coro::Task<void> ServerConnection::serve(ServerConnections& connections, net::StreamPtr stream) {
    ServerConnection self(connections, std::move(stream));
    while (true) {
        const ServerConnectionOptions& idle_options = connections.handler_.connection_options();
        self.wait_until(self.stream_->proactor().now() +
                        Duration::milliseconds(idle_options.keep_alive_timeout_ms));
        Step step = self.look_for_head();
        while (step == Step::wait) {
            co_await self.signal_.wait();
            step = self.look_for_head();
        }
        if (step == Step::end) {
            break;
        }
        self.timer_.cancel();
        const ServerConnectionOptions& options = self.exchange_->options();
        if (step == Step::go) {
            ++self.requests_;
            if (connections.draining_ || (options.requests_per_connection_max > 0 &&
                                          self.requests_ >= options.requests_per_connection_max)) {
                self.exchange_->close_after();
            }
            co_await connections.handler_.handle(*self.exchange_);
        }
        self.stream_->notify_when_sent(true);
        self.wait_until(self.stream_->proactor().now() +
                        Duration::milliseconds(options.send_timeout_ms));
        step = self.look_for_end_of_response();
        while (step == Step::wait) {
            co_await self.signal_.wait();
            step = self.look_for_end_of_response();
        }
        if (step == Step::end) {
            break;
        }
        self.stream_->notify_when_sent(false);
        self.exchange_.reset();
    }
    const net::CloseMode mode = self.close_mode();
    self.stream_->set_signal(nullptr);
    net::close(std::move(self.stream_), mode);
}

std::span<HeaderField> ServerConnections::scratch_for(const ServerConnectionOptions& options) {
    if (scratch_.size() < options.limits.fields_max) {
        scratch_.resize(options.limits.fields_max);
    }
    return scratch_;
}

}  // namespace sluice::http
