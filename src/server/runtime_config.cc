// One TLS context for clients, one for each upstream with https, one for hosts that requests name;
// and the table of prices.
#include "server/runtime_config.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
#include "providers/price_table.h"
#include "providers/remote_content.h"
#include "server/access_control.h"
#include "server/machine.h"
#include "server/membership.h"
#include "server/pools.h"
#include "server/price_source.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

bool uses_tls(const upstream::UpstreamOptions& options) {
    return std::string_view(options.base_url).starts_with("https://");
}

// The upstreams of a configuration by their names; of a large fleet there are thousands.
class UpstreamIndex {
public:
    // Null: there is none.
    explicit UpstreamIndex(const RuntimeConfig* config) : config_(config) {
        for (size_t i = 0; config_ != nullptr && i < config_->config.upstreams.size(); ++i) {
            by_name_.emplace(config_->config.upstreams[i].name, i);
        }
    }

    std::optional<size_t> find(std::string_view name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? std::nullopt : std::optional(found->second);
    }
    const RuntimeConfig& config() const { return *config_; }

private:
    const RuntimeConfig* config_;
    std::unordered_map<std::string_view, size_t> by_name_;
};

// The running context of the same upstream, where nothing can have changed; else an empty one.
net::TlsContext running_context(const UpstreamIndex& running,
                                const upstream::UpstreamOptions& options) {
    const std::optional<size_t> index = running.find(options.name);
    if (!index || !options.tls.ca_file.empty() || !options.tls.certificate_file.empty()) {
        return {};
    }
    const upstream::UpstreamOptions& before = running.config().config.upstreams[*index];
    return before.tls == options.tls && uses_tls(before) ? running.config().upstreams[*index]
                                                         : net::TlsContext();
}

// The keys of an upstream, with what the running configuration knows of them under its name; where
// no key is to rest, that is forgotten.
std::unique_ptr<upstream::KeyRing> make_keys(const UpstreamIndex& running,
                                             const upstream::UpstreamOptions& options) {
    const std::optional<size_t> index = running.find(options.name);
    const bool is_known = index && options.retry.key_cooldown_ms > 0;
    return std::make_unique<upstream::KeyRing>(
        options, is_known ? running.config().keys[*index].get() : nullptr);
}

std::shared_ptr<RuntimeConfig> begin_config(std::shared_ptr<const config::Config> loaded,
                                            Membership members) {
    auto made = std::make_shared<RuntimeConfig>();
    made->loaded = std::move(loaded);
    made->members = std::move(members);
    made->config = *made->loaded;
    // A pool that comes back later finds out anew who belongs to it.
    std::erase_if(made->members.found, [&](const auto& found) {
        return made->loaded->find_pool(found.first) == nullptr;
    });
    add_members(made->config, made->members);
    return made;
}

// What every member needs besides: the context of the upstream whose settings it has.
void add_contexts_of_members(RuntimeConfig& made) {
    const UpstreamIndex index(&made);
    for (size_t i = made.upstreams.size(); i < made.config.upstreams.size(); ++i) {
        const std::optional<size_t> origin = index.find(made.config.upstreams[i].origin);
        made.upstreams.push_back(origin ? made.upstreams[*origin] : net::TlsContext());
    }
}

// Keys and contexts of all upstreams; the error of the first that can have none.
template <class MakeClient>
std::optional<std::string> make_upstreams(RuntimeConfig& made,
                                          const UpstreamIndex& before,
                                          const MakeClient& make_client) {
    for (const upstream::UpstreamOptions& options : made.config.upstreams) {
        made.keys.push_back(make_keys(before, options));
        if (!options.origin.empty()) {
            continue;
        }
        net::TlsContext& context = made.upstreams.emplace_back();
        if (!uses_tls(options)) {
            continue;
        }
        context = running_context(before, options);
        const std::string error = context ? std::string() : make_client(options.tls, context);
        if (!context) {
            return "llm." + options.name + ".tls: " + error;
        }
    }
    add_contexts_of_members(made);
    return std::nullopt;
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
    auto made = begin_config(std::make_shared<const config::Config>(std::move(config)),
                             running == nullptr ? Membership() : running->members);
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
    const auto make_client = [&](const net::TlsClientOptions& options, net::TlsContext& to) {
        return take(net::TlsContext::make_client(options, stores, wall_clock_ns), to);
    };
    if (auto error = make_upstreams(*made, UpstreamIndex(running.get()), make_client)) {
        return std::unexpected(std::move(*error));
    }
    if (fetches_files(made->config) || asks_by_https(made->config)) {
        made->remote = running != nullptr ? running->remote : net::TlsContext();
        if (!made->remote) {
            const std::string error = make_client({}, made->remote);
            if (!made->remote) {
                warnings.push_back(
                    "server.remote_content: nothing can be fetched by https, nor webhooks asked: " +
                    error);
            }
        }
    }
    if (made->config.traces.endpoint.starts_with("https://")) {
        const std::string error = make_client(made->config.traces.tls, made->traces);
        if (!made->traces) {
            return std::unexpected("traces.tls: " + error);
        }
    }
    auto prices = make_price_table(made->config.prices, warnings);
    if (!prices) {
        return std::unexpected(std::move(prices.error()));
    }
    made->prices = std::make_shared<const providers::PriceTable>(std::move(*prices));
    auto tables = access.load(made->config, moment);
    if (!tables) {
        return std::unexpected(tables.error());
    }
    made->access = *std::move(tables);
    // They share what they know with the running ones, so nothing may fail after this.
    made->pools =
        make_pools(made->config, *made->prices, running == nullptr ? nullptr : &running->pools,
                   moment.now, random_seed());
    return made;
}

RuntimeConfigPtr with_members(const RuntimeConfigPtr& running,
                              Membership members,
                              AccessControl& access,
                              const access::Moment& moment) {
    auto made = begin_config(running->loaded, std::move(members));
    made->client_side = running->client_side;
    // What was loaded comes first in both.
    made->upstreams.assign(
        running->upstreams.begin(),
        running->upstreams.begin() + static_cast<ptrdiff_t>(made->loaded->upstreams.size()));
    add_contexts_of_members(*made);
    const UpstreamIndex before(running.get());
    for (const upstream::UpstreamOptions& options : made->config.upstreams) {
        made->keys.push_back(make_keys(before, options));
    }
    made->access = {.keys = running->access.keys == nullptr ? nullptr : access.keys().table(),
                    .scopes = running->access.scopes};
    made->remote = running->remote;
    made->prices = running->prices;
    made->pools =
        make_pools(made->config, *made->prices, &running->pools, moment.now, random_seed());
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
