// What can be set about pools: targets behind one name, how one of them is chosen, and what keeps
// bad ones away. Plain values: filled by config/, part of the snapshot that every shard holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::balance {

// How one of the targets is chosen; docs/BALANCING.md defines each.
enum class Strategy : uint8_t {
    latency_weighted,   // The default: time to first token, tokens in flight, both learned.
    round_robin,        // Smooth, by weight.
    random,             // By weight.
    p2c,                // The less loaded of two drawn at random.
    least_loaded,       // Fewest tokens in flight for its weight.
    least_connections,  // Fewest requests in flight for its weight.
    cost_optimized,     // Cheapest of those that keep a bound on latency.
    prefix_affinity,    // Where most of the prompt is likely in a cache, unless the queue is long.
    consistent_hash,    // The same one for the same session, with bounded loads.
    priority,           // The first that can.
};

struct TargetOptions {
    // Name of the upstream.
    std::string llm = {};
    // What the upstream calls the model; empty takes the name that the client asked for.
    std::string model = {};
    uint32_t weight = 1;
    // Tiers: one of a lower number is used before all of higher numbers, while one can be used.
    uint32_t priority = 0;
    std::vector<std::string> labels = {};
    // Longest prompt and answer together; 0 is no limit that we know of.
    uint32_t context_tokens_max = 0;
    // Of all shards together; 0 is no limit. What is above waits for another or is turned away.
    uint32_t concurrent_max = 0;
    // What its provider lets through, over all shards; 0 is no limit. What is above goes to another
    // target, or waits.
    uint32_t requests_per_minute_max = 0;
    uint64_t tokens_per_minute_max = 0;
    // Capabilities that its provider has but this target has not.
    std::vector<std::string> lacks = {};
    // What its cache of prompts holds; for prefix_affinity.
    uint64_t cache_tokens = 524'288;
    // What it reads of prompts that are not in its cache; where nothing was measured yet.
    uint32_t prefill_tokens_per_s = 8'000;
    // Millionths of a dollar by million tokens, for cost_optimized; -1 takes the table of prices.
    double input_usd_per_million = -1;
    double output_usd_per_million = -1;
    // Of a member: which of those that had its address. One of another instance is another target.
    std::string instance = {};

    bool operator==(const TargetOptions&) const = default;
};

struct BreakerOptions {
    bool enabled = true;
    // Faults in a row that open it.
    uint32_t failures_max = 5;
    // Besides: a share of faults within a window, once there are so many requests. 0 is off.
    uint32_t failure_percent_max = 50;
    uint32_t window_ms = 10'000;
    uint32_t window_requests_min = 20;
    // Closed to all but one probe after so long; doubled each time, up to the longest.
    uint32_t open_ms = 30'000;
    uint32_t open_ms_max = 300'000;
    // Probes that must succeed, one after the other.
    uint32_t successes_min = 2;

    bool operator==(const BreakerOptions&) const = default;
};

// Targets that are worse than the others are left out for a while.
struct OutlierOptions {
    bool enabled = true;
    uint32_t interval_ms = 10'000;
    // Within an interval of requests; fewer say nothing.
    uint32_t requests_min = 10;
    uint32_t failure_percent_max = 50;
    // Times the median of all targets that its time to first token, for its prompts, may be.
    double slowdown_factor_max = 3.0;
    // So many intervals in a row.
    uint32_t slow_intervals_min = 3;
    uint32_t ejection_ms = 30'000;
    uint32_t ejection_ms_max = 300'000;
    // Of the targets; one may always be, where there are two.
    uint32_t ejected_percent_max = 30;
    // With fewer than so many usable, ejections and breakers of all are ignored.
    uint32_t panic_percent = 0;

    bool operator==(const OutlierOptions&) const = default;
};

// A second target is asked when the first has not begun to answer for unusually long.
struct HedgeOptions {
    bool enabled = false;  // It costs tokens.
    // When the first token is later than at so many of a hundred requests, each measured by what
    // its prompt should take. 0 goes by delay_ms_min alone.
    uint32_t percentile = 95;
    uint32_t delay_ms_min = 200;
    // Share of prompt tokens that hedges may add.
    uint32_t budget_percent = 2;
    // Of the limits of all targets together; with more in flight a second prompt would only queue.
    uint32_t load_percent_max = 80;

    bool operator==(const HedgeOptions&) const = default;
};

// What one target may have in flight, found by how its time to first token grows.
struct AdaptiveLimitOptions {
    bool enabled = false;
    uint32_t requests_min = 4;
    uint32_t requests_max = 1'000;
    uint32_t requests_initial = 20;

    bool operator==(const AdaptiveLimitOptions&) const = default;
};

// Requests wait here while no target has room.
struct QueueOptions {
    uint32_t waiting_max = 0;  // 0: nobody waits.
    uint32_t wait_ms_max = 30'000;

    bool operator==(const QueueOptions&) const = default;
};

// What becomes of a stream that breaks off after part of it was passed on.
enum class MidStream : uint8_t {
    error,    // The client is told.
    restart,  // Another target answers from the beginning, behind an event that says so.
    go_on,    // Another target goes on where the text broke off.
};

