// Where the gateway listens: sockets that were passed to it, held against its configuration, and
// those that its shards open themselves.
//
// By address: docs/decisions/0035-passed-sockets-by-address.md. Main thread, at start.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>

#include "config/config.h"
#include "config/environment.h"
#include "net/address.h"
#include "net/passed_sockets.h"
#include "net/ring.h"
#include "server/options.h"
#include "server/shard_runner.h"

namespace sluice::server {

// Takes what was passed to this process, if anything was, and removes the variables that said so:
// before other threads run. Every socket must fit a listener of `config`, whose number of shards
// must be known. The error is for a person.
std::expected<net::PassedSockets, std::string> take_passed_sockets(
    const config::Environment& environment, const config::Config& config);

// Makes every shard listen, on what was passed or by itself. Returns the address, with port 0 the
// one that was given; the error is for a person.
std::expected<net::Address, std::string> listen_on_shards(
    const ServerOptions& server,
    const net::PassedSockets& passed,
    net::Ring& ring,
    std::span<const std::unique_ptr<ShardRunner>> runners);

}  // namespace sluice::server
