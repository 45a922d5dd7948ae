// In a friendly world limits are wide and times are long; in others anything may be too small.
#include "sim/gateway_settings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "access/options.h"
#include "access/virtual_key.h"
#include "base/prng.h"
#include "base/time.h"
#include "config/config.h"
#include "crypto/digest.h"
#include "http/options.h"
#include "net/address.h"
#include "net/options.h"
#include "pipeline/options.h"
#include "pipeline/processor_options.h"
#include "sim/gateway_models.h"
#include "sim/gateway_plan.h"
#include "sim/profile.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

constexpr uint16_t kUpstreamPort = 8000;
constexpr uint32_t kMinuteMs = 60'000;

bool is_slow(const Profile& profile) {
    return std::min({profile.segment_bytes_max, profile.receive_queue_bytes,
                     profile.send_queue_bytes}) < 4096 ||
           profile.delay_max > Duration::milliseconds(10) ||
           profile.completion_delay_max > Duration::milliseconds(10) ||
           profile.turn_time_max > Duration::milliseconds(10);
}

// A time limit: long enough for anything where nothing is to fail.
uint32_t drawn_ms(Prng& prng, const GatewaySettings& settings) {
    if (settings.is_friendly) {
        return settings.is_slow ? 10 * kMinuteMs : 6'000;
    }
    constexpr std::array kMilliseconds = {50U, 300U, 2'000U, 20'000U};
    return kMilliseconds[prng.below(kMilliseconds.size())];
}

void draw_engine(Prng& prng, config::Config& config) {
    net::BufferRingOptions& buffers = config.server.buffers;
    buffers.block_bytes = 64U << prng.below(9);
    buffers.blocks_max = 4U << prng.below(8);
    buffers.window_blocks = std::min(buffers.blocks_max, 1U << prng.below(6));
    net::SocketOptions& sockets = config.server.sockets;
    sockets.queue_low_bytes = 512U << prng.below(7);
    sockets.queue_high_bytes = sockets.queue_low_bytes * 2;
    config.server.stream_batch_streams_min = prng.below(4);
    config.server.stream_batch_us = prng.below(2) * 150;
}

void draw_server(Prng& prng, const GatewaySettings& settings, config::Config& config) {
    http::ServerConnectionOptions& options = config.server.http;
    options.head_timeout_ms = drawn_ms(prng, settings);
    options.keep_alive_timeout_ms = drawn_ms(prng, settings);
    options.body_timeout_ms = drawn_ms(prng, settings);
    options.body_bytes_per_s_min = settings.is_friendly ? 0 : prng.below(2) * 1024;
    options.send_timeout_ms = drawn_ms(prng, settings);
    options.request_hold_bytes_max = settings.limits.hold_bytes;
    options.connections_max = settings.is_friendly ? 1000 : 3 + prng.below(40);
    options.requests_per_connection_max = prng.chance(0.2) ? 1 + prng.below(4) : 0;
    config.server.server_timing = prng.chance(0.5);
    config.server.rebalance_connections_min = prng.below(4);
}

upstream::UpstreamOptions draw_upstream(Prng& prng, const GatewaySettings& settings) {
    upstream::UpstreamOptions options;
    options.token = Secret(kUpstreamSecret);
    options.timeouts.connect_ms = drawn_ms(prng, settings);
    options.timeouts.first_byte_ms = drawn_ms(prng, settings);
    options.timeouts.silence_ms = drawn_ms(prng, settings);
    options.timeouts.total_ms =
        settings.is_friendly || prng.chance(0.7) ? 0 : drawn_ms(prng, settings) * 2;
    upstream::PoolOptions& pool = options.pool;
    pool.connections_max = prng.chance(0.4) ? 1 + prng.below(3) : 1000;
    pool.waiters_max = settings.is_friendly ? 1000 : prng.below(6);
    pool.wait_timeout_ms = settings.is_friendly ? 24 * 60 * kMinuteMs : drawn_ms(prng, settings);
    pool.idle_timeout_ms = prng.chance(0.3) ? 20 + prng.below(500) : kMinuteMs;
    pool.idle_connections_max = prng.below(4);
    pool.surplus_period_ms = pool.idle_timeout_ms / 4;
    return options;
}

