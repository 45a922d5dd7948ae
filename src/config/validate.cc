// The checks across settings, one function a topic.
#include "config/validate.h"

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "config/checks.h"
#include "config/config.h"
#include "config/diagnostics.h"
#include "config/nearest.h"
#include "config/places.h"
#include "config/read_file.h"
#include "http/options.h"
#include "http/url.h"
#include "ledger/options.h"
#include "net/endpoint.h"
#include "net/options.h"
#include "pipeline/options.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/enhancer.h"
#include "server/options.h"
#include "trace/options.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using pipeline::RouteOptions;
using upstream::UpstreamOptions;

class Validator {
public:
    Validator(const Config& config, const Places& places, Diagnostics& diagnostics)
        : config_(config), places_(places), diagnostics_(diagnostics) {}

    void run();

private:
    void server_limits();
    void log_levels();
    void server_tls();
    void admin();
    void upstream(const UpstreamOptions& upstream);
    void upstream_tls(const UpstreamOptions& upstream,
                      const std::string& path,
                      const http::BaseUrl& url);
    void route(const RouteOptions& route, size_t index);
    void route_processors(const RouteOptions& route, const std::string& path);
    void unused_processors();
    void route_target(const RouteOptions& route, const std::string& path);
    void twin_routes(size_t index);
    void unused_upstreams();
    void ledger();
    void traces();
    void client_files(const std::string& path, const net::TlsClientOptions& tls);
    void file(std::string_view path_of_setting, const std::string& file_path);

    void error(std::string_view path, std::string text) {
        report(diagnostics_, places_, Severity::error, path, std::move(text));
    }
    void warning(std::string_view path, std::string text) {
        report(diagnostics_, places_, Severity::warning, path, std::move(text));
    }

    const Config& config_;
    const Places& places_;
    Diagnostics& diagnostics_;
};

std::string route_path(size_t index) {
    return fmt::format("route[{}]", index);
}

// A model that both routes name in the same words; "" when there is none.
std::string_view shared_model(const RouteOptions& a, const RouteOptions& b) {
    const auto names = [](const RouteOptions& route) {
        std::vector<std::string_view> all(route.models.begin(), route.models.end());
        for (const upstream::ModelAlias& alias : route.model_aliases) {
            all.push_back(alias.alias);
        }
        return all;
    };
    const std::vector<std::string_view> of_b = names(b);
    for (const std::string_view model : names(a)) {
        if (std::ranges::find(of_b, model) != of_b.end()) {
            return model;
        }
    }
    return "";
}

void Validator::run() {
    server_limits();
    log_levels();
    server_tls();
    admin();
    for (const UpstreamOptions& upstream : config_.upstreams) {
        this->upstream(upstream);
    }
    for (size_t i = 0; i < config_.routes.size(); ++i) {
        route(config_.routes[i], i);
        twin_routes(i);
    }
    unused_upstreams();
    unused_processors();
    ledger();
    file("prices.file", config_.prices.file);
    traces();
    // Said once: when routes are there but wrong, their own messages are enough.
    if (config_.routes.empty() && !places_.has("route")) {
        error("", "there is no [[route]]; expected at least one, or every request gets a 404");
    }
}

void Validator::file(std::string_view path_of_setting, const std::string& file_path) {
    if (file_path.empty()) {
        return;
    }
    if (const std::string problem = unreadable(file_path); !problem.empty()) {
        error(path_of_setting, fmt::format("{} {}", in_quotes(file_path), problem));
    }
}

void Validator::ledger() {
    const ledger::LedgerOptions& ledger = config_.ledger;
    if (!ledger.path.empty() && !ledger.url.empty()) {
        error("ledger.url", "ledger.path is set as well; expected one of the two");
    }
    if (ledger.url.empty() && !(ledger.password_env.empty() && ledger.password_file.empty())) {
        const bool from_file = ledger.password_env.empty();
        warning(from_file ? "ledger.password_file" : "ledger.password_env",
                "has no effect without ledger.url");
    }
}

