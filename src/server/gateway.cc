// The gateway's own endpoints, and the way into the pipeline.
#include "server/gateway.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "access/key_table.h"
#include "balance/pool.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/memory_pool.h"
#include "base/metric_families.h"
#include "base/metric_writer.h"
#include "base/metrics.h"
#include "base/metrics_text.h"
#include "base/result.h"
#include "base/slice.h"
#include "cache/shared_cache.h"
#include "config/config.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "net/mailbox.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "pipeline/chain.h"
#include "pipeline/cors.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/held_keys.h"
#include "pipeline/llm_target.h"
#include "pipeline/options.h"
#include "pipeline/processor_resources.h"
#include "pipeline/respond_error.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/shard_bell.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_pool.h"
#include "server/options.h"
#include "server/runtime_config.h"
#include "server/target_facts.h"
#include "server/target_pools.h"
#include "server/telemetry.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

using http::HeaderId;

constexpr std::string_view kHealthPath = "/healthz";
constexpr std::string_view kReadyPath = "/readyz";
constexpr std::string_view kMetricsPath = "/metrics";

// There is news for requests of the shard that this message arrives at.
class RoomNews final : public net::Message, public Pooled {
public:
    RoomNews(uint32_t shard, balance::WaitingRoomPtr room)
        : shard_(shard), room_(std::move(room)) {}
    void deliver() override { pipeline::hand_out_news(*room_, shard_); }

private:
    const uint32_t shard_;
    const balance::WaitingRoomPtr room_;
};

}  // namespace

Gateway::Gateway(net::Shard& shard,
                 net::ResolverClient& resolver,
                 net::TlsBlocks& tls_blocks,
                 ShardTelemetry& telemetry,
                 const ProcessState& process,
                 const pipeline::ProcessorResources& resources)
    : shard_(shard),
      resolver_(resolver),
      tls_blocks_(tls_blocks),
      telemetry_(telemetry),
      process_(process),
      resources_(resources),
      services_{.proactor = shard.proactor(),
                .prng = shard.prng(),
                .telemetry = telemetry,
                .remote_hosts = *this,
                .signatures = process.signatures,
                .keys = {},
                .bell = *this,
                .newest = {},
                .document = {},
                .head_scratch = {}} {}

// Those of the configuration; the ones that did not change are the running ones.
std::vector<LocalPtr<upstream::Upstream>> Gateway::make_upstreams() {
    std::unordered_map<std::string_view, const LocalPtr<upstream::Upstream>*> running;
    for (const LocalPtr<upstream::Upstream>& existing : upstreams_) {
        running.emplace(existing->options().name, &existing);
    }
    std::vector<LocalPtr<upstream::Upstream>> upstreams;
    upstreams.reserve(config_->config.upstreams.size());
    for (size_t i = 0; i < config_->config.upstreams.size(); ++i) {
        const upstream::UpstreamOptions& options = config_->config.upstreams[i];
        const net::TlsContext& tls = config_->upstreams[i];
        const auto found = running.find(options.name);
        const bool is_same = found != running.end() && (*found->second)->options() == options &&
                             (*found->second)->tls() == tls;
        upstreams.push_back(is_same ? *found->second
                                    : make_upstream(options, tls, upstream::Reach::any));
    }
    return upstreams;
}

LocalPtr<upstream::Upstream> Gateway::make_upstream(const upstream::UpstreamOptions& options,
                                                    const net::TlsContext& tls,
                                                    upstream::Reach reach) {
    const upstream::Surroundings surroundings = {
        .proactor = shard_.proactor(),
        .resolver = resolver_,
        .tls_blocks = tls_blocks_,
        .sockets = config_->config.server.sockets,
        .limits = config_->config.server.http.limits,
    };
    MetricStore& store = telemetry_.store();
    const upstream::ConnectCounters connects = {
        .ok = store.counter(MetricId::upstream_connects_total, {options.series_name(), "ok"}),
        .failed =
            store.counter(MetricId::upstream_connects_total, {options.series_name(), "failed"}),
    };
    return LocalPtr(new upstream::Upstream(surroundings, options, tls, connects, reach));
}