void draw_upstreams(Prng& prng, GatewaySettings& settings) {
    const uint32_t count = 1 + prng.below(2);
    for (uint32_t i = 0; i < count; ++i) {
        upstream::UpstreamOptions options = draw_upstream(prng, settings);
        options.name = "llm-" + std::to_string(i);
        const std::string host = "10.0.0." + std::to_string(i + 1);
        const net::Address address = *net::Address::parse(host, kUpstreamPort);
        settings.upstreams.push_back(address);
        std::string shown = host;
        if (prng.chance(0.4)) {
            shown = options.name + ".example";
            settings.names.names.push_back({shown, {address}});
            if (prng.chance(0.5)) {
                const net::Address nobody = *net::Address::parse("10.9.9.9", kUpstreamPort);
                settings.names.names.back().addresses.push_back(nobody);
            }
        }
        // Relays byte for byte: its actors compare what was sent with what arrives.
        options.provider = "openai";
        options.vendor.stream_usage = upstream::StreamUsage::as_asked;
        options.base_url = "http://" + shown + ":" + std::to_string(kUpstreamPort) + "/api";
        settings.config.upstreams.push_back(std::move(options));
    }
}

// An alias has to be translated wherever it can go, and bodies flow only where nothing is.
void draw_routes(Prng& prng, GatewaySettings& settings) {
    config::Config& config = settings.config;
    for (upstream::UpstreamOptions& upstream : config.upstreams) {
        if (settings.limits.has_aliases) {
            upstream.models.push_back({.alias = kAlias, .model = kAliasTarget});
        }
    }
    pipeline::RouteOptions all;
    all.path_prefix = "/v1";
    all.target_llm = config.upstreams.front().name;
    config.routes.push_back(all);
    if (config.upstreams.size() > 1) {
        pipeline::RouteOptions other;
        other.path_prefix = prng.chance(0.5) ? "/v1" : "/v1/chat";
        other.target_llm = config.upstreams.back().name;
        if (other.path_prefix == "/v1") {
            other.models = {prng.chance(0.5) ? "model-a" : "model-*"};
        }
        config.routes.push_back(other);
    }
}

// Steps before the body, behind it, and of which the condition holds for some requests only.
void draw_processors(Prng& prng, config::Config& config) {
    constexpr std::string_view kConditions[] = {"", "body_bytes >= 0", "stream",
                                                "not messages > 1"};
    for (const std::string_view condition : kConditions) {
        pipeline::ProcessorOptions& processor = config.processors.emplace_back();
        processor.name = "step" + std::to_string(config.processors.size());
        processor.type = "headers";
        processor.when = condition;
        pipeline::HeadersOptions headers;
        headers.request_set = {{"x-step", processor.name}};
        headers.response_add = {{"x-step", processor.name}};
        headers.response_remove = {"x-nobody-sends-this"};
        processor.config = headers;
    }
    for (pipeline::RouteOptions& route : config.routes) {
        for (const pipeline::ProcessorOptions& processor : config.processors) {
            if (prng.chance(0.4)) {
                route.processors.push_back(processor.name);
            }
        }
    }
}

// In half of the worlds nothing is sent again. Draws from a copy, so that nothing else is drawn
// differently for it.
void draw_retries(Prng prng, GatewaySettings& settings) {
    settings.retries_max = prng.chance(0.5) ? 1 + prng.below(3) : 0;
    for (upstream::UpstreamOptions& options : settings.config.upstreams) {
        options.retry.retries_max = settings.retries_max;
        options.retry.initial_ms = 1U << prng.below(10);
        options.retry.budget_percent = prng.below(2) * 20;
    }
}

