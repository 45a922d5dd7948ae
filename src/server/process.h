// Process: the gateway as one process: shards, the control shard, signals, reload, drain, exit
// code.
//
// Runs on the main thread, which becomes the control shard: it resolves names, takes signals,
// serves the admin API and sends messages to the shards; it carries no traffic.
#pragma once

#include "config/environment.h"
#include "config/load.h"
#include "server/cli.h"

namespace sluice::server {

// Serves until it is told to stop. `loaded` holds a configuration. Returns the exit code.
int serve(const CommandLine& line,
          const config::Environment& environment,
          config::LoadResult loaded);

}  // namespace sluice::server
