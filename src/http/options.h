// Limits of HTTP messages and of client connections, each with the reason of its default. Plain
// values: filled by config/, read by the parsers and by ServerConnection on every shard.
#pragma once

#include <cstdint>

#include "http/limits.h"

namespace sluice::http {

// One connection from a client.
struct ServerConnectionOptions {
    MessageLimits limits;

    // From the first byte of a request to the end of its head: a total, because a limit per byte
    // is what slow-loris lives on. 10 s is generous for 32 KiB on any network.
    uint32_t head_timeout_ms = 10'000;
    // Between requests. 60 s keeps connections of SDKs alive between two turns of a chat, and at
    // 1 KiB each an idle one costs little.
    uint32_t keep_alive_timeout_ms = 60'000;
    // Longest silence inside a request body.
    uint32_t body_timeout_ms = 30'000;
    // Slowest average at which a body may arrive, counted after the first body_timeout_ms: 1 KB/s
    // passes the worst mobile link and ends a client that drips a byte now and then. 0 is off.
    uint32_t body_bytes_per_s_min = 1024;
    // Longest wait for a client that takes none of the bytes queued for it.
    uint32_t send_timeout_ms = 60'000;
    // After so much silence in an event stream the client gets a comment, which readers skip, so
    // that nobody on the way takes the connection for dead. Below the 30 s of the most impatient
    // load balancers. 0 writes none.
    uint32_t stream_keepalive_ms = 15'000;

    // Long contexts with images reach 50 MB.
    uint64_t request_body_bytes_max = 64ULL * 1024 * 1024;
    // A body up to this size is held whole and validated before a byte of it goes on, and can be
    // sent again on a retry. A larger one flows on in a window while it is validated, once only.
    // 1 MiB holds nearly every prompt.
    uint32_t request_hold_bytes_max = 1024 * 1024;

    // Connections of one shard. 65,536 idle ones are about 64 MiB.
    uint32_t connections_max = 65'536;
    // Requests before a connection is closed politely, so that load spreads again after a scale-out
    // of the shards or nodes behind one address. 0 is no limit.
    uint32_t requests_per_connection_max = 100'000;

    bool operator==(const ServerConnectionOptions&) const = default;
};

}  // namespace sluice::http