LocalPtr<upstream::Upstream> Gateway::open(const upstream::UpstreamOptions& options,
                                           upstream::Reach reach) {
    if (!options.base_url.starts_with("https://")) {
        return make_upstream(options, {}, reach);
    }
    return config_->remote ? make_upstream(options, config_->remote, reach)
                           : LocalPtr<upstream::Upstream>();
}

std::vector<std::unique_ptr<pipeline::Service>> Gateway::make_providers(
    std::span<const LocalPtr<upstream::Upstream>> upstreams) {
    std::unordered_map<std::string_view, const pipeline::Service*> running;
    if (snapshot_) {
        for (const std::unique_ptr<pipeline::Service>& service : snapshot_->services) {
            running.emplace(service->options().name, service.get());
        }
    }
    std::unordered_map<std::string_view, const LocalPtr<upstream::Upstream>*> by_name;
    for (const LocalPtr<upstream::Upstream>& upstream : upstreams) {
        by_name.emplace(upstream->options().name, &upstream);
    }
    std::vector<std::unique_ptr<pipeline::Service>> providers;
    providers.reserve(upstreams.size());
    for (size_t i = 0; i < upstreams.size(); ++i) {
        const upstream::UpstreamOptions& options = config_->config.upstreams[i];
        const auto before = running.find(options.name);
        providers.push_back(std::make_unique<pipeline::Service>(
            options, *config_->keys[i], before == running.end() ? nullptr : before->second));
        const auto source = by_name.find(options.vendor.token_upstream);
        if (source != by_name.end() && providers.back()->credentials() != nullptr) {
            providers.back()->credentials()->use(*source->second);
        }
    }
    return providers;
}

void Gateway::use(RuntimeConfigPtr runtime) {
    config_ = std::move(runtime);
    const config::Config& config = config_->config;
    const ServerOptions& server = config.server;
    std::vector<LocalPtr<upstream::Upstream>> upstreams = make_upstreams();
    std::vector<std::unique_ptr<pipeline::Service>> providers = make_providers(upstreams);
    std::vector<pipeline::Route> routes;
    std::vector<pipeline::LlmTarget> llms;
    llms.reserve(upstreams.size());
    for (uint32_t i = 0; i < upstreams.size(); ++i) {
        llms.push_back({.name = config.upstreams[i].name,
                        .upstream = upstreams[i],
                        .service = providers[i].get(),
                        .index = i});
    }
    pipeline::ProcessorResources resources = resources_;
    resources.llms = llms;
    resources.scopes = &config_->access.scopes;
    pipeline::ChainSet chains(config.processors, resources);
    use_keys(config_->access.keys);
    TargetPools pools = make_target_pools(*config_, llms);
    routes.reserve(config.routes.size());
    for (const pipeline::RouteOptions& options : config.routes) {
        routes.push_back({.options = &options,
                          .pool = &pool_of(pools, options.target_llm),
                          .chain = chains.chain(options.processors),
                          .index = static_cast<uint32_t>(routes.size())});
    }
    replace_upstreams(std::move(upstreams));
    services_.head_scratch.resize(server.http.limits.fields_max);
    telemetry_.use(config);
    LocalPtr snapshot(new pipeline::Snapshot(config_, std::move(providers), std::move(chains),
                                             std::move(pools), std::move(routes)));
    snapshot->connections = server.http;
    snapshot->cors = {.allowed_origins = server.cors_allowed_origins,
                      .max_age_s = server.cors_max_age_s};
    snapshot->remote_content = server.remote_content;
    snapshot->prices = config_->prices.get();
    snapshot->trusts_reported_costs = config.prices.trust_reported;
    snapshot->accepts_request_ids = server.request_id == RequestIdPolicy::accept;
    snapshot->sends_server_timing = server.server_timing;
    snapshot->sampling = telemetry_.sampling();
    snapshot->content_bytes_max = telemetry_.content_bytes_max();
    snapshot_ = std::move(snapshot);
    services_.newest = snapshot_;
}