void Validator::server_limits() {
    const auto at_most = [this](std::string_view key, uint64_t value, std::string_view other_key,
                                uint64_t other) {
        if (value > other) {
            error(fmt::format("server.{}", key),
                  fmt::format("{} is more than {} has ({}); expected at most that", value,
                              other_key, other));
        }
    };
    const net::SocketOptions& sockets = config_.server.sockets;
    at_most("sockets.queue_low_bytes", sockets.queue_low_bytes, "queue_high_bytes",
            sockets.queue_high_bytes);
    const net::BufferRingOptions& buffers = config_.server.buffers;
    at_most("buffers.window_blocks", buffers.window_blocks, "blocks_max", buffers.blocks_max);
    const http::ServerConnectionOptions& http = config_.server.http;
    at_most("http.field_bytes_max", http.limits.field_bytes_max, "head_bytes_max",
            http.limits.head_bytes_max);
    at_most("http.request_line_bytes_max", http.limits.request_line_bytes_max, "head_bytes_max",
            http.limits.head_bytes_max);
}

void Validator::log_levels() {
    const auto room_of = [](std::string_view entry) { return entry.substr(0, entry.find(':')); };
    std::set<std::string_view> rooms;
    const std::vector<std::string>& entries = config_.server.log_levels;
    for (size_t i = 0; i < entries.size(); ++i) {
        const std::string_view room = room_of(entries[i]);
        if (!rooms.insert(room).second) {
            error(fmt::format("server.log_levels[{}]", i),
                  fmt::format("{} has a level already; expected each room once", in_quotes(room)));
        }
    }
}

void Validator::server_tls() {
    const net::TlsServerOptions& tls = config_.server.tls;
    for (size_t i = 0; i < tls.certificates.size(); ++i) {
        const std::string path = fmt::format("server.tls.certificate[{}]", i);
        file(path + ".certificate_file", tls.certificates[i].certificate_file);
        file(path + ".private_key_file", tls.certificates[i].private_key_file);
    }
    file("server.tls.client_ca_file", tls.client_ca_file);
    if (!tls.client_ca_file.empty() && tls.certificates.empty()) {
        error("server.tls.client_ca_file",
              "there is no [[server.tls.certificate]], so clients connect without TLS and are not "
              "asked for theirs; expected at least one");
    }
}

void Validator::admin() {
    const server::AdminOptions& admin = config_.admin;
    const auto endpoint = net::Endpoint::parse(admin.listen);
    const bool has_token = !admin.token_env.empty() || !admin.token_file.empty();
    if (endpoint && !endpoint->is_local() && !has_token) {
        error("admin.listen",
              fmt::format("{} can be reached from other machines; expected token_env or token_file "
                          "as well, or a loopback address",
                          in_quotes(admin.listen)));
    }
    if (admin.is_off() && has_token) {
        warning(admin.token_env.empty() ? "admin.token_file" : "admin.token_env",
                "has no effect with listen = \"off\"");
    }
}

void Validator::upstream(const UpstreamOptions& upstream) {
    const std::string path = "llm." + upstream.name;
    if (upstream.is_simulated()) {
        const auto idle = [&](std::string_view key, const std::string& value) {
            if (!value.empty()) {
                warning(fmt::format("{}.{}", path, key),
                        "has no effect with provider \"simulated\"");
            }
        };
        idle("base_url", upstream.base_url);
        idle("token_env", upstream.token_env);
        idle("token_file", upstream.token_file);
        idle("token_envs", upstream.token_envs.empty() ? "" : upstream.token_envs.front());
        idle("token_files", upstream.token_files.empty() ? "" : upstream.token_files.front());
        return;
    }
    if (upstream.base_url.empty() && !places_.has(path + ".base_url")) {
        error(path + ".base_url",
              "is missing; expected where the upstream is, such as \"https://api.openai.com/v1\"");
    } else if (upstream.base_url.empty()) {
        error(path + ".base_url", "is empty; expected a URL such as \"https://api.openai.com/v1\"");
    }
    const bool has_key = upstream.names_keys();
    const Result<http::BaseUrl> url = http::parse_base_url(upstream.base_url);
    if (has_key && url && !url->is_https() && !url->is_loopback()) {
        warning(path + ".base_url",
                "the key travels unencrypted over http; expected https outside a trusted network");
    }
    const upstream::UpstreamTimeouts& timeouts = upstream.timeouts;
    if (timeouts.total_ms != 0 && timeouts.total_ms < timeouts.connect_ms) {
        error(path + ".timeouts.total_ms",
              fmt::format("{} is less than connect_ms has ({}); expected more, or 0 for no limit",
                          timeouts.total_ms, timeouts.connect_ms));
    }
    if (url) {
        upstream_tls(upstream, path, *url);
    }
}