// Failures of a target after which another one is asked.
struct FailOverOptions {
    // "throttled", "server_error", "timeout", "connection", "credential".
    std::vector<std::string> on = {"throttled", "server_error", "timeout", "connection",
                                   "credential"};
    // Targets that one request may be sent to, the first one among them.
    uint32_t attempts_max = 3;
    // An answer's beginning is held back until so many events have come, or so long, so that a
    // stream that fails at once fails unseen. 0 events hold nothing back.
    uint32_t hold_events = 1;
    uint32_t hold_ms_max = 10'000;
    MidStream mid_stream = MidStream::error;

    bool operator==(const FailOverOptions&) const = default;
};

// Which targets are asked how they are, besides what requests show.
enum class HealthScope : uint8_t {
    engines,  // Those whose provider is a server of one's own, which has a place to ask.
    all,      // The others too, for their list of models, with the key.
    none,
};

struct HealthOptions {
    HealthScope check = HealthScope::engines;
    // Six times as often while a check says something else than the ones before it.
    uint32_t interval_ms = 60'000;
    uint32_t timeout_ms = 5'000;
    // From the root of the upstream's host; empty is what suits the provider.
    std::string path = {};
    // In a row.
    uint32_t failures_max = 3;
    uint32_t successes_min = 2;

    bool operator==(const HealthOptions&) const = default;
};

// Asking engines for their own count of requests, which has those of others as well.
struct EngineMetricsOptions {
    bool enabled = false;  // It is a request each time.
    uint32_t interval_ms = 1'000;
    uint32_t timeout_ms = 500;
    // From the root of the upstream's host.
    std::string path = "/metrics";

    bool operator==(const EngineMetricsOptions&) const = default;
};

// Who tells which targets a pool has, besides those that the settings name.
enum class DiscoveryType : uint8_t {
    none,
    admin,       // The admin API alone: the pool may begin empty.
    file,        // A file with a list of addresses, which is watched.
    dns,         // A name: its addresses, or the servers of a service.
    kubernetes,  // The endpoints of a service, watched over the API.
};

struct DiscoveryOptions {
    DiscoveryType type = DiscoveryType::none;
    // What every member is, but for its address: `llm` has the settings of its connections.
    TargetOptions target = {};
    std::string file = {};
    // A host, or the name of an SRV record, which begins with an underscore; of a service.
    std::string name = {};
    uint32_t port = 0;  // Of a host.
    // Bounds of the time after which a name is resolved again, whatever its TTL is. The lower one
    // is also when a failure is tried again.
    uint32_t refresh_ms_min = 5'000;
    uint32_t refresh_ms_max = 60'000;
    // Kubernetes: where the service is, and which of its ports; empty is the first.
    std::string name_space = "default";
    std::string port_name = {};
    // Where every pod finds the API, and what its account has there.
    std::string api_url = "https://kubernetes.default.svc";
    std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

    bool is_on() const { return type != DiscoveryType::none; }
    bool operator==(const DiscoveryOptions&) const = default;
};

struct PoolOptions {
    std::string name = {};
    // The short form of targets: "llm" or "llm/model".
    std::vector<std::string> target_names = {};
    bool is_short = false;  // `targets` was made from them.
    std::vector<TargetOptions> targets = {};
    Strategy strategy = Strategy::latency_weighted;
    // Pools or upstreams that are tried one after the other when this one cannot serve a request;
    // when the request is too long for it; and when it refuses the content.
    std::vector<std::string> fallbacks = {};
    std::vector<std::string> context_fallbacks = {};
    std::vector<std::string> content_fallbacks = {};
    FailOverOptions fail_over = {};
    // Header whose value ties requests together for consistent_hash; empty: the prompt's beginning.
    std::string affinity_header = {};
    // A request may name another strategy in x-sluice-strategy.
    bool allow_override = false;
    // New and returned targets get their full share after so long.
    uint32_t slow_start_ms = 30'000;
    // Time constant of the moving averages of latency.
    uint32_t latency_decay_ms = 10'000;
    // Prices a prompt's tokens that are not cached, against those that wait already.
    double prefill_weight = 4.0;
    // Seconds that one more answer under way adds to the time of a token.
    double decode_s_per_stream = 0.007;
    // Most memory for what is known of the targets' caches, in bytes; see docs/BALANCING.md.
    uint64_t prefix_index_bytes_max = 64ULL << 20U;
    // Above the mean load that consistent_hash lets a target have.
    double bounded_load_factor = 1.25;
    // Time to first token that cost_optimized keeps; 0 is any.
    uint32_t cost_latency_ms_max = 10'000;
    BreakerOptions breaker = {};
    OutlierOptions outliers = {};
    HedgeOptions hedge = {};
    AdaptiveLimitOptions adaptive_limit = {};
    QueueOptions queue = {};
    HealthOptions health = {};
    DiscoveryOptions discovery = {};
    EngineMetricsOptions engine_metrics = {};

    bool operator==(const PoolOptions&) const = default;
};

}  // namespace sluice::balance
