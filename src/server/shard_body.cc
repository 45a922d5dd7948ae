// Connections in, gateway, clock and the end: one shard's life, a turn at a time.
#include "server/shard_body.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "access/key_table.h"
#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/server_connection.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/listener.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tcp_stream.h"
#include "net/timer_wheel.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "pipeline/processor_resources.h"
#include "server/gateway.h"
#include "server/options.h"
#include "server/recent_exchanges.h"
#include "server/runtime_config.h"
#include "server/spare_memory.h"
#include "server/telemetry.h"
#include "upstream/connection_pool.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

constexpr Duration kTurnWaitMax = Duration::seconds(1);
constexpr Duration kHousekeepingPeriod = Duration::seconds(1);
// A shard that is quiet for this many periods gives its spare memory back. Probes of load balancers
// and a look at the metrics are no traffic: they never end.
constexpr uint32_t kQuietPeriodsBeforeTrim = 5;
constexpr uint64_t kQuietResumesMax = 64;
// How long a shard that drains waits for connections that others have sent to it. They are there at
// once, unless it had no descriptor for them.
constexpr Duration kArrivalMax = Duration::seconds(1);
// After the last exchange: how long clients get to read the end of their answers.
constexpr Duration kWindDownMax = Duration::milliseconds(400);
constexpr Duration kEndTurn = Duration::milliseconds(20);
// What a TLS handshake may still take when draining begins: a few round trips.
constexpr Duration kHandshakeGrace = Duration::milliseconds(200);

}  // namespace

net::ProactorOptions proactor_options(const ServerOptions& server) {
    net::ProactorOptions options;
    options.ring.own_descriptors_max = server.http.connections_max;
    options.buffers = server.buffers;
    options.batch_window_us = server.stream_batch_us;
    options.batch_streams_min = server.stream_batch_streams_min;
    return options;
}

ShardBody::ShardBody(const ShardPlan& plan,
                     std::unique_ptr<net::Shard> shard,
                     std::unique_ptr<net::NameSource> names)
    : plan_(plan),
      shard_(std::move(shard)),
      proactor_(shard_->proactor()),
      log_(plan.log, plan.log_format),
      names_(std::move(names)),
      resolver_(proactor_, names_.get(), {}),
      telemetry_(*shard_,
                 plan.access_log,
                 plan.config->config.server.access_log.format,
                 plan.ledger,
                 plan.traces),
      gateway_(*shard_, resolver_, tls_blocks_, telemetry_, plan.process, open_cache()),
      connections_(gateway_),
      scope_(proactor_.ready()),
      listener_(
          proactor_, {.on_new = &on_accept, .on_given = &on_handed_over, .room = &room}, this),
      housekeeping_(&on_housekeeping, this) {
    shard_->set_owner(this);
    gateway_.use_shards(plan_.group);
    if (plan_.index == 0) {
        health_.emplace(*shard_);
        engines_ = std::make_unique<EngineScraper>(*shard_);
    }
    plan_.process.metrics[plan_.index] = &telemetry_.store();
    use(plan.config);
    keep_house();
}

void ShardBody::use(RuntimeConfigPtr config) {
    const ServerOptions& server = config->config.server;
    sockets_ = server.sockets;
    connections_max_ = server.http.connections_max;
    if (const uint32_t entries = proactor_.ring().own_descriptors_max(); entries > 0) {
        connections_max_ = std::min(connections_max_, entries);
    }
    rebalance_min_ = server.rebalance_connections_min;
    handshake_timeout_ = Duration::milliseconds(server.tls.handshake_timeout_ms);
    tls_ = config->client_side;
    gateway_.use(std::move(config));
    if (health_ && !wind_down_ends_.is_set()) {
        health_->use(gateway_.snapshot());
        engines_->use(gateway_.snapshot());
    }
    listener_.resume();
}

void ShardBody::give_keys(const net::Shard& shard, access::KeyTablePtr keys) {
    if (auto* const body = static_cast<ShardBody*>(shard.owner()); body != nullptr) {
        body->use_keys(std::move(keys));
    }
}

ShardState ShardBody::state_of(const net::Shard& shard) {
    const auto* const body = static_cast<const ShardBody*>(shard.owner());
    return body == nullptr ? ShardState()
                           : ShardState{.connections = body->clients_,
                                        .exchanges = body->telemetry_.open_exchanges()};
}

std::vector<UpstreamState> ShardBody::upstreams_of(const net::Shard& shard) {
    std::vector<UpstreamState> states;
    const auto* const body = static_cast<const ShardBody*>(shard.owner());
    if (body == nullptr) {
        return states;
    }
    for (const LocalPtr<upstream::Upstream>& upstream : body->gateway_.upstreams()) {
        const upstream::ConnectionPool& pool = upstream->pool();
        states.push_back({.name = upstream->options().name,
                          .active = pool.connections() - pool.idle(),
                          .available = pool.idle(),
                          .connections_max = upstream->options().pool.connections_max,
                          .waiting = pool.waiting()});
    }
    return states;
}

