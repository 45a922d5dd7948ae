// The settings of [llm.NAME]: where requests go, and how.
#include <array>
#include <string_view>

#include "config/checks.h"
#include "config/provider_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "net/options.h"
#include "upstream/options.h"

namespace sluice::config {

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

using net::SocketOptions;
using net::TlsClientOptions;
using upstream::PoolOptions;
using upstream::ProviderOptions;
using upstream::RetryOptions;
using upstream::SimulatorOptions;
using upstream::UpstreamOptions;
using upstream::UpstreamTimeouts;

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
    setting<&UpstreamOptions::token_envs>(
        "token_envs",
        "Names of the environment variables that hold several keys, which are used in turn. A key "
        "that is refused or throttled rests, and its request is sent again with another one.")
        .check(check_environment_name),
    setting<&UpstreamOptions::token_files>("token_files", "Likewise, files that hold a key each.")
        .check(check_file_path),
    setting<&UpstreamOptions::retry, &RetryOptions::retries_max>(
        "max_retries",
        "How often a request is sent again after an error that may pass: no connection, 408, 409, "
        "429, 500 and above. Never after a byte of the answer went to the client. 0 is off.")
        .range(0, 10),
    setting<&UpstreamOptions::retry, &RetryOptions::initial_ms>(
        "retry_initial_ms",
        "Upper end of the wait before the first retry; each wait is drawn evenly from zero to it.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::retry, &RetryOptions::multiplier>(
        "retry_multiplier", "How much larger it is before each further one.")
        .range(1, 10),
    setting<&UpstreamOptions::retry, &RetryOptions::wait_ms_max>(
        "retry_max_ms",
        "Longest wait. When the upstream asks for more (retry-after), the client gets the error.")
        .range(1, kTimeMsMax),
    setting<&UpstreamOptions::retry, &RetryOptions::budget_percent>(
        "retry_budget_percent",
        "Retries that are made at most, as a share of the requests of a shard.")
        .range(0, 100),
    setting<&UpstreamOptions::retry, &RetryOptions::budget_per_s_min>(
        "retry_budget_per_s_min", "Retries a second that each shard may make besides.")
        .range(0, kCountMax),
    setting<&UpstreamOptions::retry, &RetryOptions::key_cooldown_ms>(
        "key_cooldown_ms",
        "How long a key rests that was refused (401, 402, 403), when there are others. A throttled "
        "one (429) rests for its model, as long as retry-after says. 0: keys do not rest at all.")
        .range(0, kTimeMsMax),
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
        "How the key is sent: \"bearer\", \"header:NAME\", \"query:NAME\" or \"none\"; \"entra\" "
        "is "
        "a token of Microsoft Entra ID, for AZURE_TENANT_ID, AZURE_CLIENT_ID and "
        "AZURE_CLIENT_SECRET or else of the machine's identity, renewed in time. Empty is as the "
        "provider has it.")
        .check(check_auth),
    setting<&UpstreamOptions::vendor, &ProviderOptions::token_scope>(
        "token_scope",
        "Entra ID: what its tokens are for. Projects of Foundry want "
        "\"https://ai.azure.com/.default\".")
        .check(check_header_value),
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

}  // namespace

SectionTable llm_section() {
    return {"[llm.NAME]", kLlmSettings, &defaults<UpstreamOptions>};
}

}  // namespace sluice::config
