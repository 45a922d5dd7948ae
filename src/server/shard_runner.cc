// The body of a shard's thread, and the messages it understands.
#include "server/shard_runner.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include "base/error.h"
#include "base/intrusive_list.h"
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
#include "net/dns_resolver.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tcp_stream.h"
#include "net/timer_wheel.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "server/gateway.h"
#include "server/options.h"
#include "server/runtime_config.h"
#include "server/telemetry.h"

namespace sluice::server {

namespace {

constexpr Duration kTurnWaitMax = Duration::seconds(1);
constexpr Duration kHousekeepingPeriod = Duration::seconds(1);
// A shard without traffic for this many periods gives its spare memory back.
constexpr uint32_t kQuietPeriodsBeforeTrim = 5;
// After the last exchange: how long clients get to read the end of their answers.
constexpr Duration kWindDownMax = Duration::milliseconds(400);

net::ProactorOptions proactor_options(const ServerOptions& server) {
    net::ProactorOptions options;
    options.ring.own_descriptors_max = server.http.connections_max;
    options.buffers = server.buffers;
    options.batch_window_us = server.stream_batch_us;
    options.batch_streams_min = server.stream_batch_streams_min;
    return options;
}

void pin_to(uint32_t core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    // Not vital: a container may forbid it.
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// A message that runs a function on the shard.
template <class Function>
class Call final : public net::Message {
public:
    explicit Call(Function function) : function_(std::move(function)) {}
    void deliver() override { function_(); }

private:
    Function function_;
};

template <class Function>
std::unique_ptr<net::Message> call(Function function) {
    return std::make_unique<Call<Function>>(std::move(function));
}

}  // namespace

class ShardRunner::Body {
public:
    Body(const ShardPlan& plan, std::unique_ptr<net::Shard> shard);

    void run();
    Result<net::Address> listen(const net::Address& address);
    void use(RuntimeConfigPtr config);
    void begin_drain(Duration deadline);

private:
    // A client in its TLS handshake: it is no connection of `connections_` yet.
    struct Handshake : ListNode {
        explicit Handshake(coro::ReadyQueue& ready) : signal(ready) {}
        coro::Signal signal;
    };

    static void on_accept(void* owner, int fd);
    static void on_handed_over(void* owner, int fd);
    static uint32_t room(void* owner);
    static void on_housekeeping(net::Timer& timer);
    void accepted(int fd);
    void serve_client(int fd);
    void count_clients(int32_t change);
    coro::Task<void> serve_connection(net::StreamPtr stream);
    coro::Task<net::StreamPtr> secure(net::StreamPtr plain);
    bool give_to_emptier_shard(int fd);
    void keep_house();
    bool look_at_drain();
    void wind_down();