std::vector<RecentExchange> ShardBody::recent_of(const net::Shard& shard, size_t count) {
    const auto* const body = static_cast<const ShardBody*>(shard.owner());
    return body == nullptr ? std::vector<RecentExchange>()
                           : body->telemetry_.recent().newest(count);
}

std::optional<ExchangeWithContent> ShardBody::recent_of_number(const net::Shard& shard,
                                                               uint64_t number) {
    const auto* const body = static_cast<const ShardBody*>(shard.owner());
    return body == nullptr ? std::nullopt : body->telemetry_.recent().find(number);
}

// Before the gateway, whose processors use it.
pipeline::ProcessorResources ShardBody::open_cache() {
    if (plan_.cache == nullptr) {
        return {};
    }
    cache_.emplace(*shard_, plan_.cache->group());
    cache_->import_from(plan_.cache->loaded());
    return {.cache = &*cache_, .cache_keys = &plan_.cache->keys()};
}

void ShardBody::hand_over_cache() {
    if (cache_) {
        plan_.cache->collect(*cache_);
    }
}

Result<net::Address> ShardBody::listen(const net::Address& address, std::optional<int> passed) {
    if (passed) {
        listener_.adopt(*passed, sockets_);
    } else {
        TRY_VOID(listener_.start(address, sockets_));
    }
    return listener_.local_address();
}

// --- Connections.

void ShardBody::on_accept(void* owner, int fd) {
    static_cast<ShardBody*>(owner)->accepted(fd);
}

void ShardBody::on_handed_over(void* owner, int fd) {
    auto& body = *static_cast<ShardBody*>(owner);
    body.plan_.group.load(body.plan_.index).arriving.fetch_sub(1);
    body.serve_client(fd);
}

uint32_t ShardBody::room(void* owner) {
    const auto& body = *static_cast<ShardBody*>(owner);
    return body.connections_max_ - std::min(body.clients_, body.connections_max_);
}

void ShardBody::accepted(int fd) {
    if (connections_.is_draining() || !give_to_emptier_shard(fd)) {
        serve_client(fd);
    }
}

// The kernel spreads connections by a hash, and long streams do not even out by themselves.
bool ShardBody::give_to_emptier_shard(int fd) {
    net::ShardGroup& group = plan_.group;
    if (rebalance_min_ == 0 || group.size() < 2) {
        return false;
    }
    const size_t emptiest = group.least_connected();
    const uint32_t there = group.load(emptiest).connections.load(std::memory_order_relaxed);
    if (emptiest == plan_.index || clients_ < there + rebalance_min_) {
        return false;
    }
    // In this order, and the flag before the drain: then either this shard sees the flag or the
    // other one that something is to come.
    group.load(emptiest).arriving.fetch_add(1);
    if (plan_.process.is_draining.load()) {
        group.load(emptiest).arriving.fetch_sub(1);
        return false;
    }
    telemetry_.on_connection_moved();
    // Counted at once, or a burst of connections would all be sent to the same shard.
    group.load(emptiest).connections.fetch_add(1, std::memory_order_relaxed);
    net::Shard& other = group.shard(emptiest);
    proactor_.ring().send_descriptor(
        other.proactor().ring(), fd,
        static_cast<ShardBody*>(other.owner())->listener_.handed_over());
    return true;
}

void ShardBody::serve_client(int fd) {
    if (cut_ || wind_down_ends_.is_set()) {
        proactor_.ring().close(fd);
        return;
    }
    const int family = listener_.local_address().family();
    scope_.spawn(serve_connection(net::TcpStream::adopt_accepted(proactor_, fd, sockets_, family)));
}

void ShardBody::count_clients(int32_t change) {
    clients_ = static_cast<uint32_t>(static_cast<int32_t>(clients_) + change);
    plan_.group.load(plan_.index).connections.store(clients_, std::memory_order_relaxed);
}

coro::Task<void> ShardBody::serve_connection(net::StreamPtr stream) {
    count_clients(1);
    telemetry_.on_client_connected(clients_);
    if (tls_) {
        stream = co_await secure(std::move(stream));
    }
    if (stream != nullptr) {
        co_await http::ServerConnection::serve(connections_, std::move(stream));
    }
    count_clients(-1);
    telemetry_.on_client_gone(clients_);
    listener_.resume();
}

