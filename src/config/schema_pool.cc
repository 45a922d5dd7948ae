// The settings of [pool.NAME] and [[pool.NAME.target]]: targets behind one name.
#include <array>
#include <string_view>

#include "balance/options.h"
#include "config/checks.h"
#include "config/pool_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"

namespace sluice::config {

template <>
struct ChoiceNames<balance::Strategy> {
    static constexpr std::string_view kNames[] = {
        "latency_weighted", "round_robin",       "random",         "p2c",
        "least_loaded",     "least_connections", "cost_optimized", "prefix_affinity",
        "consistent_hash",  "priority"};
};

template <>
struct ChoiceNames<balance::MidStream> {
    static constexpr std::string_view kNames[] = {"error", "restart", "continue"};
};

template <>
struct ChoiceNames<balance::HealthScope> {
    static constexpr std::string_view kNames[] = {"engines", "all", "none"};
};

template <>
struct ChoiceNames<balance::DiscoveryType> {
    static constexpr std::string_view kNames[] = {"none", "admin", "file", "dns", "kubernetes"};
};

namespace {

using balance::AdaptiveLimitOptions;
using balance::BreakerOptions;
using balance::DiscoveryOptions;
using balance::EngineMetricsOptions;
using balance::FailOverOptions;
using balance::HealthOptions;
using balance::HedgeOptions;
using balance::OutlierOptions;
using balance::PoolOptions;
using balance::QueueOptions;
using balance::TargetOptions;

constexpr int64_t kTokensMax = 1'000'000'000;
constexpr int64_t kPriceMax = 1'000'000;
constexpr int64_t kHundred = 100;

constexpr auto kPoolSettings = std::to_array<Setting>({
    setting<&PoolOptions::target_names>(
        "targets",
        "Where requests go, each \"LLM\" or \"LLM/MODEL\": an [llm.NAME], and what it calls the "
        "model. [[pool.NAME.target]] is the long form.")
        .check(check_target_name),
    setting<&PoolOptions::strategy>("strategy",
                                    "How one of the targets is chosen; docs/BALANCING.md defines "
                                    "each. \"fastest_response\" and "
                                    "\"weighted\" are taken for latency_weighted and round_robin."),
    setting<&PoolOptions::fallbacks>(
        "fallbacks",
        "Pools or llms that are asked, one after the other, when no target here can serve a "
        "request."),
    setting<&PoolOptions::context_fallbacks>(
        "context_fallbacks", "The same for requests that are too long for the targets here."),
    setting<&PoolOptions::content_fallbacks>(
        "content_fallbacks", "The same for requests whose content a target refuses."),
    setting<&PoolOptions::affinity_header>(
        "affinity_header",
        "Header whose value ties requests together for consistent_hash. Empty takes the "
        "beginning of the prompt.")
        .check(check_optional_header_name),
    setting<&PoolOptions::allow_override>(
        "allow_override", "Whether a request may choose another strategy by x-sluice-strategy."),
    setting<&PoolOptions::slow_start_ms>(
        "slow_start_ms",
        "How long a new or returned target takes to get its full share of what is in flight.")
        .range(0, kTimeMsMax),
    setting<&PoolOptions::latency_decay_ms>("latency_decay_ms",
                                            "Time constant of the moving averages of latency.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::prefill_weight>(
        "prefill_weight",
        "For prefix_affinity: what a token of a prompt that is not cached weighs against one that "
        "waits already.")
        .range(0, kHundred),
    setting<&PoolOptions::decode_s_per_stream>(
        "decode_s_per_stream",
        "For prefix_affinity: seconds that each answer under way on a target counts.")
        .range(0, kHundred),
    setting<&PoolOptions::prefix_index_bytes_max>(
        "prefix_index_bytes_max",
        "For prefix_affinity: memory of what is known of prompts, of all shards together.")
        .range(kMiB, 64 * kGiB),
    setting<&PoolOptions::bounded_load_factor>(
        "bounded_load_factor",
        "For consistent_hash: how far above the mean load of all a target may go.")
        .range(1, kHundred),
    setting<&PoolOptions::cost_latency_ms_max>(
        "cost_latency_ms_max",
        "For cost_optimized: time to first token beyond which a cheap target is passed over. 0 is "
        "any.")
        .range(0, kTimeMsMax),
    setting<&PoolOptions::fail_over, &FailOverOptions::on>(
        "fail_over.on",
        "Failures after which another target is asked: throttled (429), server_error (500 and "
        "above), timeout, connection, credential (401, 402, 403).")
        .check(check_failure),
    setting<&PoolOptions::fail_over, &FailOverOptions::attempts_max>(
        "fail_over.attempts_max", "Targets that one request may be sent to, fallbacks included.")
        .range(1, 16),
    setting<&PoolOptions::fail_over, &FailOverOptions::hold_events>(
        "fail_over.hold_events",
        "Events of a stream that are held back at its beginning, so that one which fails at once "
        "can be asked for elsewhere. 0 holds nothing back.")
        .range(0, 64),
    setting<&PoolOptions::fail_over, &FailOverOptions::hold_ms_max>(
        "fail_over.hold_ms_max", "Longest time that they are held back.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::fail_over, &FailOverOptions::mid_stream>(
        "fail_over.mid_stream",
        "What becomes of a stream that breaks off after part of it was passed on: error tells the "
        "client; restart lets another target answer from the beginning, behind an event that says "
        "so (chat completions and completions only; docs/BALANCING.md has its form); continue "
        "gives the text so far to another target that can go on with it (capability prefill), and "
        "the client sees one answer."),
    setting<&PoolOptions::breaker, &BreakerOptions::enabled>(
        "breaker.enabled", "Keeps requests away from a target that fails."),
    setting<&PoolOptions::breaker, &BreakerOptions::failures_max>("breaker.failures_max",
                                                                  "Faults in a row that open it.")
        .range(1, 63),
    setting<&PoolOptions::breaker, &BreakerOptions::failure_percent_max>(
        "breaker.failure_percent_max", "Share of faults within the window that opens it. 0 is off.")
        .range(0, kHundred),
    setting<&PoolOptions::breaker, &BreakerOptions::window_ms>("breaker.window_ms",
                                                               "Length of the window.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::breaker, &BreakerOptions::window_requests_min>(
        "breaker.window_requests_min", "Requests in the window below which the share says nothing.")
        .range(1, kCountMax),
    setting<&PoolOptions::breaker, &BreakerOptions::open_ms>(
        "breaker.open_ms",
        "How long it stays open before one request is let through to try. Doubled each time that "
        "fails.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::breaker, &BreakerOptions::open_ms_max>("breaker.open_ms_max",
                                                                 "Upper end of that.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::breaker, &BreakerOptions::successes_min>(
        "breaker.successes_min", "Tries that must succeed, one after the other, to close it.")
        .range(1, 15),
    setting<&PoolOptions::outliers, &OutlierOptions::enabled>(
        "outliers.enabled", "Leaves out targets that are much worse than the others."),
    setting<&PoolOptions::outliers, &OutlierOptions::interval_ms>("outliers.interval_ms",
                                                                  "How often they are compared.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::outliers, &OutlierOptions::requests_min>(
        "outliers.requests_min", "Requests in an interval below which a target is not judged.")
        .range(1, kCountMax),
    setting<&PoolOptions::outliers, &OutlierOptions::failure_percent_max>(
        "outliers.failure_percent_max", "Share of faults above which a target is left out.")
        .range(1, kHundred),
    setting<&PoolOptions::outliers, &OutlierOptions::slowdown_factor_max>(
        "outliers.slowdown_factor_max",
        "Times the median of all that the time to first token of a target may be, for its prompts.")
        .range(1, 1'000),
    setting<&PoolOptions::outliers, &OutlierOptions::slow_intervals_min>(
        "outliers.slow_intervals_min", "For so many intervals in a row.")
        .range(1, 1'000),
    setting<&PoolOptions::outliers, &OutlierOptions::ejection_ms>(
        "outliers.ejection_ms", "How long it is left out, times how often it was.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::outliers, &OutlierOptions::ejection_ms_max>("outliers.ejection_ms_max",
                                                                      "Upper end of that.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::outliers, &OutlierOptions::ejected_percent_max>(
        "outliers.ejected_percent_max", "Share of the targets that may be left out at a time.")
        .range(0, kHundred),
    setting<&PoolOptions::outliers, &OutlierOptions::panic_percent>(
        "outliers.panic_percent",
        "Share of usable targets below which breakers and ejections are ignored. 0 is off.")
        .range(0, kHundred),
    setting<&PoolOptions::hedge, &HedgeOptions::enabled>(
        "hedge.enabled",
        "Asks a second target when the first token is unusually late, and passes on the answer "
        "that begins first. Costs the prompt twice; docs/BALANCING.md says for which requests."),
    setting<&PoolOptions::hedge, &HedgeOptions::percentile>(
        "hedge.percentile",
        "How late: later than at so many of a hundred requests, by what their prompts should have "
        "taken. 0 goes by delay_ms_min alone, for answers that are not streamed, too.")
        .range(0, 99),
    setting<&PoolOptions::hedge, &HedgeOptions::delay_ms_min>("hedge.delay_ms_min",
                                                              "Never earlier than this.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::hedge, &HedgeOptions::budget_percent>(
        "hedge.budget_percent", "Share of the prompt tokens that may be sent a second time.")
        .range(1, kHundred),
    setting<&PoolOptions::hedge, &HedgeOptions::load_percent_max>(
        "hedge.load_percent_max",
        "Share of what all targets may have in flight (concurrent_max, adaptive_limit) above which "
        "nothing is sent a second time.")
        .range(1, kHundred),
    setting<&PoolOptions::adaptive_limit, &AdaptiveLimitOptions::enabled>(
        "adaptive_limit.enabled",
        "Finds how much a target can have in flight by how its time to first token grows."),
    setting<&PoolOptions::adaptive_limit, &AdaptiveLimitOptions::requests_min>(
        "adaptive_limit.requests_min", "Lower end of what it finds.")
        .range(1, kCountMax),
    setting<&PoolOptions::adaptive_limit, &AdaptiveLimitOptions::requests_max>(
        "adaptive_limit.requests_max", "Upper end of what it finds.")
        .range(1, kCountMax),
    setting<&PoolOptions::adaptive_limit, &AdaptiveLimitOptions::requests_initial>(
        "adaptive_limit.requests_initial", "Where it begins.")
        .range(1, kCountMax),
    setting<&PoolOptions::queue, &QueueOptions::waiting_max>(
        "queue.waiting_max",
        "Requests that may wait while no target has room, or the pool has no target at all; of all "
        "shards together. 0 turns them away at once. See docs/BALANCING.md for who is next.")
        .range(0, kCountMax),
    setting<&PoolOptions::queue, &QueueOptions::wait_ms_max>("queue.wait_ms_max",
                                                             "Longest time that one waits.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::health, &HealthOptions::check>(
        "health.check",
        "Which targets are asked how they are: engines are servers of your own that have a place "
        "to ask (vllm, sglang, tgi, llamacpp, ollama); all asks the others for their list of "
        "models, with the key. No check costs tokens."),
    setting<&PoolOptions::health, &HealthOptions::interval_ms>(
        "health.interval_ms",
        "How often, give or take 10 %. Six times as often while a check contradicts those before "
        "it.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::health, &HealthOptions::timeout_ms>("health.timeout_ms",
                                                              "Longest time for one check.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::health, &HealthOptions::path>(
        "health.path",
        "What every target is asked for instead, from the root of its host, with its key. Only an "
        "answer of 200 to 399 says then that it is well.")
        .check(check_health_path),
    setting<&PoolOptions::health, &HealthOptions::failures_max>(
        "health.failures_max", "Failed checks in a row after which a target is left alone.")
        .range(1, 1'000),
    setting<&PoolOptions::health, &HealthOptions::successes_min>(
        "health.successes_min", "Good checks in a row after which it is used again.")
        .range(1, 1'000),
    setting<&PoolOptions::engine_metrics, &EngineMetricsOptions::enabled>(
        "engine_metrics.enabled",
        "Asks the targets for their own count of requests, which has those of other gateways too: "
        "vLLM, SGLang and TensorRT-LLM."),
    setting<&PoolOptions::engine_metrics, &EngineMetricsOptions::interval_ms>(
        "engine_metrics.interval_ms", "How often, give or take 10 %. Seldomer while it fails.")
        .range(50, kTimeMsMax),
    setting<&PoolOptions::engine_metrics, &EngineMetricsOptions::timeout_ms>(
        "engine_metrics.timeout_ms", "Longest time for one answer.")
        .range(1, kTimeMsMax),
    setting<&PoolOptions::engine_metrics, &EngineMetricsOptions::path>(
        "engine_metrics.path", "What is asked for, from the root of the target's host.")
        .check(check_metrics_path),
    setting<&PoolOptions::discovery, &DiscoveryOptions::type>(
        "discovery.type",
        "Who says which targets there are besides those that are named here: nobody, the admin API "
        "alone, so that the pool may begin empty, a file that is watched, DNS, or the "
        "EndpointSlices "
        "of a service in Kubernetes."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::file>(
        "discovery.file",
        "For file: a list of addresses in TOML, or in JSON if it ends in .json. Read again when it "
        "changes."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::name>(
        "discovery.name",
        "For dns: a host, all of whose addresses are targets, or the name of SRV records, which "
        "begins with an underscore. For kubernetes: the service."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::port>("discovery.port",
                                                              "For dns: the port of a host.")
        .range(0, UINT16_MAX),
    setting<&PoolOptions::discovery, &DiscoveryOptions::refresh_ms_min>(
        "discovery.refresh_ms_min",
        "Shortest time after which a name is resolved again, and when a failure is tried again.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::discovery, &DiscoveryOptions::refresh_ms_max>(
        "discovery.refresh_ms_max",
        "Longest such time, whatever TTL the name has. In Kubernetes, how long one watch lasts.")
        .range(100, kTimeMsMax),
    setting<&PoolOptions::discovery, &DiscoveryOptions::name_space>(
        "discovery.namespace", "For kubernetes: where the service is.")
        .check(check_kubernetes_name),
    setting<&PoolOptions::discovery, &DiscoveryOptions::port_name>(
        "discovery.port_name",
        "For kubernetes: which of the service's ports, by its name. Empty is the first."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::api_url>(
        "discovery.api_url", "For kubernetes: where its API is.")
        .check(check_base_url),
    setting<&PoolOptions::discovery, &DiscoveryOptions::token_file>(
        "discovery.token_file",
        "For kubernetes: the token of the pod's account, read for each request. Empty sends none."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::ca_file>(
        "discovery.ca_file",
        "For kubernetes: the authority of the API's certificate. Empty takes the system's."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::llm>(
        "discovery.llm",
        "Name of the [llm.NAME] whose settings every target that is found has, but for host and "
        "port of its base_url."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::model>(
        "discovery.model", "What they call the model; as in [[pool.NAME.target]], and so on."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::weight>(
        "discovery.weight", "Share of one, where nothing else is said of it.")
        .range(1, 10'000),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::priority>(
        "discovery.priority", "Likewise, its tier.")
        .range(0, 1'000),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::labels>(
        "discovery.labels", "Words of your own, for display."),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::context_tokens_max>(
        "discovery.context_tokens_max", "Longest prompt and answer together. 0 is any.")
        .range(0, kTokensMax),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::concurrent_max>(
        "discovery.concurrent_max", "Requests that each may have at a time. 0 is any.")
        .range(0, kCountMax),
    setting<&PoolOptions::discovery,
            &DiscoveryOptions::target,
            &TargetOptions::requests_per_minute_max>(
        "discovery.requests_per_minute_max", "Requests that each may have a minute. 0 is any.")
        .range(0, kCountMax),
    setting<&PoolOptions::discovery,
            &DiscoveryOptions::target,
            &TargetOptions::tokens_per_minute_max>(
        "discovery.tokens_per_minute_max",
        "Tokens of prompts and answers that each may have a minute. 0 is any.")
        .range(0, 1'000 * kTokensMax),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::lacks>(
        "discovery.lacks", "What they cannot do.")
        .check(check_capability_name),
    setting<&PoolOptions::discovery, &DiscoveryOptions::target, &TargetOptions::cache_tokens>(
        "discovery.cache_tokens", "Tokens of prompts that the cache of each holds.")
        .range(0, 1'000 * kTokensMax),
    setting<&PoolOptions::discovery,
            &DiscoveryOptions::target,
            &TargetOptions::prefill_tokens_per_s>("discovery.prefill_tokens_per_s",
                                                  "How fast each reads prompts, as long as nothing "
                                                  "was measured.")
        .range(1, kTokensMax),
    setting<&PoolOptions::discovery,
            &DiscoveryOptions::target,
            &TargetOptions::input_usd_per_million>("discovery.input_usd_per_million",
                                                   "Price of a million tokens of prompt. -1 takes "
                                                   "the table of prices.")
        .range(-1, kPriceMax),
    setting<&PoolOptions::discovery,
            &DiscoveryOptions::target,
            &TargetOptions::output_usd_per_million>("discovery.output_usd_per_million",
                                                    "Likewise, of output.")
        .range(-1, kPriceMax),
});

constexpr auto kTargetSettings = std::to_array<Setting>({
    setting<&TargetOptions::llm>("llm", "Name of the [llm.NAME] that is asked.").required(),
    setting<&TargetOptions::model>(
        "model", "What it calls the model. Empty takes the name that the client asked for."),
    setting<&TargetOptions::weight>("weight", "Its share, against the weights of the others.")
        .range(1, 10'000),
    setting<&TargetOptions::priority>(
        "priority", "Targets of a lower number are used before all others while one of them can.")
        .range(0, 1'000),
    setting<&TargetOptions::labels>("labels", "Words of your own, such as a region; for display."),
    setting<&TargetOptions::context_tokens_max>(
        "context_tokens_max", "Longest prompt and answer together that it takes. 0 is any.")
        .range(0, kTokensMax),
    setting<&TargetOptions::concurrent_max>(
        "concurrent_max", "Requests that it may have at a time, of all shards together. 0 is any.")
        .range(0, kCountMax),
    setting<&TargetOptions::requests_per_minute_max>(
        "requests_per_minute_max",
        "What its provider lets through, counted over all shards: above it requests go to other "
        "targets, or wait in the queue. 0 is any.")
        .range(0, kCountMax),
    setting<&TargetOptions::tokens_per_minute_max>(
        "tokens_per_minute_max",
        "Likewise, of prompts and answers: by estimate first, then by what the provider tells.")
        .range(0, 1'000 * kTokensMax),
    setting<&TargetOptions::lacks>(
        "lacks",
        "What it cannot do: tools, parallel_tools, images, documents, audio, json_schema, "
        "reasoning, streaming.")
        .check(check_capability_name),
    setting<&TargetOptions::cache_tokens>(
        "cache_tokens", "Tokens of prompts that its cache holds, for prefix_affinity.")
        .range(0, 1'000 * kTokensMax),
    setting<&TargetOptions::prefill_tokens_per_s>(
        "prefill_tokens_per_s", "How fast it reads prompts, as long as nothing was measured.")
        .range(1, kTokensMax),
    setting<&TargetOptions::input_usd_per_million>(
        "input_usd_per_million",
        "Price of a million tokens of prompt, for cost_optimized. -1 takes the table of prices.")
        .range(-1, kPriceMax),
    setting<&TargetOptions::output_usd_per_million>("output_usd_per_million",
                                                    "Likewise, of output.")
        .range(-1, kPriceMax),
});

}  // namespace

SectionTable pool_section() {
    return {"[pool.NAME]", kPoolSettings, &defaults<PoolOptions>};
}

SectionTable pool_target_section() {
    return {"[[pool.NAME.target]]", kTargetSettings, &defaults<TargetOptions>};
}

}  // namespace sluice::config