    const ShardPlan& plan_;
    std::unique_ptr<net::Shard> shard_;
    net::Proactor& proactor_;
    Log log_;
    net::ShardNameSource names_;
    net::ResolverClient resolver_;
    net::TlsBlocks tls_blocks_;
    ShardTelemetry telemetry_;
    Gateway gateway_;
    http::ServerConnections connections_;
    IntrusiveList<Handshake> handshakes_;
    coro::TaskScope scope_;
    net::Listener listener_;
    net::Timer housekeeping_;
    net::SocketOptions sockets_;
    net::TlsContext tls_;  // Of connections that begin now; empty without TLS.
    Duration handshake_timeout_;
    uint32_t connections_max_ = 0;
    uint32_t clients_ = 0;  // Connections of clients, from accept on.
    uint64_t pauses_told_ = 0;
    uint32_t rebalance_min_ = 0;
    uint64_t resumed_before_ = 0;
    uint32_t quiet_periods_ = 0;
    Instant drain_deadline_;
    bool cut_ = false;
};

ShardRunner::Body::Body(const ShardPlan& plan, std::unique_ptr<net::Shard> shard)
    : plan_(plan),
      shard_(std::move(shard)),
      proactor_(shard_->proactor()),
      log_(plan.log, plan.log_format),
      names_(*shard_, plan.resolver),
      resolver_(proactor_, &names_, {}),
      telemetry_(*shard_, plan.access_log, plan.config->config.server.access_log.format),
      gateway_(*shard_, resolver_, tls_blocks_, telemetry_, plan.process),
      connections_(gateway_),
      scope_(proactor_.ready()),
      listener_(
          proactor_, {.on_new = &on_accept, .on_given = &on_handed_over, .room = &room}, this),
      housekeeping_(&on_housekeeping, this) {
    plan_.process.metrics[plan_.index] = &telemetry_.store();
    use(plan.config);
    keep_house();
}

void ShardRunner::Body::use(RuntimeConfigPtr config) {
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
    listener_.resume();
}

Result<net::Address> ShardRunner::Body::listen(const net::Address& address) {
    TRY_VOID(listener_.start(address, sockets_));
    return listener_.local_address();
}

// --- Connections.

void ShardRunner::Body::on_accept(void* owner, int fd) {
    static_cast<Body*>(owner)->accepted(fd);
}

void ShardRunner::Body::on_handed_over(void* owner, int fd) {
    static_cast<Body*>(owner)->serve_client(fd);
}

uint32_t ShardRunner::Body::room(void* owner) {
    const auto& body = *static_cast<Body*>(owner);
    return body.connections_max_ - std::min(body.clients_, body.connections_max_);
}

void ShardRunner::Body::accepted(int fd) {
    if (!give_to_emptier_shard(fd)) {
        serve_client(fd);
    }
}

// The kernel spreads connections by a hash, and long streams do not even out by themselves.
bool ShardRunner::Body::give_to_emptier_shard(int fd) {
    net::ShardGroup& group = plan_.group;
    if (rebalance_min_ == 0 || group.size() < 2) {
        return false;
    }
    const size_t emptiest = group.least_connected();
    const uint32_t there = group.load(emptiest).connections.load(std::memory_order_relaxed);
    if (emptiest == plan_.index || clients_ < there + rebalance_min_) {
        return false;
    }
    telemetry_.on_connection_moved();
    // Counted at once, or a burst of connections would all be sent to the same shard.
    group.load(emptiest).connections.fetch_add(1, std::memory_order_relaxed);
    net::Shard& other = group.shard(emptiest);
    proactor_.ring().send_descriptor(other.proactor().ring(), fd,
                                     static_cast<Body*>(other.owner())->listener_.handed_over());
    return true;
}

void ShardRunner::Body::serve_client(int fd) {
    if (connections_.is_draining()) {
        proactor_.ring().close(fd);
        return;
    }
    const int family = listener_.local_address().family();
    scope_.spawn(serve_connection(net::TcpStream::adopt_accepted(proactor_, fd, sockets_, family)));
}

void ShardRunner::Body::count_clients(int32_t change) {
    clients_ = static_cast<uint32_t>(static_cast<int32_t>(clients_) + change);
    plan_.group.load(plan_.index).connections.store(clients_, std::memory_order_relaxed);
}

coro::Task<void> ShardRunner::Body::serve_connection(net::StreamPtr stream) {
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
coro::Task<net::StreamPtr> ShardRunner::Body::secure(net::StreamPtr plain) {
    Handshake handshake(proactor_.ready());
    handshakes_.push_back(handshake);
    net::Deadline deadline(proactor_, handshake.signal);
    deadline.set(handshake_timeout_);
    net::TlsStream::Ptr stream = net::TlsStream::accept(std::move(plain), tls_, tls_blocks_);
    stream->set_signal(&handshake.signal);
    while (!stream->handshake_done() && !stream->failed() && !stream->read_ended() &&
           !deadline.has_passed() && !connections_.is_draining()) {
        co_await handshake.signal.wait();
    }
    stream->set_signal(nullptr);
    if (stream->failed()) {
        SLUICE_LOG(debug, "server", "a TLS handshake failed", {"error", stream->error()});
    }
    if (!stream->handshake_done() || stream->failed()) {
        co_return nullptr;
    }
    co_return net::StreamPtr(stream.release());
}

// --- Time.

void ShardRunner::Body::on_housekeeping(net::Timer& timer) {
    timer.owner_as<Body>().keep_house();
}

void ShardRunner::Body::keep_house() {
    log_.set_time(proactor_.ring().wall_clock_ns());
    telemetry_.publish_engine();
    gateway_.publish_upstreams();
    if (std::exchange(pauses_told_, listener_.pauses()) != listener_.pauses()) {
        SLUICE_LOG(warning, "server",
                   "new connections wait: the limit of connections or descriptors is reached",
                   {"connections", clients_}, {"connections_max", connections_max_});
    }
    telemetry_.publish_accept_pauses(listener_.pauses());
    const uint64_t resumed = proactor_.counters().resumed;
    quiet_periods_ = resumed == std::exchange(resumed_before_, resumed) ? quiet_periods_ + 1 : 0;
    if (quiet_periods_ == kQuietPeriodsBeforeTrim) {
        quiet_periods_ = shard_->trim() ? quiet_periods_ : 0;
        tls_blocks_.trim();
    }
    proactor_.timers().arm(housekeeping_, proactor_.now() + kHousekeepingPeriod);
}

void ShardRunner::Body::begin_drain(Duration deadline) {
    if (!drain_deadline_.is_set()) {
        listener_.stop();
        connections_.drain();
        for (Handshake* h = handshakes_.front(); h != nullptr; h = handshakes_.next(*h)) {
            h->signal.raise();
        }
    }
    drain_deadline_ = proactor_.now() + deadline;
}

// True when nothing is left to wait for.
bool ShardRunner::Body::look_at_drain() {
    if (!drain_deadline_.is_set()) {
        return false;
    }
    if (scope_.running() == 0 && listener_.is_idle()) {
        return true;
    }
    if (proactor_.now() >= drain_deadline_ && !cut_) {
        cut_ = true;
        SLUICE_LOG(warning, "server", "the time to drain is over; connections are cut",
                   {"connections", connections_.open()});
        connections_.abort_all();
    }
    return false;
}

void ShardRunner::Body::run() {
    shard_->set_owner(this);
    while (!look_at_drain()) {
        Duration wait = kTurnWaitMax;
        if (drain_deadline_.is_set() && !cut_) {
            wait = std::min(wait, std::max(drain_deadline_ - proactor_.now(), Duration()));
        }
        proactor_.turn(wait);
    }
    wind_down();
}

void ShardRunner::Body::wind_down() {
    housekeeping_.cancel();
    gateway_.retire();
    resolver_.close();
    // What was answered last gets a moment to be read; then what lingers is cut.
    const Instant cut_at = proactor_.now() + kWindDownMax;
    bool cut = false;
    while (proactor_.objects() > 0) {
        proactor_.turn(Duration::milliseconds(20));
        if (!cut && proactor_.now() >= cut_at) {
            cut = true;
            proactor_.cut_lingering();
        }
    }
}

// --- The runner.

ShardRunner::ShardRunner(ShardPlan plan) : plan_(std::move(plan)) {}

ShardRunner::~ShardRunner() = default;

std::optional<Error> ShardRunner::start() {
    std::latch made(1);
    thread_ = std::thread([this, &made] { run(made); });
    made.wait();
    return failure_;
}

void ShardRunner::run(std::latch& made) {
    if (plan_.core) {
        pin_to(*plan_.core);
    }
    Result<std::unique_ptr<net::Shard>> shard =
        net::Shard::create(plan_.index, proactor_options(plan_.config->config.server), plan_.seed);
    if (!shard) {
        failure_ = shard.error();
        made.count_down();
        ended_.store(true, std::memory_order_release);
        return;
    }
    plan_.group.set(**shard);
    Body body(plan_, std::move(*shard));
    body_ = &body;
    plan_.process.running.fetch_add(1);
    made.count_down();
    body.run();
    ended_.store(true, std::memory_order_release);
    uint32_t left = plan_.process.running.fetch_sub(1) - 1;
    plan_.process.running.notify_all();
    while (left > 0) {
        plan_.process.running.wait(left);
        left = plan_.process.running.load();
    }
}

Result<net::Address> ShardRunner::serve(net::Ring& sender, const net::Address& address) {
    std::promise<Result<net::Address>> promise;
    std::future<Result<net::Address>> answer = promise.get_future();
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, address, &promise] {
                                                      promise.set_value(body_->listen(address));
                                                  }));
    sender.submit(net::WaitOptions());
    return answer.get();
}

void ShardRunner::reload(net::Ring& sender, RuntimeConfigPtr config) {
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, next = std::move(config)] {
                                                      body_->use(next);
                                                  }));
}

void ShardRunner::drain(net::Ring& sender, Duration deadline) {
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, deadline] {
                                                      body_->begin_drain(deadline);
                                                  }));
}

}  // namespace sluice::server
