// ShardBody: everything that one shard owns: its connections from clients, its gateway, its clock.
//
// Turned by whoever has the thread: ShardRunner in the process, a simulated world in tests. Made,
// used and destroyed on one thread; other threads reach it by messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/key_table.h"
#include "base/intrusive_list.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/result.h"
#include "base/time.h"
#include "cache/shared_cache.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/server_connection.h"
#include "ledger/lane.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "pipeline/processor_resources.h"
#include "server/engine_scraper.h"
#include "server/gateway.h"
#include "server/health_checker.h"
#include "server/options.h"
#include "server/process_cache.h"
#include "server/recent_exchanges.h"
#include "server/runtime_config.h"
#include "server/telemetry.h"
#include "trace/lane.h"

namespace sluice::server {

// What a shard gets from the process; all of it outlives the shard.
struct ShardPlan {
    uint32_t index = 0;
    std::optional<uint32_t> core;  // To be pinned to.
    uint64_t seed = 0;
    RuntimeConfigPtr config;
    net::ShardGroup& group;
    ProcessState& process;
    LogLane& log;
    LogFormat log_format = LogFormat::human;
    LogLane* access_log = nullptr;
    ledger::Lane* ledger = nullptr;  // Null when there is none.
    trace::Lane* traces = nullptr;   // Likewise.
    ProcessCache* cache = nullptr;   // Null: processors that need one let everything pass.
};

// How a shard is at a moment.
struct ShardState {
    uint32_t connections = 0;  // From clients.
    uint32_t exchanges = 0;
};

// The connections of a shard to one upstream.
struct UpstreamState {
    std::string name;
    uint64_t active = 0;
    uint64_t available = 0;  // Idle ones.
    uint64_t connections_max = 0;
    uint64_t waiting = 0;  // Exchanges.
};

// How the engine of a shard is made for these options.
net::ProactorOptions proactor_options(const ServerOptions& server);

class ShardBody {
public:
    // `names` answers for hosts that are no literal addresses.
    ShardBody(const ShardPlan& plan,
              std::unique_ptr<net::Shard> shard,
              std::unique_ptr<net::NameSource> names);
    // look() must have said that it is over.
    ~ShardBody() = default;
    ShardBody(const ShardBody&) = delete;
    ShardBody& operator=(const ShardBody&) = delete;

    // --- On its thread, in a turn or between two.
    // `passed`: a descriptor that listens there already, the shard's from now on.
    Result<net::Address> listen(const net::Address& address,
                                std::optional<int> passed = std::nullopt);
    void use(RuntimeConfigPtr config);
    void use_keys(access::KeyTablePtr keys) { gateway_.use_keys(std::move(keys)); }
    // The same for the shard that it is the body of; nothing happens on one without a body.
    static void give_keys(const net::Shard& shard, access::KeyTablePtr keys);
    // Of the shard that it is the body of; zeros of one without a body.
    static ShardState state_of(const net::Shard& shard);
    static std::vector<UpstreamState> upstreams_of(const net::Shard& shard);
    // Its last exchanges, the newest first.
    static std::vector<RecentExchange> recent_of(const net::Shard& shard, size_t count);
    // One of them, with its content; nothing when it has none of this number.
    static std::optional<ExchangeWithContent> recent_of_number(const net::Shard& shard,
                                                               uint64_t number);
    // Stops accepting, lets exchanges end until `deadline` from now, then cuts them.
    void begin_drain(Duration deadline);
    // After the end, while the other shards may still run.
    void hand_over_cache();

    // --- Turning: look() before each turn, which waits for wait_max() at most.
    net::Proactor& proactor() { return proactor_; }
    // Takes the next step of the end where one is due; true when nothing is left.
    bool look();
    Duration wait_max() const;

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
    pipeline::ProcessorResources open_cache();
    void keep_house();
    void give_back_memory();
    void raise_handshakes();
    bool look_at_drain();
    void begin_wind_down();

    const ShardPlan& plan_;
    std::unique_ptr<net::Shard> shard_;
    net::Proactor& proactor_;
    Log log_;
    std::unique_ptr<net::NameSource> names_;
    net::ResolverClient resolver_;
    net::TlsBlocks tls_blocks_;
    ShardTelemetry telemetry_;
    std::optional<cache::SharedCache> cache_;
    Gateway gateway_;
    std::optional<HealthChecker> health_;     // On the first shard only.
    std::unique_ptr<EngineScraper> engines_;  // Likewise.
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
    uint32_t objects_at_trim_ = UINT32_MAX;  // The last one since there was traffic.
    Instant drain_deadline_;
    Instant arrivals_end_;
    Instant wind_down_ends_;  // Set when the last exchange has ended.
    bool cut_ = false;
    bool lingering_cut_ = false;
};

}  // namespace sluice::server