void Validator::traces() {
    const trace::TraceOptions& traces = config_.traces;
    const Result<http::BaseUrl> url = http::parse_base_url(traces.endpoint);
    client_files("traces", traces.tls);
    if (url && !url->is_https() && !traces.header_envs.empty() && !url->is_loopback()) {
        warning("traces.endpoint",
                "secret headers travel unencrypted over http; expected https outside a trusted "
                "network");
    }
}

void Validator::client_files(const std::string& path, const net::TlsClientOptions& tls) {
    file(path + ".tls.ca_file", tls.ca_file);
    file(path + ".tls.certificate_file", tls.certificate_file);
    file(path + ".tls.private_key_file", tls.private_key_file);
    if (tls.certificate_file.empty() != tls.private_key_file.empty()) {
        error(path + (tls.certificate_file.empty() ? ".tls.private_key_file"
                                                   : ".tls.certificate_file"),
              "certificate_file and private_key_file belong together; expected both or neither");
    }
}

void Validator::upstream_tls(const UpstreamOptions& upstream,
                             const std::string& path,
                             const http::BaseUrl& url) {
    const net::TlsClientOptions& tls = upstream.tls;
    client_files(path, tls);
    if (!url.is_https() && tls != net::TlsClientOptions{}) {
        warning(path + ".tls", "has no effect, because base_url does not begin with https");
    } else if (!tls.verify) {
        warning(path + ".tls.verify",
                "the upstream's certificate is not verified: the key and every prompt go to "
                "whoever answers");
    }
}

void Validator::route(const RouteOptions& route, size_t index) {
    const std::string path = route_path(index);
    if (!route.target_llm.empty()) {
        route_target(route, path);
    }
    if (!route.allow_streaming && !route.allow_non_streaming) {
        error(path + ".allow_non_streaming",
              "allow_streaming is false as well, so that no request is taken; expected one of "
              "them to be true");
    }
    route_processors(route, path);
}

void Validator::route_processors(const RouteOptions& route, const std::string& path) {
    std::vector<std::string_view> names;
    names.reserve(config_.processors.size());
    for (const pipeline::ProcessorOptions& processor : config_.processors) {
        names.emplace_back(processor.name);
    }
    for (size_t i = 0; i < route.processors.size(); ++i) {
        const std::string& name = route.processors[i];
        const std::string place = fmt::format("{}.processors[{}]", path, i);
        if (config_.find_processor(name) == nullptr) {
            error(place, fmt::format("there is no [processor.NAME] called {}{}", in_quotes(name),
                                     did_you_mean(name, names)));
        } else if (std::ranges::count(route.processors, name) > 1) {
            error(place, fmt::format("{} stands here twice; expected each processor once",
                                     in_quotes(name)));
        }
    }
}

void Validator::unused_processors() {
    for (const pipeline::ProcessorOptions& processor : config_.processors) {
        const auto uses = [&processor](const RouteOptions& route) {
            return std::ranges::find(route.processors, processor.name) != route.processors.end();
        };
        if (std::ranges::none_of(config_.routes, uses)) {
            warning("processor." + processor.name, "no route uses it");
        }
    }
}

