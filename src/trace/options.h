// What can be set about traces. Plain values: filled by config/; sampling is read by every shard,
// the rest by the exporter when the process starts.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "net/options.h"

namespace sluice::trace {

enum class Compression : uint8_t { none, gzip };

// A name and a text: a field of a request, or an attribute.
struct NamedText {
    std::string name;
    std::string value;

    bool operator==(const NamedText&) const = default;
};

struct TraceOptions {
    // Base URL of a receiver of OTLP/HTTP; `path` comes behind it. Empty: no traces.
    std::string endpoint = {};
    std::string path = "/v1/traces";  // As OTLP has it.
    std::vector<NamedText> headers = {};
    // Fields whose values are secrets: the name, and the environment variable that holds the value.
    std::vector<NamedText> header_envs = {};
    std::vector<std::pair<std::string, Secret>> secret_headers = {};  // What was found there.
    std::string service_name = "sluice";
    std::vector<NamedText> resource = {};  // More attributes of the resource.
    // Of traces without a parent. A tenth shows what is usual; what is not is kept besides.
    double sample_ratio = 0.1;
    // What a valid traceparent says of sampling counts instead of the ratio.
    bool parent_based = true;
    bool keep_errors = true;
    // Kept when they take that long; 0 is off. Long answers stream for half a minute.
    uint32_t slow_ms = 60'000;
    Compression compression = Compression::gzip;
    // Of one request; OpenTelemetry's own default.
    uint32_t batch_spans_max = 512;
    // How long traces come together. A ring that is half full is taken earlier.
    uint32_t batch_delay_ms = 1'000;
    // Traces that wait, per shard, of three kilobytes; above it they are dropped and counted.
    uint32_t queue_traces_max = 1'024;
    // What one request to the receiver may take; OpenTelemetry's own default.
    uint32_t timeout_ms = 10'000;
    // How long a batch is tried again when the receiver cannot take it. Meanwhile the queue fills.
    uint32_t retry_ms_max = 60'000;
    // What the traces that are left get to be sent in when the process ends.
    uint32_t flush_timeout_ms = 2'000;
    net::TlsClientOptions tls = {};

    bool enabled() const { return !endpoint.empty(); }
    bool operator==(const TraceOptions&) const = default;
};

}  // namespace sluice::trace
