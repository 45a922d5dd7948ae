// Reading the configuration again: one function, whoever asked for it (a signal, the admin API, a
// change of the file). Builds the new one wholly or says what is wrong; what is done with it is the
// process's business. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/environment.h"
#include "server/cli.h"
#include "server/runtime_config.h"

namespace sluice::server {

// What came of it, to be told to whoever asked.
struct ReloadReport {
    bool is_accepted = false;
    // Errors, or the warnings of one that was accepted; in the order of the file.
    std::vector<config::Diagnostic> diagnostics;
    // Settings that differ and take effect after a restart only.
    std::vector<std::string> restart_needed;

    uint32_t error_count() const;
    // One line each.
    std::string text() const;
};

struct Reloaded {
    RuntimeConfigPtr config;  // Null when it was refused.
    ReloadReport report;
    std::string digest;  // Of the file that was read (config::LoadResult).
};

// `running` is the configuration in force; how many shards there are stays as it is.
Reloaded reload_config(const CommandLine& line,
                       const config::Environment& environment,
                       const RuntimeConfigPtr& running,
                       const TicketKeysPtr& ticket_keys,
                       AccessControl& access,
                       const access::Moment& moment);

}  // namespace sluice::server
