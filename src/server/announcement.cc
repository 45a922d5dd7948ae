// The lines of the announcement.
#include "server/announcement.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <fmt/format.h>

#include "balance/options.h"
#include "config/config.h"
#include "pipeline/options.h"
#include "server/options.h"
#include "upstream/options.h"

namespace sluice::server {

std::string announcement(const Started& started) {
    const ServerOptions& server = started.config.server;
    std::string text;
    const auto out = std::back_inserter(text);
    fmt::format_to(out, "sluice {} listens on {}://{} with {} shard{}\n", SLUICE_VERSION,
                   server.tls.enabled() ? "https" : "http", started.address.to_string(),
                   server.shards, server.shards == 1 ? "" : "s");
    fmt::format_to(out, "admin API: {}\n", started.admin);
    if (started.admin.starts_with("http://")) {
        fmt::format_to(out, "dashboard: {}/ui\n", started.admin);
    }
    fmt::format_to(out, "configuration: {}{}\n", started.source,
                   server.watch_config && started.has_config_file ? " (watched)" : "");
    bool simulated = false;
    for (const pipeline::RouteOptions& route : started.config.routes) {
        const auto targets = started.config.targets_of(route.target_llm);
        simulated =
            simulated || std::ranges::any_of(targets, &upstream::UpstreamOptions::is_simulated);
        const balance::PoolOptions* const pool = started.config.find_pool(route.target_llm);
        std::string where =
            fmt::format("pool of {}{}", targets.size(),
                        pool != nullptr && pool->discovery.is_on() ? " and what is found" : "");
        if (pool == nullptr) {
            where =
                targets.front()->is_simulated() ? "embedded simulator" : targets.front()->base_url;
        }
        fmt::format_to(out, "  {:<24} -> {} ({})\n", route.path_prefix, route.target_llm, where);
    }
    if (!started.has_config_file) {
        text += simulated
                    ? "No key was found, so answers are simulated. Set OPENAI_API_KEY to serve "
                      "OpenAI, or --config FILE for your own upstreams.\n"
                    : "OPENAI_API_KEY is set, so requests go to OpenAI. Use --config FILE for your "
                      "own upstreams.\n";
    }
    return text;
}

}  // namespace sluice::server
