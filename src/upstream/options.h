// One upstream: whom we call, with which key, how long we wait and how many connections we keep.
// Plain values: filled by config/, part of the snapshot that every shard holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "net/options.h"

namespace sluice::upstream {

// What an upstream is for; whose API it speaks says `provider`.
enum class UpstreamType : uint8_t {
    chat,  // Models that are talked to, and what belongs to them: embeddings, lists of models.
};

// Whether a stream of an upstream that speaks OpenAI's API is asked for its usage although the
// client did not ask. The client does not see the difference.
enum class StreamUsage : uint8_t {
    by_provider,  // As the provider's row in the table has it.
    always,       // So that tokens are accounted for; changes one member of the request.
    as_asked,     // Requests go through byte for byte; streams of other clients count no tokens.
};

// How replies in the client's own dialect are passed on.
enum class ReplyHandling : uint8_t {
    by_provider,  // As the provider's row in the table has it.
    relay,        // Byte for byte.
    normalize,    // Read and written again, so that deviations from the dialect are mended.
};

// What happens to a parameter that the upstream has no counterpart for.
enum class UnsupportedParameters : uint8_t {
    drop,    // Left out and listed in x-gateway-dropped-params.
    warn,    // Likewise, with a line in the log.
    strict,  // Refused with 400.
};

struct HeaderOption {
    std::string name;
    std::string value;

    bool operator==(const HeaderOption&) const = default;
};

// The name that clients use and the name that the upstream knows.
struct ModelAlias {
    std::string alias;
    std::string model;

    bool operator==(const ModelAlias&) const = default;
};

// Four clocks of an exchange, independent of each other.
struct UpstreamTimeouts {
    // One address: SYN, answer and TLS. 5 s covers a lost SYN and its retransmissions.
    uint32_t connect_ms = 5'000;
    // From the request's last byte to the first byte of the answer. Reasoning models think for
    // minutes before they say a word when the answer is not streamed; vendors' SDKs wait 10 min.
    uint32_t first_byte_ms = 600'000;
    // Silence inside an answer. Engines emit a token or a comment far more often than that.
    uint32_t silence_ms = 300'000;
    // Whole exchange. 0 is off, because a stream that still brings tokens is healthy.
    uint32_t total_ms = 0;

    bool operator==(const UpstreamTimeouts&) const = default;
};

// The pool of one upstream on one shard.
struct PoolOptions {
    // Busy and idle ones together. An exchange holds a connection for the length of its stream.
    uint32_t connections_max = 16'384;
    // Exchanges that may wait for a connection; the next one is answered with 503.
    uint32_t waiters_max = 1'024;
    uint32_t wait_timeout_ms = 5'000;
    // Below the 60 s after which common load balancers drop an idle connection.
    uint32_t idle_timeout_ms = 55'000;
    // More than this many are closed instead of kept.
    uint32_t idle_connections_max = 256;
    // Of the idle connections that nobody needed for so long, half are closed: after a burst they
    // would pin memory here and at the upstream. 0 leaves all of them to the idle timeout.
    // HAProxy's period; six of them in 30 s leave 4 of 256.
    uint32_t surplus_period_ms = 5'000;
    // How often a request is sent again because the connection died while idle, that is when the
    // upstream closed it and processed nothing. 0 switches it off.
    uint32_t idle_death_retries_max = 2;

    bool operator==(const PoolOptions&) const = default;
};

// When a request that failed is sent again, and how keys rest. Only what the table of
// docs/ERRORS.md calls worth another try is, and never once a byte of an answer has gone to the
// client.
struct RetryOptions {
    // Besides the first attempt; 0 is off. What vendors' own clients do. A sibling key that is
    // tried because a key was refused does not count.
    uint32_t retries_max = 2;
    // The n-th wait is drawn evenly from zero to initial * multiplier^n ("full jitter"), which
    // spreads those that failed together. Half a second is what vendors' clients begin with.
    uint32_t initial_ms = 500;
    double multiplier = 2.0;
    // Upper end of the waits. An upstream that asks for a longer rest is taken at its word: the
    // client gets the error, and when to come back. What vendors' clients wait themselves.
    uint32_t wait_ms_max = 60'000;
    // What retries may add to the live traffic, so that they cannot hold down an upstream that
    // fails because it is overloaded; the share of Envoy and finagle.
    uint32_t budget_percent = 20;
    // Of each shard, whatever its traffic; else a quiet gateway would have no retries at all.
    uint32_t budget_per_s_min = 3;
    // How long a key rests that the upstream refused. People replace keys in minutes. 0 lets no
    // key rest, for being throttled neither.
    uint32_t key_cooldown_ms = 300'000;

    bool operator==(const RetryOptions&) const = default;
};

// The embedded simulator, for provider = "simulated": an LLM without an LLM.
struct SimulatorOptions {
    uint32_t time_to_first_token_ms = 200;
    uint32_t inter_token_time_ms = 20;  // 50 tokens a second, a pace one can watch.
    // Length of an answer, unless the request's own limit is lower.
    uint32_t tokens = 64;
    uint32_t embedding_dimensions = 256;
    // What /v1/models lists. Any other name is answered just the same.
    std::vector<std::string> models = {"sluice-simulated"};

