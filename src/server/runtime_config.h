// RuntimeConfig: a configuration with what shards share of it: TLS contexts and prices, which had
// to be read from disk, and what is known of the keys of upstreams.
//
// Built wholly or not at all, on the main thread, at start and on reload; immutable afterwards (but
// for what shards find out about keys) and shared by all shards.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "access/limit_book.h"
#include "config/config.h"
#include "net/tls_context.h"
#include "net/tls_ticket_keys.h"
#include "providers/price_table.h"
#include "server/access_control.h"
#include "server/membership.h"
#include "server/pools.h"
#include "upstream/key_ring.h"

namespace sluice::server {

struct RuntimeConfig {
    // As it was loaded, and who has been found to belong to its pools; and both in one.
    std::shared_ptr<const config::Config> loaded;
    Membership members;
    config::Config config;
    net::TlsContext client_side;             // Towards clients; empty without TLS.
    std::vector<net::TlsContext> upstreams;  // In the order of the upstreams; empty for plain http.
    // Likewise; each holds what is known of its keys, for all shards.
    std::vector<std::unique_ptr<upstream::KeyRing>> keys;
    AccessTables access;  // Who may ask, and what is counted.
    // Towards hosts that requests name, and webhooks. Empty when there are none of them, or no
    // authorities to trust, which keeps nobody from serving everything else.
    net::TlsContext remote;
    net::TlsContext traces;  // Towards their receiver; empty without one, or for plain http.
    std::shared_ptr<const providers::PriceTable> prices =
        std::make_shared<const providers::PriceTable>();
    Pools pools;  // In the order of the configuration's.
};

using RuntimeConfigPtr = std::shared_ptr<const RuntimeConfig>;
// Holds the configuration that they are part of.
using PoolsPtr = std::shared_ptr<const Pools>;
using TicketKeysPtr = std::shared_ptr<net::TlsTicketKeys>;

// Fails with a text that names the file and the reason. `warnings` gets what works but should not
// stay as it is. `running`: the one in force, or null; contexts of unchanged upstreams that read no
// file of their own are kept, and with them their connections. Keys and limits are loaded last, and
// only if everything else is right, because that changes `access`.
std::expected<RuntimeConfigPtr, std::string> make_runtime_config(
    config::Config config,
    const RuntimeConfigPtr& running,
    const TicketKeysPtr& ticket_keys,
    AccessControl& access,
    const access::Moment& moment,
    std::vector<std::string>& warnings);

// The running configuration with other members in its pools. No file is read, and nothing of what
// it shares changes; keys are those that `access` has now.
RuntimeConfigPtr with_members(const RuntimeConfigPtr& running,
                              Membership members,
                              AccessControl& access,
                              const access::Moment& moment);

// Why this configuration cannot be served although it is well-formed (a certificate that cannot be
// used, say); empty when it can.
std::string why_unusable(const config::Config& config);

}  // namespace sluice::server
