// From a record to its spans: names and attributes as OpenTelemetry's semantic conventions publish
// them, for HTTP servers and for clients of generative AI; `sluice.*` for what they have no name
// for. docs/TRACES.md lists them. Pure; any thread.
#pragma once

#include <string_view>

#include "trace/otlp.h"
#include "trace/record.h"

namespace sluice::trace {

// The conversation as JSON of the published form; what is empty is told as bytes, where the record
// has them.
struct Messages {
    std::string_view input;
    std::string_view output;
};

// Appends all spans of the record; span_count() says how many.
void write_spans(OtlpText& to, const Record& record, const Messages& messages = {});

// A vendor of our table as `gen_ai.provider.name`: the published one, or its own.
std::string_view provider_name(std::string_view vendor);
// An operation of ours as `gen_ai.operation.name`; empty for what is none that we know. Static.
std::string_view semantic_operation(std::string_view operation);
// A method as `http.request.method`. Static.
std::string_view semantic_method(std::string_view method);

}  // namespace sluice::trace