// What the new configuration does not name any more keeps nothing idle.
void Gateway::replace_upstreams(std::vector<LocalPtr<upstream::Upstream>> upstreams) {
    std::unordered_set<const upstream::Upstream*> kept;
    for (const LocalPtr<upstream::Upstream>& current : upstreams) {
        kept.insert(current.get());
    }
    for (const LocalPtr<upstream::Upstream>& old : upstreams_) {
        forget_levels(old->options().series_name());
        if (!kept.contains(old.get())) {
            old->pool().retire();
        }
    }
    upstreams_ = std::move(upstreams);
    publish_upstreams();
}

// Nobody looks at what is gone, so its last level would stay.
void Gateway::forget_levels(std::string_view upstream) {
    MetricStore& store = telemetry_.store();
    for (const std::string_view state : {"idle", "busy"}) {
        store.gauge(MetricId::upstream_connections, {upstream, state}).set(0);
    }
    store.gauge(MetricId::upstream_waiters, {upstream}).set(0);
}

void Gateway::use_keys(access::KeyTablePtr keys) {
    services_.keys = keys == nullptr ? LocalPtr<pipeline::HeldKeys>()
                                     : LocalPtr(new pipeline::HeldKeys(std::move(keys)));
}

void Gateway::retire() {
    for (const LocalPtr<upstream::Upstream>& upstream : upstreams_) {
        upstream->pool().retire();
    }
    upstreams_.clear();
    snapshot_ = {};
    services_.newest = {};
    services_.keys = {};
}

// A shard with somebody who waits has not ended, and stays in memory until all have.
void Gateway::ring(uint32_t shard, balance::WaitingRoomPtr room) {
    shards_->shard(shard).mailbox().post(shard_.proactor().ring(),
                                         std::make_unique<RoomNews>(shard, std::move(room)));
}

coro::Task<void> Gateway::handle(http::ServerExchange& exchange) {
    if (pipeline::is_preflight(exchange.head())) {
        answer_preflight(exchange);
        co_return;
    }
    if (config_->config.server.admin_endpoints) {
        if (is_scrape(exchange.head())) {
            co_await answer_metrics(exchange);
            co_return;
        }
        if (answer_own_endpoint(exchange)) {
            co_return;
        }
    }
    pipeline::Exchange run(services_, snapshot_, exchange);
    co_await run.run();
}

// Whose answer takes turns; the other endpoints are answered at once.
bool Gateway::is_scrape(const http::RequestHead& head) {
    return head.path == kMetricsPath &&
           (head.method == http::Method::get || head.method == http::Method::head);
}

bool Gateway::answer_own_endpoint(http::ServerExchange& exchange) {
    const http::RequestHead& head = exchange.head();
    const std::string_view path = head.path;
    if (path != kHealthPath && path != kReadyPath && path != kMetricsPath) {
        return false;
    }
    if (head.method != http::Method::get && head.method != http::Method::head) {
        answer_text(exchange, 405, "method not allowed\n");
    } else if (path == kReadyPath && process_.is_draining.load(std::memory_order_relaxed)) {
        answer_text(exchange, 503, "draining\n");
    } else if (path == kReadyPath && !can_serve()) {
        answer_text(exchange, 503, "no target is in service\n");
    } else {
        answer_text(exchange, 200, "ok\n");
    }
    return true;
}

// Some route leads to an upstream, or to a target that is in service. Breakers, ejections and rests
// do not count, because it takes requests to end them.
bool Gateway::can_serve() const {
    const auto has_target = [](const pipeline::TargetPool& pool) {
        return pool.pool == nullptr || std::ranges::any_of(pool.pool->targets(), is_in_service);
    };
    // What scales from zero does so for the requests that wait.
    const auto can_wait = [](const pipeline::TargetPool& pool) {
        return pool.pool != nullptr && pool.pool->targets().empty() &&
               pool.pool->options().queue.waiting_max > 0;
    };
    const auto leads_somewhere = [&](const pipeline::Route& route) {
        return has_target(*route.pool) || can_wait(*route.pool) ||
               std::ranges::any_of(route.pool->fallbacks,
                                   [&](const auto* pool) { return has_target(*pool); });
    };
    return snapshot_->routes.empty() || std::ranges::any_of(snapshot_->routes, leads_somewhere);
}

