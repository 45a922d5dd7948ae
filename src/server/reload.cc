// Loading, comparing with what runs, and the texts about both.
#include "server/reload.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/diagnostics.h"
#include "config/environment.h"
#include "config/load.h"
#include "server/cli.h"
#include "server/runtime_config.h"

namespace sluice::server {

uint32_t ReloadReport::error_count() const {
    return static_cast<uint32_t>(
        std::ranges::count(diagnostics, config::Severity::error, &config::Diagnostic::severity));
}

std::string ReloadReport::text() const {
    std::string all;
    for (const config::Diagnostic& diagnostic : diagnostics) {
        all += diagnostic.to_string();
        all += '\n';
    }
    return all;
}

Reloaded reload_config(const CommandLine& line,
                       const config::Environment& environment,
                       const RuntimeConfigPtr& running,
                       const TicketKeysPtr& ticket_keys,
                       AccessControl& access,
                       const access::Moment& moment) {
    Reloaded result;
    config::LoadResult loaded = load_config(line, environment);
    result.report.diagnostics = std::move(loaded.diagnostics);
    result.digest = std::move(loaded.digest);
    if (!loaded.config) {
        return result;
    }
    loaded.config->server.shards = running->config.server.shards;
    std::vector<std::string> restart = config::restart_needed(running->config, *loaded.config);
    std::vector<std::string> warnings;
    auto next = make_runtime_config(std::move(*loaded.config), running, ticket_keys, access, moment,
                                    warnings);
    if (!next) {
        result.report.diagnostics.push_back(
            {config::Severity::error, loaded.source, {}, "", next.error()});
        return result;
    }
    for (std::string& warning : warnings) {
        result.report.diagnostics.push_back(
            {config::Severity::warning, loaded.source, {}, "", std::move(warning)});
    }
    result.report.restart_needed = std::move(restart);
    result.report.is_accepted = true;
    result.config = std::move(*next);
    return result;
}

}  // namespace sluice::server