    bool operator==(const SimulatorOptions&) const = default;
};

inline constexpr std::string_view kSimulatedProvider = "simulated";

// Who hands out the keys of AWS that a role has.
enum class RoleSource : uint8_t {
    none,       // There is no role, or keys of another kind.
    container,  // The endpoint that the environment of a container names.
    instance,   // The instance metadata service.
};

// Who hands out tokens of Microsoft Entra ID.
enum class IdentitySource : uint8_t {
    none,         // Nobody: they are of another kind.
    application,  // Entra ID itself, for the secret of an application.
    service,      // The endpoint that the environment of App Service or a container names.
    instance,     // The instance metadata service.
};

struct IdentityOptions {
    IdentitySource source = IdentitySource::none;
    std::string tenant = {};
    std::string client_id = {};

    bool operator==(const IdentityOptions&) const = default;
};

// How requests for a provider are made out, where its row in the table of vendors is not right.
struct ProviderOptions {
    std::string api_version = {};  // Azure: the api-version of its URLs.
    std::string location = {};     // Google's location, or the region of AWS.
    // Google: the file of a service account or a user, from which access tokens are made.
    std::string credentials_file = {};
    // What was found there; of a container of AWS, what it authorizes itself with; of an
    // application or a service of Azure, its secret.
    Secret credentials = {};
    IdentityOptions identity = {};
    std::string token_scope = "https://cognitiveservices.azure.com/.default";  // Entra ID
    // The upstream that hands out tokens or keys; added when the configuration is loaded.
    std::string token_upstream = {};
    // AWS: from the environment, or a profile of the shared files, or else of a role.
    std::string profile = {};
    std::string access_key_id = {};
    Secret secret_access_key = {};
    Secret session_token = {};
    RoleSource role_source = RoleSource::none;
    std::string role_target = {};  // The container's path and query.
    // "bearer", "header:NAME", "query:NAME", "entra" or "none"; empty is as the provider has it.
    std::string auth = {};
    std::vector<std::string> quirks = {};    // Added to the provider's.
    std::vector<std::string> supports = {};  // Capabilities that it has after all,
    std::vector<std::string> lacks = {};     // and that it has not.
    // Paths below base_url by operation: { chat = "/v2/chat" }.
    std::vector<HeaderOption> paths = {};
    ReplyHandling replies = ReplyHandling::by_provider;
    StreamUsage stream_usage = StreamUsage::by_provider;
    UnsupportedParameters unsupported_parameters = UnsupportedParameters::drop;
    // Sent where the provider demands a limit and the client gave none.
    uint32_t tokens_default = 4096;
    // Largest reply that is translated whole, and largest error that is read.
    uint32_t reply_bytes_max = 64U * 1024 * 1024;

    bool operator==(const ProviderOptions&) const = default;
};

struct UpstreamOptions {
    std::string name = {};
    // Of a member of a pool that was found at run time: the upstream whose settings it has, and
    // which of those that had its address.
    std::string origin = {};
    std::string instance = {};
    std::string provider = "openai_compatible";  // The vendor; see providers/vendor_table.cc.
    UpstreamType type = UpstreamType::chat;
    // scheme://host[:port][/path]; checked when the configuration is loaded. Empty is the
    // provider's own address, where it has one.
    std::string base_url = {};

    // Where the key comes from: one of the four, or none for upstreams without authentication.
    std::string token_env = {};
    std::string token_file = {};
    // Several keys, used in turn.
    std::vector<std::string> token_envs = {};
    std::vector<std::string> token_files = {};
    Secret token = {};                        // What was found there,
    std::vector<Secret> sibling_tokens = {};  // and after the first one.

    std::string organization = {};           // Sent as openai-organization when not empty.
    std::string project = {};                // Sent as openai-project when not empty.
    std::vector<HeaderOption> headers = {};  // Added to every request; never taken from the client.
    bool supports_streaming = true;
    std::vector<ModelAlias> models = {};  // Names rewritten for this upstream on every route.

    ProviderOptions vendor = {};
    UpstreamTimeouts timeouts = {};
    PoolOptions pool = {};
    RetryOptions retry = {};
    net::TlsClientOptions tls = {};
    SimulatorOptions simulator = {};

    // Whether it is said anywhere where to find a key.
    bool names_keys() const {
        return !token_env.empty() || !token_file.empty() || !token_envs.empty() ||
               !token_files.empty();
    }
    bool is_simulated() const { return provider == kSimulatedProvider; }
    // What its series are counted under: names of members never end.
    std::string_view series_name() const { return origin.empty() ? name : origin; }
    bool operator==(const UpstreamOptions&) const = default;
};

}  // namespace sluice::upstream
