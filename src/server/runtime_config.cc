// One TLS context for clients, one for each upstream with https, one for hosts that requests name;
// and the table of prices.
#include "server/runtime_config.h"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "access/limit_book.h"
#include "config/config.h"
#include "net/tls_context.h"
#include "net/tls_ticket_keys.h"
#include "pipeline/guard_options.h"
#include "pipeline/processor_options.h"
#include "pipeline/service.h"
#include "providers/remote_content.h"
#include "server/access_control.h"
#include "server/machine.h"
#include "server/price_source.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

bool uses_tls(const upstream::UpstreamOptions& options) {
    return std::string_view(options.base_url).starts_with("https://");
}

// The running context of the same upstream, where nothing can have changed; else an empty one.
net::TlsContext running_context(const RuntimeConfigPtr& running,
                                const upstream::UpstreamOptions& options) {
    if (running == nullptr || !options.tls.ca_file.empty() ||
        !options.tls.certificate_file.empty()) {
        return {};
    }
    const auto& upstreams = running->config.upstreams;
    for (size_t i = 0; i < upstreams.size(); ++i) {
        if (upstreams[i].name == options.name && upstreams[i].tls == options.tls &&
            uses_tls(upstreams[i])) {
            return running->upstreams[i];
        }
    }
    return {};
}

// The keys of an upstream, with what the running configuration knows of them under its name; where
// no key is to rest, that is forgotten.
std::unique_ptr<upstream::KeyRing> make_keys(const RuntimeConfigPtr& running,
                                             const upstream::UpstreamOptions& options) {
    const upstream::KeyRing* known = nullptr;
    for (size_t i = 0; running != nullptr && i < running->config.upstreams.size(); ++i) {
        if (running->config.upstreams[i].name == options.name &&
            options.retry.key_cooldown_ms > 0) {
            known = running->keys[i].get();
        }
    }
    return std::make_unique<upstream::KeyRing>(options, known);
}

// Whether files that requests name may have to be fetched.
bool fetches_files(const config::Config& config) {
    return config.server.remote_content.enabled &&
           std::ranges::any_of(config.upstreams, [](const upstream::UpstreamOptions& options) {
               return !options.is_simulated() &&
                      !providers::takes_every_url(pipeline::configured_vendor(options));
           });
}

// Whether a guard asks an address that has to be verified.
bool asks_by_https(const config::Config& config) {
    return std::ranges::any_of(config.processors, [](const pipeline::ProcessorOptions& processor) {
        const auto* const guard = std::get_if<pipeline::GuardOptions>(&processor.config);
        return guard != nullptr && guard->webhook_url.starts_with("https:");
    });
}

}  // namespace

std::expected<RuntimeConfigPtr, std::string> make_runtime_config(
    config::Config config,
    const RuntimeConfigPtr& running,
    const TicketKeysPtr& ticket_keys,
    AccessControl& access,
    const access::Moment& moment,
    std::vector<std::string>& warnings) {
    const int64_t wall_clock_ns = moment.unix_ms * 1'000'000;
    auto made = std::make_shared<RuntimeConfig>();
    made->config = std::move(config);
    const auto take = [&](net::TlsContextResult result, net::TlsContext& to) {
        warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
        to = std::move(result.context);
        return result.error;
    };
    if (made->config.server.tls.enabled()) {
        const std::string error =
            take(net::TlsContext::make_server(made->config.server.tls, ticket_keys, wall_clock_ns),
                 made->client_side);
        if (!made->client_side) {
            return std::unexpected("server.tls: " + error);
        }
    }
    net::TlsTrustStores stores;
    for (const upstream::UpstreamOptions& options : made->config.upstreams) {
        net::TlsContext& context = made->upstreams.emplace_back();
        made->keys.push_back(make_keys(running, options));
        if (!uses_tls(options)) {
            continue;
        }
        context = running_context(running, options);
        if (context) {
            continue;
        }
        const std::string error =
            take(net::TlsContext::make_client(options.tls, stores, wall_clock_ns), context);
        if (!context) {
            return std::unexpected("llm." + options.name + ".tls: " + error);
        }
    }
    if (fetches_files(made->config) || asks_by_https(made->config)) {
        made->remote = running != nullptr ? running->remote : net::TlsContext();
        if (!made->remote) {
            const std::string error =
                take(net::TlsContext::make_client({}, stores, wall_clock_ns), made->remote);
            if (!made->remote) {
                warnings.push_back(
                    "server.remote_content: nothing can be fetched by https, nor webhooks asked: " +
                    error);
            }
        }
    }
    if (made->config.traces.endpoint.starts_with("https://")) {
        const std::string error =
            take(net::TlsContext::make_client(made->config.traces.tls, stores, wall_clock_ns),
                 made->traces);
        if (!made->traces) {
            return std::unexpected("traces.tls: " + error);
        }
    }
    auto prices = make_price_table(made->config.prices, warnings);
    if (!prices) {
        return std::unexpected(std::move(prices.error()));
    }
    made->prices = std::move(*prices);
    made->pools =
        make_pools(made->config, made->prices, running == nullptr ? nullptr : &running->pools,
                   moment.now, random_seed());
    auto tables = access.load(made->config, moment);
    if (!tables) {
        return std::unexpected(tables.error());
    }
    made->access = *std::move(tables);
    return made;
}

std::string why_unusable(const config::Config& config) {
    std::vector<std::string> warnings;  // About expiry, which nobody can judge without a clock.
    const access::Moment moment = {};
    AccessControl access(moment);
    const auto made = make_runtime_config(config, nullptr, std::make_shared<net::TlsTicketKeys>(),
                                          access, moment, warnings);
    return made ? std::string() : made.error();
}

}  // namespace sluice::server
