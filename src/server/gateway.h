// Gateway: what one shard does with requests. Answers its own endpoints, and runs an Exchange for
// everything else. One per shard, on its thread; lives as long as its connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "access/key_table.h"
#include "balance/pool.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/metrics.h"
#include "coro/task.h"
#include "http/options.h"
#include "http/server_connection.h"
#include "http/server_exchange.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "pipeline/exchange.h"
#include "pipeline/processor_resources.h"
#include "pipeline/remote_hosts.h"
#include "pipeline/service.h"
#include "pipeline/shard_bell.h"
#include "pipeline/signature_cache.h"
#include "pipeline/snapshot.h"
#include "server/runtime_config.h"
#include "server/telemetry.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::server {

// What the shards of one process share besides their mailboxes.
struct ProcessState {
    std::atomic<bool> is_draining = false;
    // Shards that serve. A shard stays in memory until the last one has ended, because the others
    // may still send it messages.
    std::atomic<uint32_t> running = 0;
    // Shards that still take messages: one that has ended may own what the others ask for.
    std::atomic<uint32_t> turning = 0;
    // The metrics of all shards and, after them, of the process; filled before any shard serves.
    std::vector<const MetricStore*> metrics;
    mutable pipeline::SignatureCache signatures;  // Locks itself.
};

class Gateway final : public http::RequestHandler,
                      private pipeline::RemoteHosts,
                      private pipeline::ShardBell {
public:
    Gateway(net::Shard& shard,
            net::ResolverClient& resolver,
            net::TlsBlocks& tls_blocks,
            ShardTelemetry& telemetry,
            const ProcessState& process,
            const pipeline::ProcessorResources& resources);

    // Compiles the configuration for this shard; requests that begin from now on go by it.
    // Upstreams whose settings did not change keep their connections.
    void use(RuntimeConfigPtr config);
    // Another table of keys, for requests that begin from now on.
    void use_keys(access::KeyTablePtr keys);
    // The shards that it can tell something.
    void use_shards(const net::ShardGroup& shards) { shards_ = &shards; }
    // Lets go of the snapshot; idle connections to upstreams end.
    void retire();

    coro::Task<void> handle(http::ServerExchange& exchange) override;
    void refuse(http::ServerExchange& exchange, const Error& error) override;
    const http::ServerConnectionOptions& connection_options() override {
        return snapshot_->connections;
    }
    std::span<const LocalPtr<upstream::Upstream>> upstreams() const { return upstreams_; }
    const LocalPtr<pipeline::Snapshot>& snapshot() const { return snapshot_; }
    // Publishes the state of the upstreams' pools, and what finding their addresses took.
    void publish_upstreams();

private:
    static bool is_scrape(const http::RequestHead& head);
    bool answer_own_endpoint(http::ServerExchange& exchange);
    void answer_text(http::ServerExchange& exchange, uint16_t status, std::string_view text);
    bool can_serve() const;
    void answer_preflight(http::ServerExchange& exchange);
    coro::Task<void> answer_metrics(http::ServerExchange& exchange);
    std::vector<LocalPtr<upstream::Upstream>> make_upstreams();
    // One for each of these.
    std::vector<std::unique_ptr<pipeline::Service>> make_providers(
        std::span<const LocalPtr<upstream::Upstream>> upstreams);
    void forget_levels(std::string_view upstream);
    void replace_upstreams(std::vector<LocalPtr<upstream::Upstream>> upstreams);
    LocalPtr<upstream::Upstream> make_upstream(const upstream::UpstreamOptions& options,
                                               const net::TlsContext& tls,
                                               upstream::Reach reach);
    LocalPtr<upstream::Upstream> open(const upstream::UpstreamOptions& options,
                                      upstream::Reach reach) override;
    uint32_t own_shard() const override { return shard_.index(); }
    void ring(uint32_t shard, balance::WaitingRoomPtr room) override;

    net::Shard& shard_;
    const net::ShardGroup* shards_ = nullptr;
    net::ResolverClient& resolver_;
    net::TlsBlocks& tls_blocks_;
    ShardTelemetry& telemetry_;
    const ProcessState& process_;
    const pipeline::ProcessorResources resources_;
    pipeline::Services services_;
    RuntimeConfigPtr config_;
    std::vector<LocalPtr<upstream::Upstream>> upstreams_;
    LocalPtr<pipeline::Snapshot> snapshot_;
};

}  // namespace sluice::server
