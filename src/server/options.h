// What can be set about the process: where it listens, how many shards, what it logs, how it stops.
// Plain values: filled by config/, read by main and by each shard when it starts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log_levels.h"
#include "base/secret.h"
#include "http/options.h"
#include "net/options.h"
#include "pipeline/options.h"

namespace sluice::server {

enum class AccessLogFormat : uint8_t { human, json, logfmt, combined };

// What to do with an x-request-id that a client sends.
enum class RequestIdPolicy : uint8_t {
    accept,   // Keep it when it is a short token, else make one.
    replace,  // Always make one: for gateways that face strangers.
};

struct AccessLogOptions {
    // "off", "stdout", "stderr" or the path of a file, which is opened again on SIGHUP.
    std::string target = "stdout";
    AccessLogFormat format = AccessLogFormat::human;
    // Lines waiting for the writer, in bytes per shard; above it lines are dropped and counted, so
    // that a full disk never slows a request.
    uint32_t buffer_bytes_max = 1024 * 1024;

    bool operator==(const AccessLogOptions&) const = default;
};

struct MetricsOptions {
    // Names of models that have series of their own on a shard. Clients make up names, so there has
    // to be an end, and a name gets series only when a request for it has succeeded.
    uint32_t models_max = 100;

    bool operator==(const MetricsOptions&) const = default;
};

struct ServerOptions {
    std::string host = "127.0.0.1";  // An address; loopback until somebody decides otherwise.
    uint16_t port = 3000;            // 0 takes a free one and says which.
    uint32_t shards = 0;             // 0 is one per core that the process may use.
    bool pin_shards = true;          // Each shard to its own core: caches stay warm.
    // Origins that browsers may call from: exact ("https://app.example.org") or "*". Empty answers
    // no CORS request.
    std::vector<std::string> cors_allowed_origins;
    // How long a browser may keep the answer of a preflight; Chromium's own maximum is 2 h.
    uint32_t cors_max_age_s = 7'200;

    // From SIGTERM to the end of the last stream. Orchestrators kill after 30 s by default.
    uint32_t drain_timeout_ms = 30'000;
    LogLevel log_level = LogLevel::info;
    // "room:level" of those that have one of their own.
    std::vector<std::string> log_levels;
    RequestIdPolicy request_id = RequestIdPolicy::accept;
    // /healthz, /readyz and /metrics on the same port. They take no input and show no secret.
    bool admin_endpoints = true;
    // Reloads by itself when the file changes. Off, because a file that is being edited may be
    // valid long before it is finished.
    bool watch_config = false;
    // server-timing header with the phases and our own share.
    bool server_timing = true;
    // While at least stream_batch_streams_min streams are open on a shard, a loop turn waits this
    // long for more events before it runs. Off, because under load events come in batches anyway,
    // and arming a timer for every turn costs more than it saves where timers are virtualised.
    uint32_t stream_batch_us = 0;
    uint32_t stream_batch_streams_min = 256;
    // A new connection goes to the emptiest shard when its own has this many more than that one.
    // Long streams do not even out by themselves. 0 leaves connections where the kernel put them.
    uint32_t rebalance_connections_min = 8;

    AccessLogOptions access_log;
    MetricsOptions metrics;
    net::TlsServerOptions tls;
    net::BufferRingOptions buffers;
    net::SocketOptions sockets;
    http::ServerConnectionOptions http;
    pipeline::RemoteContentOptions remote_content;
    pipeline::ContentCaptureOptions content_capture;

    bool operator==(const ServerOptions&) const = default;
};

// The admin API, on a listener of its own.
struct AdminOptions {
    // Loopback, because without a token whoever can connect can reload the gateway.
    std::string listen = "127.0.0.1:3001";
    std::string token_env;
    std::string token_file;
    // Each shard keeps so many, at about 1.1 KiB: a screen or two of what went on last.
    uint32_t recent_exchanges_max = 200;

    // What was found there. Empty: none is asked for.
    Secret token;

    bool is_off() const { return listen == "off"; }
    bool operator==(const AdminOptions&) const = default;
};

}  // namespace sluice::server
