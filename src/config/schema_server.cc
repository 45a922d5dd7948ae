// The settings of [server] and of its certificates.
#include <array>
#include <span>
#include <string_view>

#include "base/log_levels.h"
#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "http/options.h"
#include "net/options.h"
#include "pipeline/options.h"
#include "server/options.h"

namespace sluice::config {

template <>
struct ChoiceNames<LogLevel> {
    static constexpr std::span<const std::string_view> kNames = kLogLevelNames;
};
template <>
struct ChoiceNames<server::AccessLogFormat> {
    static constexpr std::string_view kNames[] = {"human", "json", "logfmt", "combined"};
};
template <>
struct ChoiceNames<server::RequestIdPolicy> {
    static constexpr std::string_view kNames[] = {"accept", "replace"};
};

namespace {

using http::MessageLimits;
using net::BufferRingOptions;
using net::CertificateOptions;
using net::SocketOptions;
using net::TlsServerOptions;
using pipeline::ContentCaptureOptions;
using pipeline::RemoteContentOptions;
using server::AccessLogOptions;
using server::MetricsOptions;
using server::ServerOptions;
using Connection = http::ServerConnectionOptions;

constexpr auto kServerSettings = std::to_array<Setting>({
    setting<&ServerOptions::host>(
        "host",
        "Address to listen on. The default answers this machine only; \"0.0.0.0\" or \"::\" "
        "answers every network.")
        .check(check_host)
        .restart(),
    setting<&ServerOptions::port>("port", "Port to listen on. 0 takes a free one and says which.")
        .range(0, 65'535)
        .restart(),
    setting<&ServerOptions::shards>(
        "shards",
        "Threads, each with its own ring, connections and buffers. 0 is one per core that the "
        "process may use.")
        .range(0, 1'024)
        .restart(),
    setting<&ServerOptions::pin_shards>("pin_shards", "Keeps each shard on its own core.")
        .restart(),
    setting<&ServerOptions::cors_allowed_origins>(
        "cors_allowed_origins",
        "Web origins whose pages may call the gateway; \"*\" is any. An empty list answers no "
        "cross-origin request.")
        .check(check_origin),
    setting<&ServerOptions::cors_max_age_s>(
        "cors_max_age_s", "How long a browser may keep the answer of a preflight.")
        .range(0, kTimeSMax),
    setting<&ServerOptions::drain_timeout_ms>(
        "drain_timeout_ms", "Time that open streams have to finish after SIGTERM or SIGINT.")
        .range(0, kTimeMsMax),
    setting<&ServerOptions::log_level>("log_level",
                                       "Least severe kind of line in the log on standard error."),
    setting<&ServerOptions::log_levels>(
        "log_levels",
        "Rooms with a level of their own, such as [\"net:debug\", \"health:warning\"]. A line "
        "names "
        "its room; `sluice log` lists all, and changes levels while the gateway runs.")
        .check(check_log_room_level),
    setting<&ServerOptions::request_id>(
        "request_id",
        "What to do with a client's x-request-id: \"accept\" keeps it when it is a short token, "
        "\"replace\" always makes a new one."),
    setting<&ServerOptions::admin_endpoints>(
        "admin_endpoints", "Answers /healthz, /readyz and /metrics on the same port."),
    setting<&ServerOptions::watch_config>(
        "watch_config",
        "Reloads when the configuration file changes: by writing, by renaming, or by the swap of a "
        "link that leads to it."),
    setting<&ServerOptions::server_timing>(
        "server_timing",
        "Adds a server-timing header with the time each phase took and the gateway's own share."),
    setting<&ServerOptions::stream_batch_us>(
        "stream_batch_us",
        "While many streams are open, how long a turn of the loop waits for more events before it "
        "runs: fewer wake-ups per event, for a timer armed in every turn. 0 never waits.")
        .range(0, 10'000)
        .restart(),
    setting<&ServerOptions::stream_batch_streams_min>(
        "stream_batch_streams_min", "Open streams on a shard from which stream_batch_us applies.")
        .range(1, kCountMax)
        .restart(),
    setting<&ServerOptions::rebalance_connections_min>(
        "rebalance_connections_min",
        "Lead in connections over the emptiest shard above which a shard passes new connections "
        "on to it. 0 leaves connections where the kernel put them.")
        .range(0, kCountMax),

    setting<&ServerOptions::access_log, &AccessLogOptions::target>(
        "access_log.target",
        "Where the line of each exchange goes: \"off\", \"stdout\", \"stderr\" or the path of a "
        "file, which is opened again on SIGHUP.")
        .check(check_log_target),
    setting<&ServerOptions::access_log, &AccessLogOptions::format>(
        "access_log.format",
        "\"human\" is for people: the time, then name=value. For programs: \"json\" is an object a "
        "line, \"logfmt\" has name=value for the time as well, \"combined\" is the format of web "
        "servers, with client, request, status and bytes alone."),
    setting<&ServerOptions::access_log, &AccessLogOptions::buffer_bytes_max>(
        "access_log.buffer_bytes_max",
        "Lines that wait for the writer, per shard. Above it lines are dropped and counted, so "
        "that a full disk never slows a request.")
        .range(64 * kKiB, kGiB)
        .restart(),

    setting<&ServerOptions::metrics, &MetricsOptions::models_max>(
        "metrics.models_max",
        "Models with metrics of their own, per shard; all others are counted as \"other\". A name "
        "that a client has made up takes no place: only one that was answered does.")
        .range(0, 1'000),

    setting<&ServerOptions::tls, &TlsServerOptions::client_ca_file>(
        "tls.client_ca_file",
        "PEM bundle. When set, clients must show a certificate signed by one of these.")
        .check(check_file_path),
    setting<&ServerOptions::tls, &TlsServerOptions::version_min>(
        "tls.version_min", "Oldest TLS version that is accepted from clients."),
    setting<&ServerOptions::tls, &TlsServerOptions::handshake_timeout_ms>(
        "tls.handshake_timeout_ms", "Time a client has to finish the TLS handshake.")
        .range(1, kTimeMsMax),

    setting<&ServerOptions::buffers, &BufferRingOptions::block_bytes>("buffers.block_bytes",
                                                                      "Size of one receive buffer.")
        .range(4 * kKiB, 256 * kKiB)
        .power_of_two()
        .restart(),
    setting<&ServerOptions::buffers, &BufferRingOptions::blocks_max>(
        "buffers.blocks_max",
        "Receive buffers of one shard. They cost memory only while traffic needs them.")
        .range(8, 32'768)
        .power_of_two()
        .restart(),
    setting<&ServerOptions::buffers, &BufferRingOptions::window_blocks>(
        "buffers.window_blocks", "Receive buffers that the kernel holds at a time.")
        .range(2, 32'768)
        .power_of_two()
        .restart(),

    setting<&ServerOptions::sockets, &SocketOptions::listen_backlog>(
        "sockets.listen_backlog",
        "Connections that the kernel keeps until they are accepted; bounded by "
        "net.core.somaxconn as well.")
        .range(1, 65'535)
        .restart(),
    setting<&ServerOptions::sockets, &SocketOptions::receive_buffer_bytes>(
        "sockets.receive_buffer_bytes",
        "Kernel receive buffer of each connection. 0 leaves it to the kernel, which grows it for "
        "peers whose bytes are taken.")
        .range(0, 64 * kMiB)
        .restart(),
    setting<&ServerOptions::sockets, &SocketOptions::send_buffer_bytes>(
        "sockets.send_buffer_bytes",
        "Kernel send buffer of each connection. 0 leaves it to the kernel.")
        .range(0, 64 * kMiB)
        .restart(),
    setting<&ServerOptions::sockets, &SocketOptions::queue_high_bytes>(
        "sockets.queue_high_bytes",
        "Bytes waiting in one direction of an exchange at which reading stops.")
        .range(4 * kKiB, 16 * kMiB)
        .restart(),
    setting<&ServerOptions::sockets, &SocketOptions::queue_low_bytes>(
        "sockets.queue_low_bytes", "Bytes waiting at which reading starts again.")
        .range(kKiB, 16 * kMiB)
        .restart(),
    setting<&ServerOptions::sockets, &SocketOptions::keep_alive_probe_s>(
        "sockets.keep_alive_probe_s",
        "Silence after which TCP asks whether the peer is still there. 0 never asks.")
        .range(0, 32'767)
        .restart(),

    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::head_bytes_max>(
        "http.head_bytes_max", "Request line and headers together; 431 above it.")
        .range(kKiB, kMiB),
    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::fields_max>(
        "http.fields_max", "Header fields of one message, cookies counted one by one.")
        .range(8, 10'000),
    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::field_bytes_max>(
        "http.field_bytes_max", "One header field, name and value.")
        .range(256, kMiB),
    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::request_line_bytes_max>(
        "http.request_line_bytes_max", "Method, path and version; 414 above it.")
        .range(256, kMiB),
    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::trailer_bytes_max>(
        "http.trailer_bytes_max",
        "Trailer fields after a chunked body; they are checked and dropped.")
        .range(0, kMiB),
    setting<&ServerOptions::http, &Connection::limits, &MessageLimits::chunk_extension_bytes_max>(
        "http.chunk_extension_bytes_max", "Chunk extensions of one body; they are never sent on.")
        .range(0, kMiB),
    setting<&ServerOptions::http, &Connection::head_timeout_ms>(
        "http.head_timeout_ms",
        "From the first byte of a request to the end of its headers, as a total.")
        .range(1, kTimeMsMax),
    setting<&ServerOptions::http, &Connection::keep_alive_timeout_ms>(
        "http.keep_alive_timeout_ms", "How long a connection may stay open between two requests.")
        .range(1, kTimeMsMax),
    setting<&ServerOptions::http, &Connection::body_timeout_ms>(
        "http.body_timeout_ms", "Longest silence inside a request body; 408 after it.")
        .range(1, kTimeMsMax),
    setting<&ServerOptions::http, &Connection::body_bytes_per_s_min>(
        "http.body_bytes_per_s_min",
        "Slowest average at which a request body may arrive, counted once body_timeout_ms has "
        "passed. 0 allows any.")
        .range(0, kGiB),
    setting<&ServerOptions::http, &Connection::send_timeout_ms>(
        "http.send_timeout_ms", "How long a client may take none of the bytes that wait for it.")
        .range(1, kTimeMsMax),
    setting<&ServerOptions::http, &Connection::stream_keepalive_ms>(
        "http.stream_keepalive_ms",
        "Silence in an event stream after which the client gets a comment, so that nobody on the "
        "way takes the connection for dead. 0 writes none.")
        .range(0, kTimeMsMax),
    setting<&ServerOptions::http, &Connection::request_body_bytes_max>(
        "http.request_body_bytes_max",
        "Largest request body; 413 above it. A route can set its own.")
        .range(1, 1'024 * kGiB),
    setting<&ServerOptions::http, &Connection::request_hold_bytes_max>(
        "http.request_hold_bytes_max",
        "Bodies up to this size are validated whole before a byte of them is sent on, and can be "
        "sent again; larger ones flow through while they are validated.")
        .range(kKiB, kGiB),
    setting<&ServerOptions::http, &Connection::connections_max>("http.connections_max",
                                                                "Client connections of one shard.")
        .range(1, 10'000'000),
    setting<&ServerOptions::http, &Connection::requests_per_connection_max>(
        "http.requests_per_connection_max",
        "Requests after which a connection is closed politely, so that load can spread anew. 0 is "
        "no limit.")
        .range(0, 1'000'000'000),

    setting<&ServerOptions::remote_content, &RemoteContentOptions::enabled>(
        "remote_content.enabled",
        "Fetches images and files that a request names by URL when its provider wants their bytes. "
        "Otherwise such requests are refused."),
    setting<&ServerOptions::remote_content, &RemoteContentOptions::allow_http>(
        "remote_content.allow_http", "Fetches http URLs, too, and follows redirects to them."),
    setting<&ServerOptions::remote_content, &RemoteContentOptions::allow_private_addresses>(
        "remote_content.allow_private_addresses",
        "Fetches from any address. Every client can then reach what this machine can reach: for "
        "tests and closed networks only."),
    setting<&ServerOptions::remote_content, &RemoteContentOptions::bytes_max>(
        "remote_content.bytes_max",
        "Largest file. All files of a request together must fit into its largest body as well.")
        .range(kKiB, kGiB),
    setting<&ServerOptions::remote_content, &RemoteContentOptions::timeout_ms>(
        "remote_content.timeout_ms", "Fetching one file, redirects included.")
        .range(1, kTimeMsMax),

    setting<&ServerOptions::content_capture, &ContentCaptureOptions::inspector>(
        "content_capture.inspector",
        "Keeps bodies with the exchanges of `admin.recent_exchanges_max`: whoever may use the "
        "admin API can read what clients ask and are told. Switching it off forgets them."),
    setting<&ServerOptions::content_capture, &ContentCaptureOptions::traces>(
        "content_capture.traces", "Puts bodies into the spans that are sent to `traces.endpoint`."),
    setting<&ServerOptions::content_capture, &ContentCaptureOptions::bytes_max>(
        "content_capture.bytes_max", "Kept of each body; what is longer is cut and marked so.")
        .range(1, 256 * kKiB),
});

constexpr auto kCertificateSettings = std::to_array<Setting>({
    setting<&CertificateOptions::certificate_file>(
        "certificate_file",
        "PEM file: the certificate, then the chain that leads to its authority.")
        .check(check_file_path)
        .required(),
    setting<&CertificateOptions::private_key_file>("private_key_file",
                                                   "PEM file with its private key.")
        .check(check_file_path)
        .required(),
    setting<&CertificateOptions::server_names>(
        "server_names", "Names it is shown for. Empty takes the names in the certificate.")
        .check(check_server_name),
});

}  // namespace

SectionTable server_section() {
    return {"[server]", kServerSettings, &defaults<ServerOptions>};
}

SectionTable certificate_section() {
    return {"[[server.tls.certificate]]", kCertificateSettings, &defaults<CertificateOptions>};
}

}  // namespace sluice::config