void Validator::route_target(const RouteOptions& route, const std::string& path) {
    const UpstreamOptions* target = config_.find_upstream(route.target_llm);
    if (target == nullptr && config_.find_pool(route.target_llm) != nullptr) {
        return;
    }
    if (target == nullptr) {
        // One that is there, but too broken to be bound, has had its own message.
        if (!places_.has("llm." + route.target_llm) && !places_.has("pool." + route.target_llm)) {
            std::vector<std::string_view> names;
            names.reserve(config_.upstreams.size());
            for (const UpstreamOptions& upstream : config_.upstreams) {
                names.emplace_back(upstream.name);
            }
            for (const balance::PoolOptions& pool : config_.pools) {
                names.emplace_back(pool.name);
            }
            error(path + ".target_llm",
                  fmt::format("there is no [llm.NAME], [provider.NAME] or [pool.NAME] called "
                              "{}{}",
                              in_quotes(route.target_llm), did_you_mean(route.target_llm, names)));
        }
        return;
    }
    if (route.allow_streaming && !target->supports_streaming) {
        warning(path + ".allow_streaming",
                fmt::format("is true, but \"{}\" has supports_streaming = false; streamed requests "
                            "will get an error",
                            target->name));
    }
}

// Two routes that take the same requests: the second would never be used.
void Validator::twin_routes(size_t index) {
    const RouteOptions& route = config_.routes[index];
    const auto takes_all = [](const RouteOptions& other) { return other.models.empty(); };
    for (size_t i = 0; i < index && !route.path_prefix.empty(); ++i) {
        const RouteOptions& earlier = config_.routes[i];
        if (earlier.path_prefix != route.path_prefix) {
            continue;
        }
        const std::string_view model = shared_model(earlier, route);
        const uint32_t line = places_.find(route_path(i)).position.line;
        if (!model.empty()) {
            error(route_path(index) + ".models",
                  fmt::format("route[{}] in line {} takes {} of {} already; expected another model "
                              "or path",
                              i, line, in_quotes(model), in_quotes(route.path_prefix)));
        } else if (takes_all(earlier) && takes_all(route)) {
            error(route_path(index) + ".path_prefix",
                  fmt::format("route[{}] in line {} takes every model of {} already; expected "
                              "another path, or models on one of the two",
                              i, line, in_quotes(route.path_prefix)));
        }
    }
}

void Validator::unused_upstreams() {
    for (const UpstreamOptions& upstream : config_.upstreams) {
        const auto uses = [&upstream](const RouteOptions& route) {
            return route.target_llm == upstream.name;
        };
        const auto asks = [&upstream](const pipeline::ProcessorOptions& processor) {
            const auto* const options = std::get_if<pipeline::EnhancerOptions>(&processor.config);
            return options != nullptr && options->target_llm == upstream.name;
        };
        const auto has = [&upstream](const balance::PoolOptions& pool) {
            const auto names = [&](const std::vector<std::string>& fallbacks) {
                return std::ranges::find(fallbacks, upstream.name) != fallbacks.end();
            };
            return std::ranges::find(pool.targets, upstream.name, &balance::TargetOptions::llm) !=
                       pool.targets.end() ||
                   (pool.discovery.is_on() && pool.discovery.target.llm == upstream.name) ||
                   names(pool.fallbacks) || names(pool.context_fallbacks) ||
                   names(pool.content_fallbacks);
        };
        // Those that make tokens for others are used by them.
        const bool is_hidden = upstream.name.contains('/');
        if (!is_hidden && std::ranges::none_of(config_.routes, uses) &&
            std::ranges::none_of(config_.processors, asks) &&
            std::ranges::none_of(config_.pools, has)) {
            warning("llm." + upstream.name, "no route uses it");
        }
    }
}

}  // namespace

void validate(const Config& config, const Places& places, Diagnostics& diagnostics) {
    Validator(config, places, diagnostics).run();
}

}  // namespace sluice::config