// The TLS handshake with a client, within its time; null when it failed.
coro::Task<net::StreamPtr> ShardBody::secure(net::StreamPtr plain) {
    Handshake handshake(proactor_.ready());
    handshakes_.push_back(handshake);
    net::Deadline deadline(proactor_, handshake.signal);
    deadline.set(handshake_timeout_);
    bool is_hurried = false;
    net::TlsStream::Ptr stream = net::TlsStream::accept(std::move(plain), tls_, tls_blocks_);
    stream->set_signal(&handshake.signal);
    while (!stream->handshake_done() && !stream->failed() && !stream->read_ended() &&
           !deadline.has_passed() && !cut_) {
        if (connections_.is_draining() && !is_hurried) {
            is_hurried = true;
            deadline.set(std::min(handshake_timeout_, kHandshakeGrace));
        }
        co_await handshake.signal.wait();
    }
    stream->set_signal(nullptr);
    if (stream->failed()) {
        SLUICE_LOG(debug, "server", "a TLS handshake failed", {"error", stream->error()});
    }
    if (!stream->handshake_done() || stream->failed() || cut_) {
        co_return nullptr;
    }
    co_return net::StreamPtr(stream.release());
}

// --- Time.

void ShardBody::on_housekeeping(net::Timer& timer) {
    timer.owner_as<ShardBody>().keep_house();
}

void ShardBody::keep_house() {
    log_.set_time(proactor_.ring().wall_clock_ns());
    telemetry_.publish_engine();
    gateway_.publish_upstreams();
    if (cache_) {
        telemetry_.publish_cache(cache_->statistics());
    }
    if (std::exchange(pauses_told_, listener_.pauses()) != listener_.pauses()) {
        SLUICE_LOG(warning, "server",
                   "new connections wait: the limit of connections or descriptors is reached",
                   {"connections", clients_}, {"connections_max", connections_max_});
    }
    telemetry_.publish_accept_pauses(listener_.pauses());
    give_back_memory();
    proactor_.timers().arm(housekeeping_, proactor_.now() + kHousekeepingPeriod);
}

// Once when it has become quiet, and again while connections end: after a burst those to upstreams
// do so bit by bit (upstream/connection_pool.h).
void ShardBody::give_back_memory() {
    const uint64_t resumed = proactor_.counters().resumed;
    if (resumed - std::exchange(resumed_before_, resumed) > kQuietResumesMax) {
        quiet_periods_ = 0;
        objects_at_trim_ = UINT32_MAX;
        return;
    }
    if (++quiet_periods_ < kQuietPeriodsBeforeTrim) {
        return;
    }
    quiet_periods_ = 0;
    if (proactor_.objects() < objects_at_trim_ && shard_->trim()) {
        objects_at_trim_ = proactor_.objects();
        tls_blocks_.trim();
        return_free_memory();
    }
}

void ShardBody::begin_drain(Duration deadline) {
    if (!drain_deadline_.is_set()) {
        listener_.stop();
        connections_.drain();
        raise_handshakes();
        arrivals_end_ = proactor_.now() + kArrivalMax;
    }
    drain_deadline_ = proactor_.now() + deadline;
}

void ShardBody::raise_handshakes() {
    for (Handshake* h = handshakes_.front(); h != nullptr; h = handshakes_.next(*h)) {
        h->signal.raise();
    }
}

// True when no exchange is left to wait for.
bool ShardBody::look_at_drain() {
    if (!drain_deadline_.is_set()) {
        return false;
    }
    const bool has_arrivals = plan_.group.load(plan_.index).arriving.load() > 0 &&
                              proactor_.now() < std::min(arrivals_end_, drain_deadline_);
    if (scope_.running() == 0 && listener_.is_idle() && !has_arrivals) {
        return true;
    }
    if (proactor_.now() >= drain_deadline_ && !cut_) {
        cut_ = true;
        SLUICE_LOG(warning, "server", "the time to drain is over; connections are cut",
                   {"connections", connections_.open()});
        connections_.abort_all();
        raise_handshakes();
    }
    return false;
}

bool ShardBody::look() {
    if (!wind_down_ends_.is_set() && look_at_drain()) {
        begin_wind_down();
    }
    if (wind_down_ends_.is_set() && !lingering_cut_ && proactor_.now() >= wind_down_ends_) {
        lingering_cut_ = true;
        proactor_.cut_lingering();
    }
    return wind_down_ends_.is_set() && proactor_.objects() == 0 &&
           (!health_ || (health_->is_idle() && engines_->is_idle()));
}

Duration ShardBody::wait_max() const {
    if (wind_down_ends_.is_set()) {
        return kEndTurn;
    }
    if (drain_deadline_.is_set() && !cut_) {
        // Whoever takes back a connection that it has announced wakes nobody.
        const Duration turn = proactor_.now() < arrivals_end_ ? kEndTurn : kTurnWaitMax;
        return std::min(turn, std::max(drain_deadline_ - proactor_.now(), Duration()));
    }
    return kTurnWaitMax;
}

// What was answered last gets a moment to be read; then what lingers is cut.
void ShardBody::begin_wind_down() {
    wind_down_ends_ = proactor_.now() + kWindDownMax;
    housekeeping_.cancel();
    if (health_) {
        health_->stop();
        engines_->stop();
    }
    gateway_.retire();
    resolver_.close();
}

}  // namespace sluice::server
