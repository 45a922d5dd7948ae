// The table of all settings: key, member, help, and what is particular about the line (range,
// check, whether it needs a restart). Defaults are those of the options structs.
//
// To add a setting: a member with its default and reason in the room's options.h, one line here.
// schema_test fails while a member has no line.
#include "config/schema.h"

#include <algorithm>
#include <array>

#include "config/accessor.h"
#include "config/checks.h"
#include "config/provider_checks.h"
#include "http/options.h"
#include "net/options.h"
#include "pipeline/options.h"
#include "server/options.h"
#include "upstream/options.h"

namespace sluice::config {

template <>
struct ChoiceNames<net::TlsVersion> {
    static constexpr std::string_view kNames[] = {"1.2", "1.3"};
};
template <>
struct ChoiceNames<server::LogLevel> {
    static constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
};
template <>
struct ChoiceNames<server::AccessLogFormat> {
    static constexpr std::string_view kNames[] = {"human", "json"};
};
template <>
struct ChoiceNames<server::RequestIdPolicy> {
    static constexpr std::string_view kNames[] = {"accept", "replace"};
};
template <>
struct ChoiceNames<upstream::UpstreamType> {
    static constexpr std::string_view kNames[] = {"chat"};
};
template <>
struct ChoiceNames<upstream::StreamUsage> {
    static constexpr std::string_view kNames[] = {"by_provider", "always", "as_asked"};
};
template <>
struct ChoiceNames<upstream::ReplyHandling> {
    static constexpr std::string_view kNames[] = {"by_provider", "relay", "normalize"};
};
template <>
struct ChoiceNames<upstream::UnsupportedParameters> {
    static constexpr std::string_view kNames[] = {"drop", "warn", "strict"};
};

namespace {

using http::MessageLimits;
using net::BufferRingOptions;
using net::CertificateOptions;
using net::SocketOptions;
using net::TlsClientOptions;
using net::TlsServerOptions;
using pipeline::RemoteContentOptions;
using pipeline::RouteOptions;
using server::AccessLogOptions;
using server::ServerOptions;
using upstream::PoolOptions;
using upstream::ProviderOptions;
using upstream::SimulatorOptions;
using upstream::UpstreamOptions;
using upstream::UpstreamTimeouts;
using Connection = http::ServerConnectionOptions;

// Upper ends of ranges. They exclude slips of the finger (a second for a millisecond, a bit too
// many zeros), not large machines.
constexpr int64_t kTimeMsMax = 86'400'000;  // A day.
constexpr int64_t kTimeSMax = 86'400;
constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr int64_t kGiB = 1024 * kMiB;
constexpr int64_t kCountMax = 1'000'000;

template <auto... Path>
constexpr Setting setting(std::string_view key, std::string_view help) {
    return Setting{.key = key, .access = member<Path...>(), .help = help};
}

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
    setting<&ServerOptions::request_id>(
        "request_id",
        "What to do with a client's x-request-id: \"accept\" keeps it when it is a short token, "
        "\"replace\" always makes a new one."),
    setting<&ServerOptions::admin_endpoints>(
        "admin_endpoints", "Answers /healthz, /readyz and /metrics on the same port."),
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
        "access_log.format", "Columns for people or one JSON object per line for programs."),
    setting<&ServerOptions::access_log, &AccessLogOptions::buffer_bytes_max>(
        "access_log.buffer_bytes_max",
        "Lines that wait for the writer, per shard. Above it lines are dropped and counted, so "
        "that a full disk never slows a request.")
        .range(64 * kKiB, kGiB)
        .restart(),

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

constexpr auto kLlmSettings = std::to_array<Setting>({
    setting<&UpstreamOptions::provider>(
        "provider",
        "The vendor, or the server program; docs/PROVIDERS.md lists them. \"openai_compatible\" "
        "suits any server that speaks OpenAI's API; \"simulated\" is the LLM simulator inside the "
        "gateway.")
        .check(check_provider),
    setting<&UpstreamOptions::type>(
        "type",
        "What it is for. \"chat\" is models that are talked to, and what belongs to them: "
        "embeddings and lists of models."),
    setting<&UpstreamOptions::base_url>(
        "base_url",
        "Where it is, such as \"https://api.openai.com/v1\". Empty is the provider's own address, "
        "where it has one. Not for provider \"simulated\".")
        .check(check_base_url),
    setting<&UpstreamOptions::token_env>("token_env",
                                         "Name of the environment variable that holds the key.")
        .check(check_environment_name),
    setting<&UpstreamOptions::token_file>(
        "token_file",
        "File that holds the key, read at the start and on every reload. A line end after the key "
        "is dropped.")
        .check(check_file_path),
    setting<&UpstreamOptions::vendor, &ProviderOptions::api_version>(
        "api_version", "Azure: the api-version of its URLs.")
        .check(check_header_value),
    setting<&UpstreamOptions::vendor, &ProviderOptions::location>(
        "location", "Google's location, or the region of AWS.")
        .check(check_location),
    setting<&UpstreamOptions::vendor, &ProviderOptions::credentials_file>(
        "credentials_file",
        "Google: the JSON file of a service account or a user. Empty takes the one that "
        "GOOGLE_APPLICATION_CREDENTIALS names.")
        .check(check_file_path),
    setting<&UpstreamOptions::vendor, &ProviderOptions::profile>(
        "profile",
        "AWS: the profile of the shared credentials file, for when the environment holds no keys. "
        "Empty takes AWS_PROFILE, else \"default\". Where that has none either, they are those of "
        "the role of the container or the machine, renewed in time. A file with the container's "
        "token is read when the configuration is loaded.")
        .check(check_header_value),
    setting<&UpstreamOptions::vendor, &ProviderOptions::auth>(
        "auth",
        "How the key is sent: \"bearer\", \"header:NAME\", \"query:NAME\" or \"none\". Empty is as "
        "the provider has it.")
        .check(check_auth),
    setting<&UpstreamOptions::vendor, &ProviderOptions::paths>(
        "paths",
        "Paths below base_url by operation, as { chat = \"/v2/chat\" }. Operations: chat, "
        "completions, embeddings, responses, models, count_tokens.")
        .check_each(check_operation_path),
    setting<&UpstreamOptions::vendor, &ProviderOptions::quirks>(
        "quirks",
        "Deviations from the dialect, besides those of the provider; see "
        "docs/PROVIDERS.md.")
        .check(check_quirk),
    setting<&UpstreamOptions::vendor, &ProviderOptions::supports>(
        "supports", "Capabilities that it has, whatever the provider's row says.")
        .check(check_capability),
    setting<&UpstreamOptions::vendor, &ProviderOptions::lacks>(
        "lacks", "Capabilities that it has not, whatever the provider's row says.")
        .check(check_capability),
    setting<&UpstreamOptions::vendor, &ProviderOptions::replies>(
        "replies",
        "Replies in the client's own dialect: \"relay\" passes them on byte for byte, "
        "\"normalize\" mends deviations from the dialect, \"by_provider\" does what suits the "
        "provider."),
    setting<&UpstreamOptions::vendor, &ProviderOptions::stream_usage>(
        "stream_usage",
        "\"always\" asks every stream of chat completions for its usage, so that tokens are "
        "accounted for, and keeps the chunk from clients that did not ask; \"as_asked\" leaves "
        "requests and streams as they are; \"by_provider\" is \"always\" but for "
        "\"openai_compatible\"."),
    setting<&UpstreamOptions::vendor, &ProviderOptions::unsupported_parameters>(
        "unsupported_parameters",
        "Hints that the provider has no counterpart for: \"drop\" leaves them out and lists them "
        "in x-gateway-dropped-params, \"warn\" logs them as well, \"strict\" answers 400."),
    setting<&UpstreamOptions::vendor, &ProviderOptions::tokens_default>(
        "tokens_default",
        "Limit of an answer where the provider demands one and the client set none.")
        .range(1, kCountMax),
    setting<&UpstreamOptions::vendor, &ProviderOptions::reply_bytes_max>(
        "reply_bytes_max", "Largest reply that is translated whole; 502 above it.")
        .range(kKiB, kGiB),
    setting<&UpstreamOptions::organization>("organization", "Sent as openai-organization.")
        .check(check_header_value),
    setting<&UpstreamOptions::project>("project", "Sent as openai-project.")
        .check(check_header_value),
    setting<&UpstreamOptions::headers>(
        "headers", "Headers added to every request, as { name = \"value\" }. Not for keys.")
        .check_each(check_added_header),
    setting<&UpstreamOptions::supports_streaming>(
        "supports_streaming",
        "Whether it can answer with a stream. If not, streamed requests get an error."),
    setting<&UpstreamOptions::models>(
        "models", "Model names rewritten for it on every route, as { alias = \"its own name\" }.")
        .check_each(check_model_alias),

    setting<&UpstreamOptions::timeouts, &UpstreamTimeouts::connect_ms>(
        "timeouts.connect_ms", "Connecting to one address, TLS included.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::timeouts, &UpstreamTimeouts::first_byte_ms>(
        "timeouts.first_byte_ms", "From the end of the request to the first byte of the answer.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::timeouts, &UpstreamTimeouts::silence_ms>(
        "timeouts.silence_ms", "Longest silence inside an answer, streamed or not.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::timeouts, &UpstreamTimeouts::total_ms>(
        "timeouts.total_ms",
        "The whole exchange. 0 is no limit, because a stream that still brings tokens is healthy.")
        .range(0, kTimeMsMax),

    setting<&UpstreamOptions::pool, &PoolOptions::connections_max>(
        "pool.connections_max", "Connections of one shard, busy and idle.")
        .range(1, kCountMax),
    setting<&UpstreamOptions::pool, &PoolOptions::waiters_max>(
        "pool.waiters_max", "Exchanges of one shard that may wait for a connection; 503 above it.")
        .range(0, kCountMax),
    setting<&UpstreamOptions::pool, &PoolOptions::wait_timeout_ms>("pool.wait_timeout_ms",
                                                                   "How long one may wait.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::pool, &PoolOptions::idle_timeout_ms>(
        "pool.idle_timeout_ms",
        "How long an idle connection is kept. Should be less than the upstream's own limit.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::pool, &PoolOptions::idle_connections_max>(
        "pool.idle_connections_max",
        "Idle connections that one shard keeps. 0 opens a new one for each exchange.")
        .range(0, kCountMax),
    setting<&UpstreamOptions::pool, &PoolOptions::surplus_period_ms>(
        "pool.surplus_period_ms",
        "How often half of the idle connections that nobody needed meanwhile are closed; the last "
        "one waits for idle_timeout_ms. 0 leaves all to it.")
        .range(0, kTimeMsMax),
    setting<&UpstreamOptions::pool, &PoolOptions::idle_death_retries_max>(
        "pool.idle_death_retries_max",
        "How often a request is sent again after the upstream had closed its idle connection "
        "before taking any of it.")
        .range(0, 10),

    setting<&UpstreamOptions::tls, &TlsClientOptions::ca_file>(
        "tls.ca_file", "PEM bundle of authorities to trust. Empty takes the system's.")
        .check(check_file_path),
    setting<&UpstreamOptions::tls, &TlsClientOptions::certificate_file>(
        "tls.certificate_file",
        "PEM file of the certificate that is shown when the upstream asks for one.")
        .check(check_file_path),
    setting<&UpstreamOptions::tls, &TlsClientOptions::private_key_file>(
        "tls.private_key_file", "PEM file with its private key.")
        .check(check_file_path),
    setting<&UpstreamOptions::tls, &TlsClientOptions::server_name>(
        "tls.server_name", "Name to ask for and to verify. Empty takes the host of base_url.")
        .check(check_server_name),
    setting<&UpstreamOptions::tls, &TlsClientOptions::verify>(
        "tls.verify",
        "Verifies the upstream's certificate. Switch it off in tests only: the key goes to "
        "whoever answers."),
    setting<&UpstreamOptions::tls, &TlsClientOptions::version_min>(
        "tls.version_min", "Oldest TLS version to speak with it."),

    setting<&UpstreamOptions::simulator, &SimulatorOptions::time_to_first_token_ms>(
        "simulator.time_to_first_token_ms", "For provider \"simulated\": pause before the answer.")
        .range(0, kTimeMsMax),
    setting<&UpstreamOptions::simulator, &SimulatorOptions::inter_token_time_ms>(
        "simulator.inter_token_time_ms", "For provider \"simulated\": pause between two tokens.")
        .range(0, kTimeMsMax),
    setting<&UpstreamOptions::simulator, &SimulatorOptions::tokens>(
        "simulator.tokens",
        "For provider \"simulated\": length of an answer, unless the request allows fewer.")
        .range(1, kCountMax),
    setting<&UpstreamOptions::simulator, &SimulatorOptions::embedding_dimensions>(
        "simulator.embedding_dimensions", "For provider \"simulated\": length of an embedding.")
        .range(1, 16'384),
    setting<&UpstreamOptions::simulator, &SimulatorOptions::models>(
        "simulator.models",
        "For provider \"simulated\": what /v1/models lists. Any other name is answered as well.")
        .check(check_model),
});

constexpr auto kRouteSettings = std::to_array<Setting>({
    setting<&RouteOptions::path_prefix>(
        "path_prefix",
        "Takes this path and all below it, by whole segments. The longest one that matches wins.")
        .check(check_path_prefix)
        .required(),
    setting<&RouteOptions::models>(
        "models",
        "Takes only these models: names, or prefixes that end in '*'. A name wins over a prefix, "
        "a long prefix over a short one. Empty takes every model.")
        .check(check_model),
    setting<&RouteOptions::model_aliases>(
        "model_aliases",
        "Model names that the route takes and rewrites, as { alias = \"upstream's name\" }.")
        .check_each(check_model_alias),
    setting<&RouteOptions::target_llm>("target_llm", "Name of the [llm.NAME] that answers.")
        .required(),
    setting<&RouteOptions::allow_streaming>(
        "allow_streaming", "Whether requests with \"stream\": true are taken; 400 otherwise."),
    setting<&RouteOptions::allow_non_streaming>(
        "allow_non_streaming", "Whether requests without it are taken; 400 otherwise."),
    setting<&RouteOptions::processors>(
        "processors", "Processors to run, in this order. This version has none: leave it empty."),
    setting<&RouteOptions::request_body_bytes_max>(
        "request_body_bytes_max",
        "Largest request body on this route. 0 takes server.http.request_body_bytes_max.")
        .range(0, 1'024 * kGiB),
    setting<&RouteOptions::cors_allowed_origins>(
        "cors_allowed_origins",
        "Web origins for this route. Empty takes server.cors_allowed_origins.")
        .check(check_origin),
});

}  // namespace

std::span<const Setting> settings(Section section) {
    switch (section) {
        case Section::server:
            return kServerSettings;
        case Section::certificate:
            return kCertificateSettings;
        case Section::llm:
            return kLlmSettings;
        case Section::route:
            return kRouteSettings;
    }
    return {};
}

const Setting* find_setting(Section section, std::string_view key) {
    const std::span<const Setting> all = settings(section);
    const auto found = std::ranges::find(all, key, &Setting::key);
    return found == all.end() ? nullptr : &*found;
}

std::string_view section_title(Section section) {
    switch (section) {
        case Section::server:
            return "[server]";
        case Section::certificate:
            return "[[server.tls.certificate]]";
        case Section::llm:
            return "[llm.NAME]";
        case Section::route:
            return "[[route]]";
    }
    return "";
}

const void* defaults_of(Section section) {
    static const ServerOptions kServer;
    static const CertificateOptions kCertificate;
    static const UpstreamOptions kUpstream;
    static const RouteOptions kRoute;
    switch (section) {
        case Section::server:
            return &kServer;
        case Section::certificate:
            return &kCertificate;
        case Section::llm:
            return &kUpstream;
        case Section::route:
            return &kRoute;
    }
    return nullptr;
}

}  // namespace sluice::config