// The clients' key is one of ours, and what it may do is little. Who shows none is nobody, who has
// no limits but those of the step.
void draw_limits(Prng& prng, GatewaySettings& settings) {
    config::Config& config = settings.config;
    settings.has_limits = true;
    access::TenantOptions& tenant = config.tenants.emplace_back();
    tenant.name = "team";
    tenant.limits.requests_per_hour = 5 + prng.below(50);
    access::KeyOptions& key = config.virtual_keys.emplace_back();
    key.name = "ada";
    key.tenant = prng.chance(0.5) ? "team" : "";
    key.hash = crypto::hex(access::hash_secret(kClientSecret));
    key.limits = {.requests_per_minute = 60,
                  .tokens_per_minute = prng.chance(0.5) ? 500 + prng.below(5'000) : 0,
                  .requests_burst = 1 + prng.below(20),
                  .concurrency_max = prng.below(4)};
    key.budget.usd = "1";
    pipeline::RateLimitOptions own;
    own.limits.concurrency_max = prng.chance(0.5) ? 1 + prng.below(3) : 0;
    own.limits.requests_per_hour = prng.chance(0.5) ? 1 + prng.below(20) : 0;
    own.per = prng.chance(0.5) ? pipeline::LimitPer::model : pipeline::LimitPer::all;
    own.scopes_max = 1 + prng.below(3);
    own.on_limit = prng.chance(0.4) ? pipeline::OnLimit::wait : pipeline::OnLimit::refuse;
    own.wait_max_ms = 1 + prng.below(3'000);
    config.processors.push_back({.name = "who",
                                 .type = "authenticate",
                                 .config = pipeline::AuthenticateOptions{.optional = true}});
    config.processors.push_back({.name = "limits", .type = "rate_limit", .config = own});
    config.processors.push_back(
        {.name = "money", .type = "budget", .config = pipeline::BudgetOptions()});
    for (pipeline::RouteOptions& route : config.routes) {
        route.processors.insert(route.processors.begin(), {"who", "money", "limits"});
    }
}

}  // namespace

GatewaySettings draw_settings(Prng& prng, const Profile& profile, bool is_friendly) {
    GatewaySettings settings;
    settings.is_friendly = is_friendly;
    settings.is_slow = is_slow(profile);
    PlanLimits& limits = settings.limits;
    const bool is_tiny = settings.is_slow && prng.chance(0.8);
    limits.body_bytes_max = is_tiny ? 400 : prng.chance(0.7) ? 2'000 : 20'000;
    if (profile.segment_bytes_max == 1) {
        limits.body_bytes_max = 200;
    }
    limits.with_stalls = !is_friendly || !settings.is_slow;
    limits.with_bad_answers = prng.chance(0.7);
    limits.hold_bytes = prng.chance(0.5) ? 1U << 20 : 64 + prng.below(1000);
    limits.has_aliases = prng.chance(0.8);
    settings.config.server.host = "127.0.0.1";
    settings.config.server.port = 3000;
    settings.config.server.shards = 1 + prng.below(3);
    draw_engine(prng, settings.config);
    draw_server(prng, settings, settings.config);
    draw_upstreams(prng, settings);
    draw_routes(prng, settings);
    draw_retries(prng, settings);
    if (prng.chance(0.4)) {
        draw_processors(prng, settings.config);
    }
    if (prng.chance(0.3)) {
        draw_limits(prng, settings);
    }
    limits.lists = merged_lists(settings.config);
    settings.has_bad_lists = limits.with_bad_answers && prng.chance(0.5);
    settings.names.delay_max = Duration::milliseconds(prng.chance(0.5) ? 0 : 100);
    settings.names.fails = !is_friendly && prng.chance(0.3) ? 0.3 : 0;
    if (prng.chance(0.3)) {
        // Longer than a request takes to arrive: a server that closes new connections is no server.
        settings.upstream_idle_limit = Duration::milliseconds(prng.below(300) + 1) +
                                       profile.delay_max * 4 + profile.completion_delay_max * 4 +
                                       profile.turn_time_max * 10;
        settings.upstream_idle_resets = prng.chance(0.5) ? 0.5 : 0;
    }
    settings.reloads = prng.chance(0.25);
    settings.drains = prng.chance(0.2);
    settings.drain_timeout =
        Duration::milliseconds(is_friendly ? 24 * 60 * kMinuteMs : drawn_ms(prng, settings));
    settings.clients_time_max = Duration::seconds(settings.is_slow ? 50'000 : 4'000);
    settings.rest_time = Duration::milliseconds(
        is_friendly ? (settings.is_slow ? 20 * kMinuteMs : 20'000) : 200'000);
    return settings;
}

config::Config redrawn(Prng& prng, const GatewaySettings& settings) {
    config::Config config = settings.config;
    draw_server(prng, settings, config);
    for (upstream::UpstreamOptions& options : config.upstreams) {
        if (prng.chance(0.5)) {
            const upstream::UpstreamOptions fresh = draw_upstream(prng, settings);
            options.timeouts = fresh.timeouts;
            options.pool = fresh.pool;
        }
    }
    return config;
}

std::string GatewaySettings::to_string() const {
    std::string text = is_friendly ? "friendly" : "unfriendly";
    text += is_slow ? " slow" : "";
    text += " shards=" + std::to_string(config.server.shards);
    text += " blocks=" + std::to_string(config.server.buffers.blocks_max) + "x" +
            std::to_string(config.server.buffers.block_bytes);
    text += " queue_high=" + std::to_string(config.server.sockets.queue_high_bytes);
    text += " hold=" + std::to_string(limits.hold_bytes);
    text += " body_bytes_max=" + std::to_string(limits.body_bytes_max);
    for (const upstream::UpstreamOptions& upstream : config.upstreams) {
        text += " pool=" + std::to_string(upstream.pool.connections_max) + "/" +
                std::to_string(upstream.pool.waiters_max);
    }
    text += " upstream_idle_ms=" + std::to_string(upstream_idle_limit.ms());
    text += " retries=" + std::to_string(retries_max);
    text += has_limits ? " limits" : "";
    text += reloads ? " reloads" : "";
    text += drains ? " drains" : "";
    return text;
}

}  // namespace sluice::sim
