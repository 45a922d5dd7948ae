// The settings of [traces]: where traces go, which of them, and what they may take.
#include <array>
#include <string>
#include <string_view>

#include "config/accessor.h"
#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "net/options.h"
#include "trace/options.h"

namespace sluice::config {

template <>
struct ChoiceNames<trace::Compression> {
    static constexpr std::string_view kNames[] = {"none", "gzip"};
};

namespace {

using net::TlsClientOptions;
using trace::TraceOptions;

// The name is the field's, the value is the name of the environment variable that holds its value.
std::string check_secret_header(std::string_view name, std::string_view variable) {
    if (std::string problem = check_header_name(name); !problem.empty()) {
        return problem;
    }
    return variable.empty() ? "is empty; expected the name of an environment variable"
                            : check_environment_name(variable);
}

std::string check_attribute(std::string_view name, std::string_view /*value*/) {
    return name.empty() ? "has no name" : "";
}

constexpr auto kTracesSettings = std::to_array<Setting>({
    setting<&TraceOptions::endpoint>(
        "endpoint",
        "Base URL of a receiver of OTLP over HTTP, such as \"http://localhost:4318\". Empty: no "
        "traces.")
        .check(check_base_url)
        .also_environment("OTEL_EXPORTER_OTLP_ENDPOINT")
        .restart(),
    setting<&TraceOptions::path>("path", "Where the receiver takes traces, below its base URL.")
        .check(check_path_prefix)
        .restart(),
    setting<&TraceOptions::headers>(
        "headers", "Headers of requests to the receiver, as { name = \"value\" }. Not for keys.")
        .check_each(check_added_header)
        .restart(),
    setting<&TraceOptions::header_envs>(
        "header_envs",
        "Headers whose values are secrets, as { name = \"VARIABLE\" }: the environment variable "
        "holds the value.")
        .check_each(check_secret_header)
        .restart(),
    setting<&TraceOptions::service_name>("service_name", "Resource attribute service.name.")
        .also_environment("OTEL_SERVICE_NAME")
        .restart(),
    setting<&TraceOptions::resource>(
        "resource",
        "More attributes of the resource, as { \"deployment.environment.name\" = \"prod\" }. They "
        "replace the gateway's own of the same name.")
        .check_each(check_attribute)
        .also_environment("OTEL_RESOURCE_ATTRIBUTES")
        .restart(),
    setting<&TraceOptions::sample_ratio>(
        "sample_ratio", "Share of traces without a parent that is kept, by their id.")
        .range(0, 1),
    setting<&TraceOptions::parent_based>(
        "parent_based",
        "Whether the sampled flag of a client's traceparent counts instead of the ratio."),
    setting<&TraceOptions::keep_errors>(
        "keep_errors",
        "Whether requests that fail, by the gateway's or an upstream's fault, are kept besides."),
    setting<&TraceOptions::slow_ms>(
        "slow_ms", "Requests that take so long are kept besides. 0 keeps none for that.")
        .range(0, kTimeMsMax),
    setting<&TraceOptions::compression>("compression", "How requests to the receiver are packed.")
        .restart(),
    setting<&TraceOptions::batch_spans_max>("batch_spans_max", "Spans of one request, about.")
        .range(1, 20'000)
        .restart(),
    setting<&TraceOptions::batch_delay_ms>("batch_delay_ms",
                                           "How long traces come together before they are sent.")
        .range(1, 60'000)
        .restart(),
    setting<&TraceOptions::queue_traces_max>(
        "queue_traces_max",
        "Traces that wait to be sent, per shard; three kilobytes each. Above it they are dropped "
        "and counted.")
        .range(2, 100'000)
        .restart(),
    setting<&TraceOptions::timeout_ms>("timeout_ms", "Time for one request to the receiver.")
        .range(1, kTimeMsMax)
        .restart(),
    setting<&TraceOptions::retry_ms_max>(
        "retry_ms_max",
        "How long a batch is tried again while the receiver cannot take it. Then it is dropped.")
        .range(0, kTimeMsMax)
        .restart(),
    setting<&TraceOptions::flush_timeout_ms>(
        "flush_timeout_ms", "Time that the last traces have to be sent when the process ends.")
        .range(0, kTimeMsMax)
        .restart(),

    setting<&TraceOptions::tls, &TlsClientOptions::ca_file>(
        "tls.ca_file", "PEM bundle of authorities to trust. Empty takes the system's.")
        .check(check_file_path)
        .restart(),
    setting<&TraceOptions::tls, &TlsClientOptions::certificate_file>(
        "tls.certificate_file",
        "PEM file of the certificate that is shown when the receiver asks for one.")
        .check(check_file_path)
        .restart(),
    setting<&TraceOptions::tls, &TlsClientOptions::private_key_file>(
        "tls.private_key_file", "PEM file with its private key.")
        .check(check_file_path)
        .restart(),
    setting<&TraceOptions::tls, &TlsClientOptions::server_name>(
        "tls.server_name", "Name to ask for and to verify. Empty takes the host of endpoint.")
        .check(check_server_name)
        .restart(),
    setting<&TraceOptions::tls, &TlsClientOptions::verify>(
        "tls.verify", "Verifies the receiver's certificate. Switch it off in tests only.")
        .restart(),
    setting<&TraceOptions::tls, &TlsClientOptions::version_min>(
        "tls.version_min", "Oldest TLS version to speak with it.")
        .restart(),
});

}  // namespace

SectionTable traces_section() {
    return {"[traces]", kTracesSettings, &defaults<TraceOptions>};
}

}  // namespace sluice::config