void Gateway::answer_text(http::ServerExchange& exchange, uint16_t status, std::string_view text) {
    http::HeadWriter writer = exchange.begin_response(status);
    writer.field(HeaderId::content_type, "text/plain; charset=utf-8");
    if (status == 405) {
        writer.field(HeaderId::allow, "GET, HEAD");
    }
    [[maybe_unused]] const Status sent = exchange.respond(writer, status, Slice::copy_of(text));
}

void Gateway::answer_preflight(http::ServerExchange& exchange) {
    http::HeadWriter writer = exchange.begin_response(204);
    pipeline::write_preflight_fields(writer, snapshot_->cors, exchange.head());
    [[maybe_unused]] const Status sent = exchange.respond(writer, 204, Slice());
}

coro::Task<void> Gateway::answer_metrics(http::ServerExchange& exchange) {
    telemetry_.publish_engine();
    publish_upstreams();
    if (resources_.cache != nullptr) {
        telemetry_.publish_cache(resources_.cache->statistics());
    }
    const std::string_view accept = exchange.head().headers.value(HeaderId::accept);
    const MetricsFormat format = MetricsScrape::format_for(accept);
    MetricsScrape scrape(process_.metrics, format);
    std::string text;
    coro::Signal turn(shard_.proactor().ready());
    while (scrape.step(text)) {
        co_await turn.pass_turn();  // Streams of this shard do not wait for a long list.
    }
    http::HeadWriter writer = exchange.begin_response(200);
    writer.field(HeaderId::content_type, MetricsScrape::content_type(format));
    [[maybe_unused]] const Status sent = exchange.respond(writer, 200, Slice::copy_of(text));
}

void Gateway::publish_upstreams() {
    MetricStore& store = telemetry_.store();
    struct Sum {
        int64_t idle = 0;
        int64_t busy = 0;
        int64_t waiting = 0;
    };
    std::unordered_map<std::string_view, Sum> sums;
    for (const LocalPtr<upstream::Upstream>& upstream : upstreams_) {
        const upstream::ConnectionPool& pool = upstream->pool();
        Sum& sum = sums[upstream->options().series_name()];
        sum.idle += pool.idle();
        sum.busy += int64_t{pool.connections()} - pool.idle();
        sum.waiting += pool.waiting();
    }
    for (const auto& [name, sum] : sums) {
        store.gauge(MetricId::upstream_connections, {name, "idle"}).set(sum.idle);
        store.gauge(MetricId::upstream_connections, {name, "busy"}).set(sum.busy);
        store.gauge(MetricId::upstream_waiters, {name}).set(sum.waiting);
    }
    const net::ResolverCounters& names = resolver_.counters();
    store.counter(MetricId::dns_questions_total).publish(names.questions);
    store.counter(MetricId::dns_failures_total).publish(names.failures);
}

// The head was not understood, so nothing of it is known but the error.
void Gateway::refuse(http::ServerExchange& exchange, const Error& error) {
    const pipeline::ErrorAnswer answer = pipeline::answer_for(error);
    const std::string body = pipeline::error_body(answer, pipeline::error_message(error, {}));
    exchange.close_after();
    http::HeadWriter writer = exchange.begin_response(answer.status);
    writer.field(HeaderId::content_type, "application/json");
    [[maybe_unused]] const Status sent =
        exchange.respond(writer, answer.status, Slice::copy_of(body));
    pipeline::ExchangeRecord record;
    record.client = exchange.stream().peer_address();
    record.status = answer.status;
    record.error = error;
    record.is_priced = true;  // Nobody was asked for anything.
    record.response_body_bytes = body.size();
    record.began = exchange.started_at();
    record.responded = record.ended = shard_.proactor().ring().now();
    telemetry_.on_request_refused(record);
}

}  // namespace sluice::server
